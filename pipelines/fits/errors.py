"""Why a FITS file could not be taken, by one code for each reason."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pipelines.errors import DarkroomError

__all__ = ["CODES", "FitsError", "not_fits"]

CODES: dict[str, str] = {
    "not-found": "no file has this name",
    "broken-symlink": "a symbolic link leads nowhere",
    "unreadable": "the file cannot be opened or read",
    "empty-file": "the file has no bytes",
    "not-fits": "the file does not begin as a FITS file does",
    "no-end": "a header has no END card",
    "header-too-large": "a header, or all headers together, are over the cap",
    "bad-structure": "the cards that say how large the data are cannot be believed",
    "truncated": "the file is shorter than its headers say",
    "too-large": "the data, or what they decompress to, are over a cap",
    "bad-compression": "the compressed bytes cannot be decompressed",
    "no-space": "no room for the temporary copy of a decompressed file",
}
"""Every code a :class:`FitsError` may carry, and what it means."""


class FitsError(DarkroomError):
    """A file that cannot be read as FITS.

    Parameters
    ----------
    code
        One of :data:`CODES`; stable, meant to be stored and counted.
    message
        What happened, to what.
    hint
        What to do next.
    path
        The file, when it is known.

    Examples
    --------
    >>> error = FitsError("empty-file", "the file has no bytes", "copy it again")
    >>> error.code, str(error)
    ('empty-file', 'the file has no bytes: copy it again')
    """

    def __init__(self, code: str, message: str, hint: str = "", path: str = "") -> None:
        if code not in CODES:
            raise ValueError(f"{code!r} is not a code of FitsError: one of {', '.join(CODES)}")
        super().__init__(code, message, hint, path)
        self.code = code
        self.message = message
        self.hint = hint
        self.path = path

    def at(self, path: str | os.PathLike[str]) -> FitsError:
        """Return the same error with the file it is about."""
        return FitsError(self.code, self.message, self.hint, os.fspath(path))

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return where + self.message + (f": {self.hint}" if self.hint else "")


_FORMATS: Mapping[bytes, str] = {
    b"#ASDF": "an ASDF file, as the pipeline of Roman writes them",
    b"XISF0100": "an XISF file, as PixInsight writes them",
    b"\x89HDF": "an HDF5 file",
    b"II*\x00": "a TIFF file, or a camera's raw picture",
    b"MM\x00*": "a TIFF file, or a camera's raw picture",
    b"<!DOCTYPE": "a web page, as a failed download leaves one",
    b"<html": "a web page, as a failed download leaves one",
}
"""What other files begin with."""


def not_fits(start: bytes, what: str = "the file") -> FitsError:
    """Return the error for bytes that do not begin as FITS; formats that are often met are named."""
    for first, named in _FORMATS.items():
        if start[: len(first)].upper() == first.upper():
            return FitsError("not-fits", f"{what} is {named}, not FITS", "only FITS files can be taken")
    return FitsError("not-fits", f"{what} begins with {start!r}, not with SIMPLE", "only FITS files can be taken")
