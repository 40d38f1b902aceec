"""Half-open intervals of time, and what is left of some when another is taken out of them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from pipelines.errors import UsageError

__all__ = ["FIRST", "interval", "joined", "overlaps", "without"]

Interval = Mapping[str, Any]

FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


def interval(since: datetime | None, until: datetime | None) -> dict[str, datetime | None]:
    """Make an interval, from `since` (with it) to `until` (without it); None is open.

    Times are cut to milliseconds, which is what the catalog keeps.

    Raises
    ------
    UsageError
        It would be empty, or a time has no zone.
    """
    bounds = [_cut(since), _cut(until)]
    if bounds[0] is not None and bounds[1] is not None and bounds[0] >= bounds[1]:
        raise UsageError(f"an interval from {bounds[0]:%Y-%m-%d %H:%M} to {bounds[1]:%Y-%m-%d %H:%M} is empty")
    return {"since": bounds[0], "until": bounds[1]}


def overlaps(one: Interval, other: Interval) -> bool:
    """Tell whether two intervals share an instant."""
    return _since(one) < _until(other) and _since(other) < _until(one)


def without(parts: Iterable[Interval], taken: Interval) -> list[dict[str, datetime | None]]:
    """Return what is left of intervals when another is taken out: one part each, two, or none."""
    left: list[dict[str, datetime | None]] = []
    for part in parts:
        if not overlaps(part, taken):
            left.append({"since": part["since"], "until": part["until"]})
            continue
        if _since(part) < _since(taken):
            left.append({"since": part["since"], "until": taken["since"]})
        if _until(taken) < _until(part):
            left.append({"since": taken["until"], "until": part["until"]})
    return left


def joined(parts: Iterable[Interval]) -> list[dict[str, datetime | None]]:
    """Return intervals in order, those that touch or overlap as one."""
    found: list[dict[str, datetime | None]] = []
    for part in sorted(parts, key=_since):
        if found and _until(found[-1]) >= _since(part):
            if _until(part) > _until(found[-1]):
                found[-1]["until"] = part["until"]
        else:
            found.append({"since": part["since"], "until": part["until"]})
    return found


def _cut(instant: datetime | None) -> datetime | None:
    if instant is None:
        return None
    if instant.tzinfo is None:
        raise UsageError(f"{instant} has no zone; write it in UTC, as 2024-02-20T19:00Z")
    utc = instant.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def _since(part: Interval) -> datetime:
    return part["since"] or FIRST


def _until(part: Interval) -> datetime:
    return part["until"] or _LAST
