"""Trends: level and noise of each camera's darks and biases in this night, beside the nights before it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from pipelines.combine.methods import MAD_TO_SIGMA

if TYPE_CHECKING:
    from pipelines.archive import Archive

RECENT = 14
"""Nights before this one that it is held against."""

FEWEST = 3
"""Nights without which nothing is said of a change."""

FAR = 5.0
"""Scatters of the earlier nights from which on a value is said to have moved."""

MEASURES = ("level", "noise", "hot")
KINDS = ("bias", "dark")


@dataclass(frozen=True, slots=True)
class Trend:
    """A measure of a camera over the nights.

    Attributes
    ----------
    camera, kind, measure : str
        What is followed.
    exptime : float or None
        Seconds.
    values : tuple of (str, float)
        Night and median of its frames, this night last.
    before : float or None
        Median of the earlier nights; None with fewer than three.
    scatter : float or None
        1.4826 times their median absolute deviation; None likewise.
    """

    camera: str
    kind: str
    exptime: float | None
    measure: str
    values: tuple[tuple[str, float], ...]
    before: float | None
    scatter: float | None

    @property
    def now(self) -> float:
        """The value of this night."""
        return self.values[-1][1]

    @property
    def moved(self) -> bool:
        """Whether it lies more than five scatters, and 2 %, from the nights before."""
        if self.before is None or self.scatter is None:
            return False
        return abs(self.now - self.before) > max(FAR * self.scatter, 0.02 * abs(self.before))

    @property
    def points(self) -> str:
        """The values as points of a line, 100 wide and 24 high, for a drawing."""
        numbers = [value for _, value in self.values]
        low, high = min(numbers), max(numbers)
        step = 100 / max(1, len(numbers) - 1)
        return " ".join(
            f"{place * step:.1f},{22 - 20 * (value - low) / (high - low) if high > low else 12:.1f}"
            for place, value in enumerate(numbers)
        )


def trends_of(archive: "Archive", night: str) -> list[Trend]:
    """Return the trends of every camera that was checked in a night."""
    before = sorted(archive.headers.distinct("date", {"date": {"$lt": night}}))[-RECENT:]
    rows = archive.calibration.trends([*before, night])
    series: dict[tuple[str, str, float | None], list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["kind"] in KINDS:
            series.setdefault((str(row["camera"]), row["kind"], row["exptime"]), []).append(row)
    found = []
    for key in sorted(series, key=lambda key: (key[0], key[1], key[2] or 0.0)):
        for measure in MEASURES:
            trend = _trend(key, measure, series[key], night)
            if trend is not None:
                found.append(trend)
    return found


def _trend(
    key: tuple[str, str, float | None], measure: str, rows: Sequence[Mapping[str, Any]], night: str
) -> Trend | None:
    values = sorted((str(row["date"]), float(row[measure])) for row in rows if row[measure] is not None)
    if not values or values[-1][0] != night:
        return None
    earlier = [value for _, value in values[:-1]]
    middle = scatter = None
    if len(earlier) >= FEWEST:
        middle = median(earlier)
        scatter = MAD_TO_SIGMA * median(abs(value - middle) for value in earlier)
    return Trend(key[0], key[1], key[2], measure, tuple(values), middle, scatter)
