"""The uncalibrated exposure of a ground test as a file that the JWST pipeline takes: SCI, REFOUT, flight keywords."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from catalog import unpack_cards
from pipelines.errors import UsageError
from pipelines.session import Session

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from arraystore import Cube

_BLOCK = 2880

_STRUCTURE = frozenset({"SIMPLE", "BITPIX", "EXTEND", "BSCALE", "BZERO", "NAXIS", "NAXIS1", "NAXIS2", "NAXIS3", "END"})

# Cards of the ground systems that say in other words what a flight keyword says, or that clash with
# one: COMPRESS is a logical there. They stay in the document; the pipeline gets the flight keyword.
_REPLACED = frozenset(
    {
        *("NINT", "NGROUP", "NFRAME", "NSAMPLE", "READOUT", "DATE_OBS", "TIME_OBS", "DATE_END", "TIME_END"),
        *("INTTIME", "EXPTIME", "WALLTIME", "COMPRESS", "FILETYPE", "EXP_ID", "INT_ID", "READ_ID"),
    }
)

_ALWAYS = {
    "TELESCOP": "JWST",
    "INSTRUME": "MIRI",
    "EXP_TYPE": "MIR_IMAGE",
    "FILTER": "OPAQUE",
    "FASTAXIS": 1,
    "SLOWAXIS": 2,
    "DATAMODL": "Level1bModel",
}


def write_uncal(session: Session, document: Mapping[str, Any], out: str | os.PathLike[str]) -> Path:
    """Write a ground-test exposure of the archive as an uncalibrated flight file.

    The cards of the original come first, as they are, without those that a flight keyword replaces;
    the document's ``converted`` keywords follow. Written one integration at a time.

    Parameters
    ----------
    document : Mapping
        Of the profile ``miri_jpl`` or ``miri_otis``, with the arrays ``sci`` and ``refout``.
    out : path
        The file to write; `jwst` makes its products' names of one that ends in ``_uncal.fits``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UsageError
        The document is no ground-test exposure, or only its headers were ingested.
    arraystore.StoreError
        An array is lost or damaged.
    """
    converted, arrays = document.get("converted"), document["arrays"]
    if not isinstance(converted, Mapping):
        raise UsageError(f"{document['_id']} is no ground-test exposure; `darkroom export` gives its file")
    if not {"sci", "refout"} <= set(arrays):
        raise UsageError(f"only the headers of {document['_id']} were ingested; ingest it without --headers-only first")
    target = Path(out)
    header = _primary(document, converted)
    header["FILENAME"] = (target.name, "")
    with open(target, "wb") as file:
        file.write(header.tostring().encode("ascii"))
        for name in ("sci", "refout"):
            _write_image(file, session.store.open(arrays[name]).stored, name.upper())
    return target


def _primary(document: Mapping[str, Any], converted: Mapping[str, Any]) -> Header:
    """Return the primary header: the original's cards, then what they mean in flight keywords."""
    from astropy.io.fits import Card, PrimaryHDU

    header = PrimaryHDU().header
    original = _original_header(document)
    for card in original.cards:
        if card.keyword in _STRUCTURE | _REPLACED or not card.keyword:
            continue
        header.append(Card.fromstring(card.image), end=True)  # as it stands, not as astropy would write it
    if "FILENAME" in original:
        header["ORIGFILE"] = original["FILENAME"]
    for keyword, value in {**_ALWAYS, **converted}.items():
        if value is None:
            header.remove(keyword, ignore_missing=True)
        else:
            header[keyword] = (value, "")  # the ground system's comment is not about this value
    return header


def _original_header(document: Mapping[str, Any]) -> Header:
    from astropy.io.fits import Header

    header: Header = Header.fromstring(unpack_cards(document["cards"])[0])
    return header


def _write_image(file: BinaryIO, cube: Cube, name: str) -> None:
    """Write an array of unsigned 16-bit numbers as an image extension, by BZERO as the standard has it."""
    from astropy.io.fits import ImageHDU

    if cube.dtype != "uint16":
        raise UsageError(f"{name} is of type {cube.dtype}; a raw exposure has unsigned 16-bit numbers")
    header = ImageHDU().header
    header["BITPIX"] = 16
    header["NAXIS"] = cube.ndim
    for axis, length in enumerate(reversed(cube.shape), start=1):
        header.insert("PCOUNT", (f"NAXIS{axis}", length))
    header["BSCALE"], header["BZERO"], header["EXTNAME"] = 1, 32768, name
    file.write(header.tostring().encode("ascii"))
    for integration in range(cube.shape[0]):
        # Adding 2**15 to a 16-bit number turns its highest bit over.
        file.write((cube[integration] ^ 0x8000).astype(">u2").tobytes())
    file.write(b"\0" * (-cube.size * 2 % _BLOCK))
