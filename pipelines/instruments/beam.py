"""Beam: the filters and dispersers that the light went through, as one word."""

from __future__ import annotations

import re
from typing import Any

from pipelines.instruments.dialects import filters as tables
from pipelines.instruments.dialects.entry import Key
from pipelines.instruments.setup import Reading
from pipelines.instruments.values import squeezed

__all__ = ["filter_word", "read_beam"]

_TECHNIQUE = (Key("ESO DPR TECH", "ESO"),)
_SPECTRA = ("spectrum", "echelle", "mos", "ifu")


def read_beam(reading: Reading, *, kind: str) -> None:
    """Read the filter, all wheels combined, and whether something disperses the light."""
    headers = reading.headers
    own = reading.keys("filter", ())
    places = (own,) if own else tables.WHEELS
    elements: list[str] = []
    sources: list[str] = []
    clear = empty = ""
    for number, place in enumerate(places):
        found = headers.find(place)
        if found is None:
            continue
        word = filter_word(found.value)
        disperses = not own and number == tables.DISPERSERS
        if _is_open(word):
            empty = empty or found.source
            if disperses:
                reading.put("dispersed", False, found.source)
        elif squeezed(word) in tables.CLEAR and len(squeezed(word)) > 2:
            clear = clear or found.source
        else:
            if disperses:
                reading.put("dispersed", True, found.source)
            if word not in elements:
                elements.append(word)
                sources.append(found.source)
    technique = headers.find(_TECHNIQUE)
    if technique is not None:
        spectral = any(word in str(technique.value).lower() for word in _SPECTRA)
        reading.put("dispersed", spectral, technique.source)
    elif kind.startswith("arc"):
        reading.put("dispersed", True, "kind")
    if elements:
        reading.put("filter", "+".join(elements), ", ".join(sources))
    elif clear or empty:
        reading.put("filter", "clear" if clear else "open", clear or empty)
    elif kind.split("-")[0] in ("flat", "light") and headers.present(tables.WHEELS[0]):
        reading.flags.append("filter-missing")


def filter_word(value: Any) -> str:
    """Return one word for a filter however it is spelled: one letter as it is (R is not r), longer ones in lower case.

    Examples
    --------
    >>> filter_word(" HA "), filter_word("R"), filter_word("r_G0303"), filter_word(3.0)
    ('ha', 'R', 'r_g0303', '3')
    """
    if isinstance(value, float) and value == int(value):
        value = int(value)
    text = " ".join(str(value).split())
    return text if len(text) == 1 else text.lower()


def _is_open(word: str) -> bool:
    plain = squeezed(word)
    if plain in tables.OPEN:
        return True
    return re.fullmatch(r"[0-9]*(open|air|empty|free)[0-9]*", plain) is not None
