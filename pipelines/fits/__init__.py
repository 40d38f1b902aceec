"""FITS files that nobody vouches for, read in bounded memory and time, losing nothing.

Headers are read card by card, pixels a band of rows at a time; whatever is neither is
kept as residue, so that :func:`rebuild_file` gives the file back byte for byte.

Examples
--------
>>> from pipelines.fits import open_fits
>>> with open_fits("83F010730_45_dark.fits") as file:  # doctest: +SKIP
...     file.hdus[0].header["EXPTIME"], file.hdus[0].pixels.read(0, 64).shape
(600.0, (64, 3358))
"""

from pipelines.fits.errors import FitsError
from pipelines.fits.file import FitsFile, Hdu, open_fits
from pipelines.fits.limits import Limits
from pipelines.fits.rebuild import rebuild_file

__all__ = ["FitsError", "FitsFile", "Hdu", "Limits", "open_fits", "rebuild_file"]
