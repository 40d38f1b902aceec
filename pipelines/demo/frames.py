"""A Dragonfly frame as a FITS file: the cards of the array's headers around 16-bit pixels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipelines.demo.cameras import Frame

_BLOCK = 2880


def frame_file(frame: Frame, values: Mapping[str, str | float], *, unit: int) -> bytes:
    """Write a frame, uint16 (rows, columns), as the bytes of a FITS file.

    Parameters
    ----------
    frame
        The pixels; they are written as signed 16-bit numbers with BZERO 32768.
    values
        What differs from frame to frame.
    unit
        Number of the unit, from which the serial numbers of lens and focuser follow.
    """
    from astropy.io import fits

    header = fits.Header()
    cards: tuple[tuple[str, str | float, str], ...] = (
        ("SIMPLE", True, "file conforms to the FITS standard"),
        ("BITPIX", 16, "bits per pixel"),
        ("NAXIS", 2, "number of axes"),
        ("NAXIS1", frame.shape[1], "columns"),
        ("NAXIS2", frame.shape[0], "rows"),
        ("EXTEND", True, "extensions may be present"),
        ("BSCALE", 1, "value = BZERO + BSCALE * stored"),
        ("BZERO", 32768, "unsigned 16-bit pixels"),
        ("DATE", values["DATE"], "UTC at the start of the exposure"),
        ("EXPTIME", values["EXPTIME"], "[s] exposure time"),
        ("IMAGETYP", values["IMAGETYP"], "light, dark or flat"),
        ("SERIALNO", values["SERIALNO"], "serial number of the camera"),
        ("FILTER", "G" if unit % 2 else "R", "filter in the beam"),
        ("FILTNUM", 0 if unit % 2 else 1, "its place"),
        ("TARGET", values["TARGET"], "what the array points at"),
        ("RA", values["RA"], "right ascension"),
        ("DEC", values["DEC"], "declination"),
        ("OBJCTRA", values["RA"], "right ascension"),
        ("OBJCTDEC", values["DEC"], "declination"),
        ("EPOCH", "JNOW", "equinox of the coordinates"),
        ("ALTITUDE", values["ALTITUDE"], "[deg]"),
        ("AZIMUTH", values["AZIMUTH"], "[deg]"),
        ("TEMPERAT", values["TEMPERAT"], "[degC] temperature of the sensor"),
        ("BIRGERSN", str(11500 + unit), "serial number of the focuser"),
        ("CANONSN", str(3150000000 + unit), "serial number of the lens"),
        ("FWHM", values["FWHM"], "[pix] median of the stars"),
        ("FWHMRMS", values["FWHMRMS"], "[pix] its scatter"),
        ("MEAN", 0.0, "not measured at the telescope"),
        ("NOBJ", values["NOBJ"], "stars found"),
        ("EXTRA", "", "nothing more"),
        ("COMMENT", "Simulated by Darkroom", ""),
    )
    for keyword, value, comment in cards:
        header.append((keyword, value, comment), end=True)
    # A change of the top bit makes unsigned numbers the signed ones that BZERO moves back.
    pixels = (frame ^ np.uint16(0x8000)).astype(">u2").tobytes()
    text = header.tostring(sep="", endcard=True, padding=True).encode("ascii")
    file: bytes = text + pixels.ljust(-(-len(pixels) // _BLOCK) * _BLOCK, b"\0")
    return file
