"""Sections: the images of a file, and in each the data, overscan and trimmed part of its amplifiers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.instruments.dialects import cameras, geometry
from pipelines.instruments.lookup import Headers
from pipelines.instruments.profile import HduLike
from pipelines.instruments.values import number, plain, section

__all__ = ["images"]

_IMAGES = frozenset({"primary", "image", "compressed-image"})
_PARTS = tuple(
    tuple((name, tuple(stem + ending for stem in stems)) for name, stems in parts)
    for parts in [(("data", geometry.DATA), ("bias", geometry.BIAS), ("trim", geometry.TRIM))]
    for ending in geometry.AMPLIFIER_ENDINGS
)
"""Keywords of the parts of each amplifier."""
_KEYWORDS = frozenset(keyword for parts in _PARTS for _, keywords in parts for keyword in keywords)


def images(headers: Headers, names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return what a file holds of frames: HDU, array, chip, and the sections of each amplifier.

    Parameters
    ----------
    names
        Name of the array of each HDU.

    Returns
    -------
    list of dict
        ``hdu``, ``name``; ``detector`` where its own header names the chip; ``amplifiers``, each with
        those of ``data``, ``bias`` and ``trim`` that are stated, as ``[x1:x2,y1:y2]`` counted from 1.
        Masks, errors and weights are not frames.
    """
    found = []
    for hdu in headers.hdus:
        if hdu.kind not in _IMAGES or len(hdu.shape) < 2 or hdu.dtype is None or _is_companion(hdu):
            continue
        entry: dict[str, Any] = {"hdu": hdu.index, "name": names.get(hdu.index, hdu.name)}
        chip = next((value for key in cameras.DETECTOR if (value := plain(hdu.header.get(key.name))) is not None), None)
        if chip is not None:
            entry["detector"] = str(chip)
        amplifiers = _amplifiers(hdu)
        if amplifiers:
            entry["amplifiers"] = amplifiers
        found.append(entry)
    return found


def _is_companion(hdu: HduLike) -> bool:
    return hdu.index > 0 and hdu.name.lower().strip("_0123456789") in geometry.NOT_FRAMES


def _amplifiers(hdu: HduLike) -> list[dict[str, str]]:
    header = hdu.header
    amplifiers: list[dict[str, str]] = []
    for parts in () if _KEYWORDS.isdisjoint(header) else _PARTS:
        sections = {}
        for name, keywords in parts:
            for keyword in keywords:
                value = section(header[keyword]) if keyword in header else None
                if value is not None and _fits(value, hdu):
                    sections[name] = value
                    break
        if sections:
            amplifiers.append(sections)
    return amplifiers or _by_eso(hdu)


def _by_eso(hdu: HduLike) -> list[dict[str, str]]:
    """Return the sections of a chip of one output by ESO's numbers of prescan and overscan columns."""
    header = hdu.header
    if "ESO DET OUT1 OVSCX" not in header:
        return []
    before = number(plain(header.get("ESO DET OUT1 PRSCX"))) or 0
    after = number(plain(header.get("ESO DET OUT1 OVSCX"))) or 0
    outputs = number(plain(header.get("ESO DET OUTPUTS"))) or (2 if "ESO DET OUT2 ID" in header else 1)
    ny, nx = hdu.shape[-2:]
    if outputs != 1 or after <= 0 or before + after >= nx:
        return []
    data = f"[{int(before) + 1}:{nx - int(after)},1:{ny}]"
    return [{"data": data, "bias": f"[{nx - int(after) + 1}:{nx},1:{ny}]", "trim": data}]


def _fits(text: str, hdu: HduLike) -> bool:
    """Tell whether a section lies within the image: one that does not is of another binning, or of another chip."""
    x1, x2, y1, y2 = (int(part) for side in text.strip("[]").split(",") for part in side.split(":"))
    ny, nx = hdu.shape[-2:]
    return max(x1, x2) <= nx and max(y1, y2) <= ny
