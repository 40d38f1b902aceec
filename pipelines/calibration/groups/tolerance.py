"""Groups of numbers that are nearly equal: single link, with a limit on how far a group may spread.

Neighbours, sorted, that differ by no more than a tolerance belong together (single link). Small
steps would chain without end, so a run that spreads too far is cut at its widest gap, and its parts
again. The result depends on the values alone, never on their order.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.instruments import GroupKey

_ROUNDING = 1e-9  # of the larger value: 6.01 - 6.0 is not quite 0.01


def clusters(values: Sequence[float], key: GroupKey) -> list[list[float]]:
    """Split numbers into groups of nearly equal ones.

    Parameters
    ----------
    values
        Finite numbers, in any order, with repeats.
    key
        Its ``tolerance`` is the widest gap between neighbours, its ``widest`` the greatest
        difference within a group, both as fractions of the larger value when ``relative``.

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


def alike(low: float, high: float, value: float, key: GroupKey) -> bool:
    """Tell whether a number may join a group that reaches from `low` to `high`."""
    nearest = min(max(value, low), high)
    small, large = sorted((nearest, value))
    return _within(small, large, key.tolerance, key) and _within(min(low, value), max(high, value), key.widest, key)


def _within(low: float, high: float, limit: float, key: GroupKey) -> bool:
    size = max(abs(low), abs(high))
    return high - low <= (limit * size if key.relative else limit) + _ROUNDING * size


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
