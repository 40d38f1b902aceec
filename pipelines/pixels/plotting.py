"""Draws the life of a pixel: its ramps raw against corrected, and its slopes over time."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.detectors.dqflags import dq_names
from pipelines.errors import UsageError, require
from pipelines.pixels.exposures import NoExposure
from pipelines.pixels.reading import Ramps
from pipelines.table.cells import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pipelines.pixels.selection import PixelSelection

INK, FAINT, RAW, CORRECTED, JUMP = "#22262b", "#c9ced6", "#8a95a5", "#1f6fb4", "#d1495b"
FORMATS = ("png", "pdf", "svg", "jpg")
SHOWN = 4
"""Exposures whose ramps are drawn: the first, the last, and some between."""


def plot(selection: PixelSelection, path: str | os.PathLike[str] | None = None) -> Figure:
    """Draw one pixel: some of its ramps on top, the history of its slope below.

    Parameters
    ----------
    selection
        Of one pixel.
    path
        Also written there.

    Raises
    ------
    UsageError
        More than one pixel was asked for, or no picture has that ending.
    MissingExtra
        matplotlib is not installed.
    """
    if not selection.places.single:
        raise UsageError("a plot is of one pixel; ask for it with x= and y=, or use .ramps() and plot that")
    made = require("matplotlib.figure", extra="plot", what="a plot").Figure
    ending = "png" if path is None else os.path.splitext(path)[1].lstrip(".").lower() or "png"
    if ending not in FORMATS:
        raise UsageError(f"no picture is written as {ending}; there are {', '.join(FORMATS)}")
    read = [one for one in selection.read() if one.pixels.size]
    figure: Figure = made(figsize=(11, 6.6), layout="constrained", facecolor="white")
    figure.get_layout_engine().set(h_pad=0.08, w_pad=0.06)  # type: ignore[union-attr, call-arg]
    panels: Any = figure.subfigures(2, 1, height_ratios=[1.15, 1])
    top, bottom = panels
    shown = _chosen(read)
    rows = top.subplots(1, len(shown), squeeze=False, sharex=False)[0]
    for axes, one in zip(rows, shown, strict=True):
        _ramp(axes, one)
    rows[0].set_ylabel("signal since the first group (DN)")
    _legend(rows[0], shown)
    axes = bottom.subplots()
    _history(axes, selection)
    where = f"x={selection.places.x[0]}  y={selection.places.y[0]}"
    names = {one.observed.exposure for one in read}
    title = f"{selection.detector}  {where}   pixel {selection.places.ids[0]} · {counted(len(names), 'exposure')}"
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=INK)
    if path is not None:
        figure.savefig(path, dpi=130)
    # A notebook shows a figure by itself only if pyplot made it, and pyplot would keep every one.
    figure._repr_png_ = partial(_png, figure)  # type: ignore[attr-defined]
    return figure


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=90, format="png")
    return buffer.getvalue()


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
    start = one.observed.start
    day = "no date" if start is None else f"{start:%Y-%m-%d %H:%M}"
    of = f"{one.observed.first.get('subarray') or ''}, {counted(one.integrations.size, 'integration')}"
    version = f", jwst {one.observed.version}" if one.observed.version else ""
    axes.set_title(f"{day}\n{of}{version}", loc="left", fontsize=8.5, color=INK)
    axes.set_xlabel("group" if one.elapsed is None else "seconds since the reset", fontsize=8.5)
    _tidy(axes)


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


def _history(axes: Axes, selection: PixelSelection) -> None:
    """Draw the slope of every integration over time, with its error and what its flags say."""
    import matplotlib.dates as dates

    try:
        slopes = [one for one in selection.read_slopes() if one.pixels.size]
    except NoExposure:
        axes.text(0.5, 0.5, "no slopes in the archive", ha="center", va="center", color=RAW)
        axes.set_axis_off()
        return
    for one in slopes:
        names = dq_names(one.observed.products[0].get("dq_version"))
        good = np.ones(one.integrations.size, bool) if one.dq is None else (one.dq[:, 0] & names["DO_NOT_USE"]) == 0
        days = one.days - 40587.0  # matplotlib counts from 1970, as it stands
        value = one.slope[:, 0]
        error = None if one.error is None else one.error[good, 0]
        axes.errorbar(days[good], value[good], error, fmt="o", ms=3.6, color=CORRECTED, ecolor=RAW, elinewidth=1)
        if one.dq is not None:
            struck = good & ((one.dq[:, 0] & names["JUMP_DET"]) != 0)
            ring: dict[str, Any] = {"facecolors": "none", "edgecolors": JUMP, "zorder": 4}
            axes.scatter(days[struck], value[struck], s=40, linewidths=1.3, **ring)
    finite = np.concatenate([one.slope[np.isfinite(one.slope)] for one in slopes])
    if finite.size and finite.min() > 0 and finite.max() > 10 * np.quantile(finite, 0.25):
        axes.set_yscale("log")
    medians = [(np.nanmean(s.days) - 40587, np.nanmedian(s.slope)) for s in slopes if np.isfinite(s.slope).any()]
    if medians:
        axes.plot(*zip(*sorted(medians), strict=True), color=FAINT, lw=1.2, zorder=1)
    locator = dates.AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.set_ylabel("slope (DN/s)")
    count = sum(one.integrations.size for one in slopes)
    axes.set_title(f"slope of {counted(count, 'integration')}", loc="left", fontsize=9, color=INK)
    _tidy(axes)


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, color="#eceff3", lw=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, colors=INK)
