"""The guard of a group: settings that nobody declared, and that its frames do not share.

What a profile compares is known to agree. Any other keyword that divides the frames into a few values, and is
not known to vary from frame to frame, may be a setting that changed between them: such a group is mixed.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from catalog import decode_keyword
from pipelines.calibration.groups.keys import image_headers, number, observed
from pipelines.documents.schema import Doc
from pipelines.instruments import GroupRule
from pipelines.instruments.varying import DEGREES, is_temperature, varies

__all__ = ["mixed", "said"]

Values = dict[str, dict[str, int]]

ABSENT = "none"
"""How frames without the keyword are called."""

SHARE = 0.01  # of numbers that are not whole: telemetry, which is one value as long as it differs by less
_UNDECIDED = frozenset({"read_noise", "saturation"})
"""Observation fields by which no frames are told apart, so that their keywords stay under guard."""
_KEYWORD = re.compile(r"(?:1/)?([^@,\s][^@,]*)@\d+")
_SHOWN = 3  # keywords, and values of one, that a message names


def mixed(frames: Sequence[Doc], rule: GroupRule, irrelevant: Iterable[str] = ()) -> Values:
    """Find the keywords that divide frames which agree in every declared key.

    Few values are at most half as many as there are frames, each at least twice, or one odd frame out.

    Parameters
    ----------
    frames
        Documents of the frames.
    rule
        By which they were grouped.
    irrelevant
        Keywords, or shell patterns of them, that may differ.

    Returns
    -------
    dict
        For each such keyword how many frames have which value, the most frequent first.

    Examples
    --------
    >>> rule = GroupRule(kind="dark", keys=(), minimum=3)
    >>> mixed([{"header": {"PREAMP": gain}} for gain in (1, 1, 4, 4)], rule)
    {'PREAMP': {'1': 2, '4': 2}}
    """
    if len(frames) < 3:
        return {}
    headers = [_cards(frame) for frame in frames]
    patterns = tuple(irrelevant)
    free = _compared(frames, rule)
    found: Values = {}
    for keyword in dict.fromkeys(keyword for header in headers for keyword in header):
        values = [header.get(keyword) for header in headers]
        first = values[0]
        if all(value == first for value in values):
            continue
        plain = decode_keyword(keyword.partition("\0")[0])
        if varies(plain, rule.kind) or plain in free or any(fnmatchcase(plain, pattern) for pattern in patterns):
            continue
        counts = _counts(values, DEGREES if is_temperature(plain) else None)
        if _few(counts):
            found[plain] = dict(counts.most_common())
    return found


def said(found: Values) -> str:
    """Say what makes a group mixed, and what to do.

    Examples
    --------
    >>> said({"PREAMP": {"1": 3, "4": 3}})
    'mixed: PREAMP (1 x3, 4 x3); list it as one of `keys` or as `irrelevant` in a profile (darkroom profile new)'
    """
    parts = []
    for keyword, counts in list(found.items())[:_SHOWN]:
        shown = ", ".join(f"{value} x{count}" for value, count in list(counts.items())[:_SHOWN])
        parts.append(f"{keyword} ({shown}{', …' if len(counts) > _SHOWN else ''})")
    more = f" and {len(found) - _SHOWN} more keywords" if len(found) > _SHOWN else ""
    each = "it" if len(found) == 1 else "each"
    what = f"list {each} as one of `keys` or as `irrelevant` in a profile (darkroom profile new)"
    return f"mixed: {', '.join(parts)}{more}; {what}"


def _cards(frame: Doc) -> dict[str, Any]:
    """Return every card that describes a frame; of several images each one's, told apart."""
    main, *others = image_headers(frame)
    cards = dict(main)
    for place, header in enumerate(others):
        tail = f"\0{place}" if len(others) > 1 else ""
        for keyword, value in header.items():
            cards.setdefault(f"{keyword}{tail}", value)
    return cards


def _compared(frames: Sequence[Doc], rule: GroupRule) -> frozenset[str]:
    """Return the keywords that observation fields or keys of the rule were read from: those were compared."""
    found = {path.removeprefix("header.") for key in rule.keys for path in key.paths if path.startswith("header.")}
    for source in {
        str(source)
        for frame in frames
        for name, source in (frame.get("obs_from") or {}).items()
        if name not in _UNDECIDED
    }:
        found.update(_KEYWORD.findall(source))
    for source in {str(observed(frame).get("kind_source")) for frame in frames}:
        found.update(_KEYWORD.findall(source))
    return frozenset(found)


def _counts(values: Sequence[Any], step: float | None) -> Counter[str]:
    """Count values: numbers written as text are numbers, and measured ones that hardly differ are one."""
    plain = [_plain(value) for value in values]
    numbers = sorted({value for value in plain if isinstance(value, float)})
    whole = step is None and all(value.is_integer() for value in numbers)
    name: dict[float, float] = {}
    for value in numbers:
        before = next(reversed(name), None)
        near = before is not None and not whole and value - before <= (step or SHARE * max(abs(value), abs(before)))
        name[value] = name[before] if near and before is not None else value
    return Counter(f"{name[value]:g}" if isinstance(value, float) else value for value in plain)


def _plain(value: Any) -> float | str:
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, str):
        text = " ".join(value.split())
        try:
            known = number(float(text))
        except ValueError:
            known = None
        return text.casefold() or ABSENT if known is None else known
    known = number(value)
    return str(value) if known is None else known


def _few(counts: Counter[str]) -> bool:
    """Tell whether values are few: each at least twice, or all but one odd frame."""
    single = sum(count == 1 for count in counts.values())
    return len(counts) > 1 and (single == 0 or (single == 1 and max(counts.values()) > 1))
