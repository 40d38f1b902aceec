"""Draws the life of a pixel: its ramps raw against corrected, and its slopes over time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.detectors.dqflags import dq_names
from pipelines.errors import UsageError
from pipelines.pixels.drawing import (
    COLOURS,
    FAINT,
    INK,
    checked_picture,
    finish,
    new_figure,
    panel_axes,
    tidy,
    time_axis,
)
from pipelines.pixels.exposures import NoExposure
from pipelines.pixels.reading import Ramps, Slopes
from pipelines.table.cells import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pipelines.pixels.asked import AskedPixels

RAW, CORRECTED, JUMP = "#8a95a5", "#1f6fb4", "#d1495b"
SHOWN = 4
"""Exposures whose ramps are drawn: the first, the last, and some between."""


def plot(selection: AskedPixels, path: str | os.PathLike[str] | None = None) -> Figure:
    """Draw some ramps of one pixel, or of several over each other, above the history of their slopes; a box in panels.

    Parameters
    ----------
    selection
        Of one pixel, of `pipelines.pixels.drawing.COLOURS` at most, or of a box.
    path
        Also written there.

    Raises
    ------
    UsageError
        More pixels than a picture can show; no picture has that ending.
    MissingExtra
        matplotlib is not installed.
    """
    places = selection.places
    if path is not None:
        checked_picture(path)
    if places.box is not None and places.x.size > 1:
        return _panels(selection, path)
    if places.x.size > len(COLOURS):
        raise UsageError(f"{places.x.size} pixels are too many for one plot, which compares {len(COLOURS)} at most")
    read = [one for one in selection.read() if one.pixels.size]
    figure = new_figure((11, 6.6))
    panels: Any = figure.subfigures(2, 1, height_ratios=[1.15, 1])
    top, bottom = panels
    shown = _chosen(read)
    several = places.x.size > 1
    rows = top.subplots(1, len(shown), squeeze=False, sharex=False)[0]
    for axes, one in zip(rows, shown, strict=True):
        _compared(axes, one) if several else _ramp(axes, one)
    rows[0].set_ylabel("signal since the first group (DN)")
    _named(rows[0], selection) if several else _legend(rows[0], shown)
    axes = bottom.subplots()
    _history(axes, selection)
    names = {one.observed.exposure for one in read}
    where = repr(places) if several else f"x={places.x[0]}  y={places.y[0]}   pixel {places.ids[0]}"
    return finish(figure, f"{selection.detector}  {where} · {counted(len(names), 'exposure')}", path)


def _panels(selection: AskedPixels, path: str | os.PathLike[str] | None) -> Figure:
    """Draw the history of each pixel of a box in a panel of its own; the ramps, where there are no slopes."""
    figure, panels = panel_axes(selection.places)
    try:
        slopes = [one for one in selection.read_slopes() if one.pixels.size]
    except NoExposure:
        return _ramp_panels(selection, figure, panels, path)
    for pixel, axes in panels:
        for one in slopes:
            if (at := np.flatnonzero(one.pixels == pixel)).size:
                good = _good(one)[:, at[0]]
                days = one.days[good] - 40587.0
                axes.plot(days, one.slope[good, at[0]], "o", ms=2.5, color=CORRECTED)
        time_axis(axes)
        tidy(axes)
    figure.supylabel("slope (DN/s)", fontsize=9, color=INK)
    count = counted(len({one.observed.exposure for one in slopes}), "exposure")
    return finish(figure, f"{selection.detector}  {selection.places!r} · {count}", path)


def _ramp_panels(
    selection: AskedPixels, figure: Figure, panels: Sequence[tuple[int, Axes]], path: str | os.PathLike[str] | None
) -> Figure:
    """Draw the mean ramp of each exposure that is shown, from zero, in a panel for each pixel."""
    shown = _chosen([one for one in selection.read() if one.pixels.size])
    timed = all(one.elapsed is not None for one in shown)
    for pixel, axes in panels:
        for one in shown:
            values = one.corrected if one.corrected is not None else one.raw
            at = np.flatnonzero(one.pixels == pixel)
            if values is not None and at.size:
                rise = (values[..., at[0]] - values[:, :1, at[0]].astype(float)).mean(axis=0)
                along = one.elapsed if timed and one.elapsed is not None else np.arange(1, one.ngroups + 1)
                axes.plot(along, rise, color=CORRECTED, lw=1.0, marker=".", ms=2.5)
        tidy(axes)
    figure.supylabel("signal since the first group (DN)", fontsize=9, color=INK)
    figure.supxlabel("seconds" if timed else "group", fontsize=9, color=INK)
    told = f"{counted(len(shown), 'exposure')}, ramps"
    return finish(figure, f"{selection.detector}  {selection.places!r} · {told}", path)


def _compared(axes: Axes, one: Ramps) -> None:
    """Draw the mean ramp of each pixel of one exposure, from zero: corrected, or raw where there is no other."""
    seconds = np.arange(1, one.ngroups + 1) if one.elapsed is None else one.elapsed
    values = one.corrected if one.corrected is not None else one.raw
    if values is not None:
        rise = (values - values[:, :1].astype(float)).mean(axis=0)
        for n, pixel in enumerate(one.pixels.tolist()):
            axes.plot(seconds, rise[:, n], color=COLOURS[pixel % len(COLOURS)], lw=1.4, marker=".", ms=3.5)
    _head(axes, one)


def _named(axes: Axes, selection: AskedPixels) -> None:
    from matplotlib.lines import Line2D

    xs, ys = selection.places.x.tolist(), selection.places.y.tolist()
    handles = [
        Line2D([], [], color=COLOURS[n % len(COLOURS)], label=f"x={x}, y={y}")
        for n, (x, y) in enumerate(zip(xs, ys, strict=True))
    ]
    axes.legend(handles=handles, fontsize=8, frameon=False, loc="best")


def _good(one: Slopes) -> Any:
    """Tell which slopes may be used, (nint, P)."""
    names = dq_names(one.observed.products[0].get("dq_version"))
    return np.ones(one.slope.shape, bool) if one.dq is None else (one.dq & names["DO_NOT_USE"]) == 0


def _chosen(read: Sequence[Ramps]) -> list[Ramps]:
    """Choose exposures to draw: spread over time, with both ramps where there are such, and rather with a jump."""
    both = [one for one in read if one.raw is not None and one.corrected is not None] or list(read)
    once = list({one.observed.exposure: one for one in both}.values())
    if len(once) <= SHOWN:
        return once
    parts = np.array_split(np.arange(len(once)), SHOWN)
    return [once[max(part, key=lambda n: _jumps(once[n]))] for part in parts]


def _jumps(one: Ramps) -> int:
    if one.groupdq is None:
        return 0
    return int(((one.groupdq & dq_names(one.observed.products[0].get("dq_version"))["JUMP_DET"]) != 0).sum())


def _ramp(axes: Axes, one: Ramps) -> None:
    """Draw every integration of one exposure, each from zero, raw and corrected, with jumps marked."""
    seconds = np.arange(1, one.ngroups + 1) if one.elapsed is None else one.elapsed
    faint = max(0.25, min(1.0, 4 / max(1, one.integrations.size)))
    for values, color, width, zorder in ((one.raw, RAW, 1.0, 2), (one.corrected, CORRECTED, 1.4, 3)):
        if values is not None:
            lines = values[..., 0].astype(float)
            for line in lines - lines[:, :1]:
                axes.plot(seconds, line, color=color, lw=width, alpha=faint, zorder=zorder, marker=".", ms=3.5)
    if one.corrected is not None and one.groupdq is not None:
        names = dq_names(one.observed.products[0].get("dq_version"))
        rise = one.corrected[..., 0].astype(float)
        rise -= rise[:, :1]
        flags = one.groupdq[..., 0].astype(np.uint32)
        for name, marker, color in (("JUMP_DET", "o", JUMP), ("SATURATED", "s", "#e09f3e")):
            number, group = np.nonzero(flags & names.get(name, 0))
            style: dict[str, Any] = {"marker": marker, "facecolors": "none", "edgecolors": color, "zorder": 4}
            axes.scatter(seconds[group], rise[number, group], s=46, linewidths=1.5, **style)
    _head(axes, one)


def _head(axes: Axes, one: Ramps) -> None:
    """Say which exposure is drawn."""
    start = one.observed.start
    day = "no date" if start is None else f"{start:%Y-%m-%d %H:%M}"
    of = f"{one.observed.first.get('subarray') or ''}, {counted(one.integrations.size, 'integration')}"
    version = f", jwst {one.observed.version}" if one.observed.version else ""
    axes.set_title(f"{day}\n{of}{version}", loc="left", fontsize=8.5, color=INK)
    axes.set_xlabel("group" if one.elapsed is None else "seconds since the reset", fontsize=8.5)
    tidy(axes)


def _legend(axes: Axes, shown: Sequence[Ramps]) -> None:
    """Name what is drawn, where it hides least."""
    from matplotlib.lines import Line2D

    ring: dict[str, Any] = {"marker": "o", "mfc": "none", "ls": "", "ms": 7, "mew": 1.5}
    lines = {
        "raw": (any(one.raw is not None for one in shown), {"color": RAW, "marker": "."}),
        "corrected": (any(one.corrected is not None for one in shown), {"color": CORRECTED, "marker": "."}),
        "jump": (any(_jumps(one) for one in shown), {"mec": JUMP, **ring}),
    }
    handles = [Line2D([], [], label=name, **style) for name, (there, style) in lines.items() if there]
    axes.legend(handles=handles, fontsize=8, frameon=False, loc="best", handlelength=1.4)


def _history(axes: Axes, selection: AskedPixels) -> None:
    """Draw the slope of every integration over time, with its error and what its flags say; a colour for each pixel."""
    try:
        slopes = [one for one in selection.read_slopes() if one.pixels.size]
    except NoExposure:
        axes.text(0.5, 0.5, "no slopes in the archive", ha="center", va="center", color=RAW)
        axes.set_axis_off()
        return
    for one in slopes:
        names = dq_names(one.observed.products[0].get("dq_version"))
        usable = _good(one)
        days = one.days - 40587.0  # matplotlib counts from 1970, as it stands
        for n, pixel in enumerate(one.pixels.tolist()):
            good, value, color = usable[:, n], one.slope[:, n], COLOURS[pixel % len(COLOURS)]
            error = None if one.error is None else one.error[good, n]
            axes.errorbar(days[good], value[good], error, fmt="o", ms=3.6, color=color, ecolor=RAW, elinewidth=1)
            if one.dq is not None:
                struck = good & ((one.dq[:, n] & names["JUMP_DET"]) != 0)
                ring: dict[str, Any] = {"facecolors": "none", "edgecolors": JUMP, "zorder": 4}
                axes.scatter(days[struck], value[struck], s=40, linewidths=1.3, **ring)
    finite = np.concatenate([one.slope[np.isfinite(one.slope)] for one in slopes])
    if finite.size and finite.min() > 0 and finite.max() > 10 * np.quantile(finite, 0.25):
        axes.set_yscale("log")
    for pixel in range(selection.places.x.size):
        _medians(axes, slopes, pixel)
    time_axis(axes)
    axes.set_ylabel("slope (DN/s)")
    count = sum(one.integrations.size for one in slopes)
    axes.set_title(f"slope of {counted(count, 'integration')}", loc="left", fontsize=9, color=INK)
    tidy(axes)


def _medians(axes: Axes, slopes: Sequence[Slopes], pixel: int) -> None:
    """Join the medians of the exposures of one pixel by a faint line."""
    found = []
    for one in slopes:
        values = one.slope[:, one.pixels == pixel]
        if np.isfinite(values).any() and np.isfinite(one.days).any():
            found.append((np.nanmean(one.days) - 40587, np.nanmedian(values)))
    if found:
        axes.plot(*zip(*sorted(found), strict=True), color=FAINT, lw=1.2, zorder=1)
