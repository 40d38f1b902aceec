"""A drawing of values over time: points, an axis of days and one of values."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = ["Chart", "Point", "chart"]

WIDTH, HEIGHT, LEFT, BELOW = 1000, 300, 80, 24
"""Units of the drawing: its sides, room for the values and for the days."""

KINDS = ("light", "dark", "flat", "bias", "slope")


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a time, of a kind, with the name of what it is from."""

    when: datetime
    value: float
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of the drawing."""

    x: float
    y: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing.

    Attributes
    ----------
    marks : tuple of Mark
        Points.
    values, days : tuple of (str, float)
        Labels and where they stand, up and across.
    kinds : tuple of str
        Kinds there are.
    low, high : float
        The least and the greatest value.
    """

    marks: tuple[Mark, ...]
    values: tuple[tuple[str, float], ...]
    days: tuple[tuple[str, float], ...]
    kinds: tuple[str, ...]
    low: float
    high: float


def chart(points: Sequence[Point]) -> Chart | None:
    """Lay out values over time; None where there is none."""
    points = [
        Point(one.when if one.when.tzinfo else one.when.replace(tzinfo=UTC), one.value, one.kind, one.name)
        for one in points
        if math.isfinite(one.value)
    ]
    if not points:
        return None
    low, high = min(one.value for one in points), max(one.value for one in points)
    begin, end = min(one.when for one in points), max(one.when for one in points)
    span = (high - low) or max(abs(high), 1.0)
    base = low - 0.05 * span
    seconds = max(1.0, (end - begin).total_seconds())

    def y(value: float) -> float:
        return (HEIGHT - BELOW) * (1 - (value - base) / (1.1 * span))

    def x(when: datetime) -> float:
        return LEFT + 10 + (WIDTH - LEFT - 20) * (when - begin).total_seconds() / seconds

    marks = tuple(
        Mark(
            x(one.when),
            y(one.value),
            one.kind if one.kind in KINDS else "other",
            f"{one.name}: {one.value:g}, {one.kind}, {one.when:%Y-%m-%d %H:%M}",
        )
        for one in points
    )
    form = "%Y-%m-%d" if end - begin > timedelta(days=3) else "%m-%d %H:%M"
    days = tuple(
        ((begin + (end - begin) * part / 4).strftime(form), x(begin + (end - begin) * part / 4))
        for part in (range(5) if end > begin else range(1))
    )
    steps = tuple((f"{value:g}", y(value)) for value in _round(low, high))
    kinds = tuple(dict.fromkeys(one.kind for one in marks))
    return Chart(marks, steps, days, kinds, low, high)


def _round(low: float, high: float) -> list[float]:
    """Return some round numbers between two.

    Examples
    --------
    >>> _round(3.0, 17.0)
    [5.0, 10.0, 15.0]
    >>> _round(2.5, 2.5)
    [2.5]
    """
    if high <= low:
        return [low]
    raw = (high - low) / 4
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * one for one in (1, 2, 5, 10) if size * one >= raw)
    first = math.ceil(low / step)
    found = [float(f"{number * step:.12g}") for number in range(first, math.floor(high / step) + 1)]
    return found or [low, high]
