"""Writes calibrated images as FITS: value, variance (UNCERT) and mask (MASK), as astropy's CCDData reads them."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from pipelines.calibration.apply.calibrated import CalibratedImage
from pipelines.errors import UsageError
from pipelines.processes.partial import partial_name

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = ["write_images"]

BLOCK = 2880
_PIECE = 1 << 17  # values put into FITS's byte order together: they stay in the cache


def write_images(images: Sequence[CalibratedImage], path: Path, *, primary: "Header", overwrite: bool = False) -> None:
    """Write the images of one frame.

    One image is the primary HDU, with the extensions UNCERT (its variance) and MASK (1: of no use). Of
    several each has SCI, UNCERT and MASK with its number as EXTVER, and IMAGE, the name it has in the
    raw file; the primary HDU then holds the cards they share. The file appears under its name when it
    is whole.

    Raises
    ------
    UsageError
        The file is there already, or cannot be written.
    """
    if path.exists() and not overwrite:
        raise UsageError(f"{path} is there already; choose another folder, or ask to overwrite it (--overwrite)")
    partial = partial_name(path)
    try:
        with open(partial, "xb") as file:
            if len(images) > 1:
                _hdu(file, None, primary, first=True)
            for number, image in enumerate(images, 1):
                _image(file, image, number if len(images) > 1 else None)
        os.replace(partial, path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}; make room, or write elsewhere") from error
    finally:
        with suppress(OSError):
            partial.unlink()


def _image(file: BinaryIO, image: CalibratedImage, number: int | None) -> None:
    """Write the HDUs of one image; the first of a file where it has no number."""
    from astropy.io.fits import Header

    done = image.corrected
    _hdu(file, done.value, image.header, name="SCI", number=number, first=number is None, told=image.name)
    if done.variance is not None:
        header = Header()
        header["UTYPE"] = ("VarianceUncertainty", "of the values, in their unit squared")
        _hdu(file, done.variance, header, name="UNCERT", number=number, told=image.name)
    _hdu(file, done.mask.view(np.uint8), Header(), name="MASK", number=number, told=image.name)


def _hdu(
    file: BinaryIO,
    plane: npt.NDArray[Any] | None,
    cards: "Header",
    *,
    name: str = "",
    number: int | None = None,
    first: bool = False,
    told: str = "",
) -> None:
    """Write one HDU: its structural cards, the others, and the pixels in FITS's byte order."""
    from astropy.io.fits import Header

    header = Header()
    header["SIMPLE" if first else "XTENSION"] = True if first else "IMAGE"
    header["BITPIX"] = 8 if plane is None or plane.dtype == np.uint8 else -32
    header["NAXIS"] = 0 if plane is None else 2
    for axis, length in enumerate(reversed(plane.shape) if plane is not None else (), 1):
        header[f"NAXIS{axis}"] = length
    if first:
        header["EXTEND"] = True
    else:
        header["PCOUNT"], header["GCOUNT"] = 0, 1
    if name:
        header["EXTNAME"] = name
    if number is not None:
        header["EXTVER"] = number
        header["IMAGE"] = (told, "its name in the raw file")
    text = header.tostring(endcard=False, padding=False) + cards.tostring(endcard=False, padding=False)
    data = (text + "END".ljust(80)).encode("ascii", "replace")
    file.write(data + b" " * (-len(data) % BLOCK))
    if plane is not None:
        _pixels(file, plane)


def _pixels(file: BinaryIO, plane: npt.NDArray[Any]) -> None:
    flat = plane.reshape(-1)
    for start in range(0, flat.size, _PIECE):
        piece = flat[start : start + _PIECE]
        file.write(piece.astype(piece.dtype.newbyteorder(">"), copy=False).data)
    file.write(bytes(-flat.nbytes % BLOCK))
