"""Draws pixels of a camera: value and master residual over time, by kind of frame."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines.pixels.drawing import COLOURS, FAINT, INK, finish, new_figure, panel_axes, tidy, time_axis
from pipelines.table.cells import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pipelines.pixels.cameras.asked import AskedCameraPixels

MARKERS = {"bias": "v", "dark": "o", "flat": "s", "light": "*"}
"""Of the kinds; any other is a cross."""


def plot(asked: AskedCameraPixels, path: str | os.PathLike[str] | None = None) -> Figure:
    """Draw one or more pixels over each other, values on top and residuals below; a box as a panel for each pixel.

    Raises
    ------
    UsageError
        More pixels than a picture can show; no picture has that ending.
    MissingExtra
        matplotlib is not installed.
    """
    if asked.places.box is not None and not asked.places.single and asked.places.x.size > 1:
        figure, panels = panel_axes(asked.places)
        for p, axes in panels:
            _points(axes, asked, asked.residuals if _compared(asked) else asked.read().values, [p], small=True)
        what = "residual" if _compared(asked) else "value"
        figure.supylabel(f"{what} (ADU)", fontsize=9, color=INK)
    else:
        figure = new_figure((11, 6.6))
        top, bottom = figure.subplots(2, 1, sharex=True)
        pixels = list(range(asked.places.x.size))
        _points(top, asked, asked.read().values, pixels)
        _points(bottom, asked, asked.residuals, pixels)
        top.set_ylabel("value (ADU)")
        bottom.set_ylabel("value less masters (ADU)")
        bottom.axhline(0, color=FAINT, lw=1, zorder=0)
        if not _compared(asked):
            bottom.text(0.5, 0.5, "no masters in use for these frames", transform=bottom.transAxes, ha="center")
        _legend(top, asked, pixels)
    count = counted(len(asked.read().frames), "frame")
    return finish(figure, f"{asked.detector}  {asked.named} · {count}", path)


def _compared(asked: AskedCameraPixels) -> bool:
    return bool(np.isfinite(asked.residuals).any())


def _points(
    axes: Axes, asked: AskedCameraPixels, values: npt.NDArray[np.float64], pixels: list[int], *, small: bool = False
) -> None:
    """Draw values against time, (N, P): a colour for each pixel, a marker for each kind."""
    frames = asked.read().frames
    times = np.asarray([np.nan if one.start is None else one.start.timestamp() / 86400 for one in frames])
    kinds = np.asarray([one.document["kind"] for one in frames])
    for n, p in enumerate(pixels):
        for kind in dict.fromkeys(kinds.tolist()):
            of = kinds == kind
            style: dict[str, Any] = {"marker": MARKERS.get(kind, "x"), "ls": "", "ms": 2.5 if small else 4.5}
            axes.plot(times[of], values[of, p], color=COLOURS[n % len(COLOURS)], alpha=0.8, **style)
    time_axis(axes)
    tidy(axes)


def _legend(axes: Axes, asked: AskedCameraPixels, pixels: list[int]) -> None:
    from matplotlib.lines import Line2D

    kinds = dict.fromkeys(str(one.document["kind"]) for one in asked.read().frames)
    handles = [Line2D([], [], marker=MARKERS.get(kind, "x"), ls="", color=INK, label=kind) for kind in kinds]
    if len(pixels) > 1:
        for n, p in enumerate(pixels):
            label = f"x={asked.places.x[p]}, y={asked.places.y[p]}"
            handles.append(Line2D([], [], color=COLOURS[n % len(COLOURS)], lw=3, label=label))
    axes.legend(handles=handles, fontsize=8, frameon=False, loc="best")
