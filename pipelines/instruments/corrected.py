"""What a header says was done to frames before they were combined: what was subtracted, and by which program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelines.instruments.dialects import corrections as tables
from pipelines.instruments.dialects.entry import Key
from pipelines.instruments.dialects.kinds import RAW_WORDS
from pipelines.instruments.lookup import Headers
from pipelines.instruments.values import squeezed

__all__ = ["Corrected", "read_corrected"]

_UNIT = (Key("BUNIT", "FITS 4.0"),)


@dataclass(frozen=True, slots=True)
class Corrected:
    """What was done to a file before it came here, as far as it says.

    Attributes
    ----------
    removed : Mapping
        ``'overscan'``, ``'bias'``, ``'dark'``, ``'flat'``, ``'something'`` (a correction that is not named), each with
        what says so.
    program : str or None
        That wrote the file, as it calls itself.
    unit_range : bool
        Whether floating-point numbers of that program are 0 to 1.
    unit : str
        Of its values; empty where it is not stated.
    """

    removed: Mapping[str, str] = field(default_factory=dict)
    program: str | None = None
    unit_range: bool = False
    unit: str = ""

    @property
    def counts(self) -> bool:
        """Whether its values are in the unit of raw frames, as far as it says."""
        return self.unit.lower() in tables.COUNTS


def read_corrected(headers: Headers, name: str = "") -> Corrected:
    """Read what was done to a file.

    Parameters
    ----------
    headers : Headers
        Of the file.
    name : str
        Of the file: some programs tell it there alone.

    Examples
    --------
    >>> from pipelines.instruments.lookup import StoredHdu
    >>> hdu = StoredHdu(0, "", 1, "primary", (4, 4), "float32", {"CALSTAT": "BD"})
    >>> dict(read_corrected(Headers([hdu])).removed)
    {'bias': 'CALSTAT@0', 'dark': 'CALSTAT@0'}
    """
    removed: dict[str, str] = {}
    for what, keys in tables.REMOVED:
        for found in headers.each(keys):
            if found.value is True or (
                isinstance(found.value, str | float | int)
                and found.value is not False
                and squeezed(str(found.value)) not in RAW_WORDS
            ):
                removed.setdefault(what, found.source)
    letters = headers.find((tables.LETTERS,))
    if letters is not None and isinstance(letters.value, str):
        for letter in letters.value.upper():
            if letter in tables.LETTER:
                removed.setdefault(tables.LETTER[letter], letters.source)
    lines = headers.history()
    for text, what, _ in tables.HISTORY:
        if any(text in line for line in lines):
            removed.setdefault(what, "HISTORY")
    for prefix, program in tables.PREFIXES:
        if name.lower().startswith(prefix):
            removed.setdefault("something", f"its name, as {program} writes it")
    programs = [str(found.value) for found in headers.each(tables.PROGRAMS) if isinstance(found.value, str)]
    if any("imageintegration" in line for line in lines):
        programs.append("PixInsight")
    ranged = next((one for one in programs if any(text in squeezed(one) for text in tables.UNIT_RANGE)), None)
    unit = headers.find(_UNIT, pixels=True)
    return Corrected(
        removed,
        ranged or (programs[0] if programs else None),
        ranged is not None,
        str(unit.value).strip() if unit is not None else "",
    )
