"""The header of a calibrated frame: every card of the raw one that still holds, then what was done and with what."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from catalog import unpack_cards
from pipelines.calibration.apply.plan import Correction
from pipelines.version import __version__

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = ["calibrated_header", "primary_header"]

CARD = 80

_GONE = re.compile(
    r"(SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|INHERIT|PCOUNT|GCOUNT|GROUPS|BSCALE|BZERO|BLANK|BUNIT|CALSTAT|CHECKSUM"
    r"|DATASUM|DATAMIN|DATAMAX|EXTNAME|EXTVER|EXTLEVEL|TFIELDS|TTYPE\d+|TFORM\d+|TDIM\d+|THEAP|ZIMAGE|ZCMPTYPE"
    r"|ZBITPIX|ZNAXIS\d*|ZTILE\d+|ZNAME\d+|ZVAL\d+|ZQUANTIZ|ZDITHER0|ZSIMPLE|ZTENSION|ZEXTEND|ZPCOUNT|ZGCOUNT"
    r"|ZHECKSUM|ZDATASUM|ZBLANK|END)"
)
"""Keywords of the pixels as they were stored; the calibrated ones have their own."""

_TRIMMED = re.compile(r"(BIASSEC|TRIMSEC|DATASEC|AMPSEC|CCDSEC|DETSEC)\w*")
"""Sections of the raw frame, which mean nothing once it is trimmed."""


def primary_header(frame: Mapping[str, Any]) -> "Header":
    """Return the cards of a raw frame's primary HDU that hold for its calibrated images too."""
    return _kept(unpack_cards(frame["cards"])[:1], trimmed=False)


def calibrated_header(
    correction: Correction, image: str, *, trimmed: tuple[int, int] | None, steps: Sequence[str]
) -> "Header":
    """Return the header of one calibrated image.

    Parameters
    ----------
    image : str
        Its array in the raw frame's document.
    trimmed : (int, int) or None
        Columns and rows cut off at the left and below; reference pixels move by as many. None: the
        frame has its full size.
    steps : sequence of str
        What was done, one word each.

    Returns
    -------
    astropy.io.fits.Header
        CALSTAT holds the letters common software writes (O, T, B, D, F, G); DRUSEnnn the masters, each with
        its role; HISTORY what the frame lacks.
    """
    blocks = unpack_cards(correction.frame["cards"])
    hdu = _hdu_of(correction.frame, image)
    header = _kept(blocks[:1] + ([blocks[hdu]] if hdu else []), trimmed=trimmed is not None)
    if trimmed is not None:
        _shift(header, trimmed)
    header["BUNIT"] = (correction.unit, "unit of the values")
    header["CALSTAT"] = ("".join(_LETTERS[step] for step in steps), "O T B D F G: what was done")
    header["DRFRAME"] = correction.frame["_id"]
    header["DRVERS"] = (__version__, "darkroom that calibrated it")
    for n, (role, doc) in enumerate(correction.masters, 1):
        name = f"DRUSE{n:03d}"
        header[name] = doc["_id"]
        header.add_history(f"{name}: {role}{_scale(role, correction)}, {doc['status']}, identity {doc['identity']}")
    conversion = correction.conversions[image]
    if conversion.gain is not None:
        header["DRGAIN"] = (conversion.gain, "e-/ADU, " + conversion.source)
    if conversion.read_noise is not None:
        header["DRRDNOI"] = (conversion.read_noise, "ADU, of one sample")
    for note in correction.notes:
        header.add_history(note.encode("ascii", "replace").decode())
    return header


_LETTERS: Mapping[str, str] = {
    "overscan": "O", "trim": "T", "bias": "B", "dark": "D", "flat": "F", "gain": "G", "cosmic rays": "C"
}  # fmt: skip


def _scale(role: str, correction: Correction) -> str:
    return f" x {correction.scale:.6g}" if role == "dark" and correction.scale != 1 else ""


def _hdu_of(frame: Mapping[str, Any], image: str) -> int:
    """Return the HDU that an array of a frame comes from."""
    found = (n for n, entry in enumerate(frame.get("hdus") or ()) if image in (entry.get("arrays") or ()))
    return next(found, 0)


def _kept(blocks: Sequence[str | bytes], *, trimmed: bool) -> "Header":
    """Return the cards of header blocks, byte for byte, but for what no longer holds; a later block's word counts."""
    from astropy.io.fits import Header

    cards: list[tuple[str, str]] = []
    for block in blocks:
        text = block.decode("latin-1") if isinstance(block, bytes) else block
        new = [text[i : i + CARD] for i in range(0, len(text), CARD)]
        found = [(card[:8].strip(), card) for card in new if card.strip()]
        again = {key for key, card in found if card[8:10] == "= "}
        cards = [(key, card) for key, card in cards if key not in again or key in ("COMMENT", "HISTORY")] + found
    kept, dropping = [], False
    for key, card in cards:
        if key == "CONTINUE" and dropping:
            continue
        dropping = _GONE.fullmatch(key) is not None or (trimmed and _TRIMMED.fullmatch(key) is not None)
        if not dropping:
            kept.append(card)
    return Header.fromstring("".join(kept))


def _shift(header: "Header", cut: tuple[int, int]) -> None:
    """Move reference pixels, and say where the frame begins in the raw one (LTV, as IRAF has it)."""
    for axis, pixels in enumerate(cut, 1):
        key = f"CRPIX{axis}"
        if isinstance(header.get(key), int | float):
            header[key] = float(header[key]) - pixels
        before = header.get(f"LTV{axis}", 0.0)
        header[f"LTV{axis}"] = (before if isinstance(before, int | float) else 0.0) - pixels
