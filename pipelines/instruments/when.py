"""When: instant and night of a frame by the dialects, with what the header, the site and the path each say."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import PurePath
from typing import Any

from pipelines.instruments.lookup import Headers
from pipelines.instruments.moments import Moment, read_day, read_moment
from pipelines.instruments.sites import Place, night_at, read_night

__all__ = ["When", "named_night", "read_when"]

_FOLDER = re.compile(r"(?:[A-Za-z]*[-_ ]?)?([12][0-9]{3}([-_.]?)[0-9]{2}\2[0-9]{2})(?![0-9]).*")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class When:
    """Instant and night.

    Attributes
    ----------
    timestamp, day
        Aware UTC; the night, or in space the day in UTC.
    flags, fields
        What was contradictory, and further fields of the document (``path_night``).
    doubt
        Where the time is doubtful, each source and what it says.
    sources
        ``timestamp`` and ``night``: where they come from.
    """

    timestamp: datetime | None
    day: date | None
    flags: tuple[str, ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)
    doubt: tuple[str, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)


def read_when(headers: Headers, path: PurePath, place: Place) -> When:
    """Read instant and night.

    The night is what the header names (DAY-OBS), else local noon to local noon at the site, else, where
    nothing tells the site, that of the path if it fits, else the day in UTC.
    """
    moment = read_moment(headers, place.longitude)
    if moment.instant is None and moment.day is None:  # tables behind the first image may tell
        others = (read_moment(Headers([hdu]), place.longitude) for hdu in headers.hdus[1:])
        moment = next((one for one in others if one.instant is not None or one.day is not None), moment)
    named, by_path = read_night(headers), named_night(path)
    day, source, flags = _night(moment, named, by_path, place)
    fields: dict[str, Any] = {}
    if by_path is not None and day is not None and day != by_path:
        flags.append("night-conflict")
        fields["path_night"] = by_path.isoformat()
    sources = {"timestamp": moment.source} if moment.source is not None else {}
    if source is not None:
        sources["night"] = source
    doubt = tuple(f"{name} {text}" for name, text in moment.doubt.items())
    return When(moment.instant, day, (*moment.flags, *flags), fields, doubt, sources)


def _night(
    moment: Moment, named: tuple[date, str] | None, by_path: date | None, place: Place
) -> tuple[date | None, str | None, list[str]]:
    """Return the night, where it comes from, and flags."""
    if moment.instant is None:
        if named is not None:
            return named[0], named[1], []
        if moment.day is not None:
            return moment.day, moment.source, []
        return (by_path, "path", ["night-from-path"]) if by_path is not None else (None, None, [])
    night = night_at(moment.instant, place)
    if named is not None and not place.space:
        if abs(named[0] - night) <= _DAY:
            return named[0], named[1], []
        return night, place.source or "UTC", ["night-conflict"]
    if place.space:
        return night, "UTC, in space", []
    if place.zone is not None or place.longitude is not None:
        return night, place.source, []
    if by_path is not None and by_path != night and abs(by_path - night) <= _DAY:
        return by_path, "path", ["night-from-path"]
    return night, "UTC", []


def named_night(path: PurePath) -> date | None:
    """Return the night that the folder nearest to a file names: 2024-02-20, 20240220, night_2024_02_20; None without.

    Examples
    --------
    >>> from pathlib import PurePosixPath
    >>> named_night(PurePosixPath("/data/2024-02-20/raw/dark_001.fits")).isoformat()
    '2024-02-20'
    """
    for folder in reversed(path.parent.parts):
        found = _FOLDER.fullmatch(folder)
        if found is not None and (day := read_day(found[1].replace("_", "-"))) is not None and day.year >= 1950:
            return day
    return None
