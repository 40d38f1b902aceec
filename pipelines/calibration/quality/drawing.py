"""Trends as a picture: a column for each kind of frame, a row for each measure, exposure times never mixed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any

from pipelines.calibration.quality.trends import KINDS
from pipelines.errors import UsageError, require
from pipelines.table import Answer, Row
from pipelines.table.cells import counted
from pipelines.table.figures import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot"]

LABELS = {
    "level": "level (ADU)",
    "noise": "pixel noise (ADU)",
    "hot": "hot pixels (number)",
    "gradient": "gradient, edge to edge (ADU)",
    "temperature": "temperature (C)",
}
NAMED = 10
"""Cameras that are told apart by marker and line; more are grey, with their median in black."""

MARKERS, LINES = "osD^v<>PX*", ("-", "--", ":", "-.")
INK, FAINT = "#22262b", "#9aa3af"


def plot(answer: Answer, *, kind: str | None = None) -> Figure:
    """Draw trends: a column for each kind, a row for each measure, a line for each camera, over the nights.

    Exposure times are not mixed, but for flats, whose time follows the twilight: of darks those with the time that
    most nights have are drawn, and the head says which. One night is drawn over its cameras.

    Parameters
    ----------
    answer
        Of `trends`.
    kind
        Of frames; by default all of dark, bias and flat that there are.

    Returns
    -------
    matplotlib.figure.Figure
        ``savefig`` writes it, ``axes`` are its panels; Jupyter shows it.

    Raises
    ------
    MissingExtra
        matplotlib is not installed.
    UsageError
        There is nothing to draw.
    """
    require("matplotlib", extra="plot", what="a plot")
    dated = [row for row in answer if row["date"] is not None]
    kinds = [name for name in KINDS if name in (kind, kind or name) and any(row["kind"] == name for row in dated)]
    if not kinds:
        raise UsageError(f"no {kind or 'frames'} were measured; `darkroom frames NIGHT --check` measures them")
    from matplotlib.figure import Figure

    drawn = {name: _of_one_time([row for row in dated if row["kind"] == name], name) for name in kinds}
    measures = [m for m in LABELS if any(row[m] is not None for rows, _ in drawn.values() for row in rows)]
    size = (2.5 + 4.5 * len(kinds), 1.2 + 2.1 * len(measures))
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    panels = figure.subplots(len(measures), len(kinds), squeeze=False)
    for column, name in enumerate(kinds):
        rows, said = drawn[name]
        for line, measure in enumerate(measures):
            axes = panels[line][column]
            _panel(axes, rows, measure)
            if not column:
                axes.set_ylabel(LABELS[measure])
            if line < len(measures) - 1:
                axes.tick_params(axis="x", labelbottom=False)
        panels[0][column].set_title(f"{name} frames, {said}\nmedian per night and camera", loc="left", fontsize=9)
    handles, labels = max((axes.get_legend_handles_labels() for axes in figure.axes), key=lambda found: len(found[1]))
    figure.legend(handles, labels, loc="outside lower center", ncols=min(5, len(labels)), fontsize=8, frameon=False)
    return shown(figure)


def _of_one_time(rows: list[Row], kind: str) -> tuple[list[Row], str]:
    """Return the rows of the exposure time that most nights and cameras have, and the words for them."""
    times = Counter(row["exptime"] for row in rows)
    if kind == "flat" or len(times) == 1:
        (only, *others) = times
        return rows, "all exposure times" if others else "no exposure time" if only is None else f"{only:g} s"
    chosen, _ = max(times.items(), key=lambda item: (item[1], item[0] or 0))
    rest = ", ".join(f"{time:g}" for time in sorted(time for time in times if time not in (chosen, None)))
    said = "without an exposure time" if chosen is None else f"{chosen:g} s"
    return [row for row in rows if row["exptime"] == chosen], f"{said} (not drawn: {rest or 'no time'} s)"


def _panel(axes: Axes, rows: Sequence[Row], measure: str) -> None:
    series = {
        name: found for name in sorted({str(row["camera"]) for row in rows}) if (found := _nightly(rows, name, measure))
    }
    nights = sorted({night for found in series.values() for night in found})
    axes.grid(True, color="#eceff3", lw=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, colors=INK)
    if not nights:
        axes.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axes.transAxes, color=FAINT)
        return
    if len(nights) == 1:
        _one_night(axes, {name: found[nights[0]] for name, found in series.items()})
        return
    for number, (name, found) in enumerate(series.items()):
        days: list[Any] = [datetime.fromisoformat(night) for night in found]
        if len(series) <= NAMED:
            style: dict[str, Any] = {
                "marker": MARKERS[number % len(MARKERS)],
                "ls": LINES[number % len(LINES)],
                "ms": 4,
            }
            axes.plot(days, list(found.values()), lw=1, label=name, **style)
        else:
            label = counted(len(series), "camera") if not number else None
            axes.plot(days, list(found.values()), lw=0.7, color=FAINT, marker=".", ms=3, label=label)
    if len(series) > NAMED:
        middle = [median(found[night] for found in series.values() if night in found) for night in nights]
        all_days: list[Any] = [datetime.fromisoformat(night) for night in nights]
        axes.plot(all_days, middle, color="black", lw=1.6, label="median of the cameras")
    first, last = datetime.fromisoformat(nights[0]), datetime.fromisoformat(nights[-1])
    room: Any = (first - timedelta(days=1), last + timedelta(days=1))
    axes.set_xlim(*room)
    for text in axes.get_xticklabels():
        text.set(rotation=30, ha="right")


def _one_night(axes: Axes, values: dict[str, float]) -> None:
    """Draw the cameras of one night beside each other: over a time of one night there is nothing to follow."""
    places = list(range(len(values)))
    axes.plot(places, list(values.values()), ls="", marker="o", ms=5, color=INK, label="one night, by camera")
    axes.set_xticks(places, list(values), rotation=60, ha="right", fontsize=7)
    axes.margins(x=0.1, y=0.2)


def _nightly(rows: Sequence[Row], camera: str, measure: str) -> dict[str, float]:
    """Return the median of a camera by night."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if str(row["camera"]) == camera and row[measure] is not None:
            found.setdefault(row["date"], []).append(float(row[measure]))
    return {night: median(values) for night, values in sorted(found.items())}
