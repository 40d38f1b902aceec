"""Groups of numbers that are nearly equal: single link, with a limit on how far a group may spread.

Neighbours, sorted, that differ by no more than a tolerance belong together (single link). Small
steps would chain without end, so a run that spreads too far is cut at its widest gap, and its parts
again. The result depends on the values alone, never on their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from pipelines.instruments import GroupKey

_ROUNDING = 1e-9  # of the larger value: 6.01 - 6.0 is not quite 0.01


def clusters(values: Sequence[float], key: GroupKey) -> list[list[float]]:
    """Split numbers into groups of nearly equal ones.

    Parameters
    ----------
    values
        Finite numbers, in any order, with repeats; angles as `unwrapped` returns them.
    key
        Its ``tolerance`` is the widest gap between neighbours, its ``widest`` the greatest
        difference within a group, both as fractions of the larger value when ``relative``, and then
        at least its ``floor``.

    Returns
    -------
    list of list of float
        The distinct values of each group, ascending; groups ascending.

    Examples
    --------
    >>> clusters([10.0, 6.01, 6.0, 10.0], GroupKey(name='exptime', paths=(), tolerance=0.01))
    [[6.0, 6.01], [10.0]]
    """
    found: list[list[float]] = []
    run: list[float] = []
    for value in sorted(set(values)):
        if run and not _within(run[-1], value, key.tolerance, key):
            found.extend(_cut(run, key))
            run = []
        run.append(value)
    return found + (_cut(run, key) if run else [])


def unwrapped(values: Iterable[float], key: GroupKey) -> dict[float, float]:
    """Return each number as it is compared: angles past the widest gap of the circle count one turn more.

    Examples
    --------
    >>> unwrapped([359.9, 0.2, 90.0], GroupKey(name='rotator', paths=(), tolerance=1, period=360))
    {359.9: 359.9, 0.2: 360.2, 90.0: 450.0}
    """
    known = list(values)
    if key.period is None or not known:
        return {value: value for value in known}
    turned = sorted({value % key.period for value in known})
    # The gap before each angle; the first one's reaches back over the wrap.
    gaps = [(after - before, after) for before, after in pairwise(turned)]
    first = max([(turned[0] + key.period - turned[-1], turned[0]), *gaps])[1]
    return {value: angle if (angle := value % key.period) >= first else angle + key.period for value in known}


def alike(low: float, high: float, value: float, key: GroupKey) -> bool:
    """Tell whether a number may join a group that reaches from `low` to `high`."""
    if key.period is not None:
        value = low + (value - low + key.period / 2) % key.period - key.period / 2
    nearest = min(max(value, low), high)
    small, large = sorted((nearest, value))
    return _within(small, large, key.tolerance, key) and _within(min(low, value), max(high, value), key.widest, key)


def apart(one: float, other: float, key: GroupKey) -> tuple[float, float]:
    """Return how far two numbers differ, and how far they may within one group."""
    difference = abs(one - other)
    if key.period is not None:
        difference = min(difference % key.period, -difference % key.period)
    return difference, _allowed(one, other, key.widest, key)


def _within(low: float, high: float, limit: float, key: GroupKey) -> bool:
    return high - low <= _allowed(low, high, limit, key)


def _allowed(one: float, other: float, limit: float, key: GroupKey) -> float:
    size = max(abs(one), abs(other))
    return (max(limit * size, key.floor) if key.relative else limit) + _ROUNDING * size


def _cut(run: list[float], key: GroupKey) -> list[list[float]]:
    """Cut an ascending run at its widest gap, the lowest of several, until no part spreads too far."""
    parts, waiting = [], [run]
    while waiting:
        part = waiting.pop()
        if _within(part[0], part[-1], key.widest, key):
            parts.append(part)
            continue
        place = max(range(1, len(part)), key=lambda i: (part[i] - part[i - 1], -i))
        waiting += [part[place:], part[:place]]
    return parts
