"""What every picture of pixels has in common: colours, axes of time, a panel for each pixel of a box, files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pipelines.errors import UsageError, require
from pipelines.pixels.coordinates import PixelCoordinates
from pipelines.table.figures import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT = "#22262b", "#c9ced6"
COLOURS = ("#1f6fb4", "#d1495b", "#2a9d5c", "#e09f3e", "#7b4fa3", "#3aa6b9", "#8a5a44", "#5b6470")
"""Of the pixels that one picture compares."""

FORMATS = ("png", "pdf", "svg", "jpg")
PANELS = 64
"""Pixels of a box that one picture shows at most, a panel each."""


def new_figure(size: tuple[float, float]) -> Figure:
    """Return an empty figure.

    Raises
    ------
    MissingExtra
        matplotlib is not installed.
    """
    made = require("matplotlib.figure", extra="plot", what="a plot").Figure
    figure: Figure = made(figsize=size, layout="constrained", facecolor="white")
    figure.get_layout_engine().set(h_pad=0.08, w_pad=0.06)  # type: ignore[union-attr, call-arg]
    return figure


def panel_axes(places: PixelCoordinates) -> tuple[Figure, list[tuple[int, Axes]]]:
    """Return a figure with a panel for each pixel of a box, as they lie on the detector, and the panels by pixel.

    Raises
    ------
    UsageError
        The box has more pixels than a picture can show.
    """
    if places.box is None or places.x.size > PANELS:
        raise UsageError(f"{places!r} has {places.x.size} pixels; a picture shows a box of {PANELS} at most")
    x0, y0, x1, y1 = places.box
    columns, rows = x1 - x0 + 1, y1 - y0 + 1
    figure = new_figure((max(4.0, 1.9 * columns), max(3.0, 1.5 * rows)))
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    panels = []
    for pixel, (x, y) in enumerate(zip(places.x.tolist(), places.y.tolist(), strict=True)):
        axes = grid[y1 - y][x - x0]  # y grows upwards, as in the pictures of astronomers
        axes.set_title(f"{x}, {y}", fontsize=7, loc="left", color=INK, pad=2)
        panels.append((pixel, axes))
    return figure, panels


def finish(figure: Figure, title: str, path: str | os.PathLike[str] | None) -> Figure:
    """Put the title on a figure, write it to a file, and let a notebook show it.

    Raises
    ------
    UsageError
        No picture has that ending.
    """
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=INK)
    if path is not None:
        figure.savefig(checked_picture(path), dpi=130)
    return shown(figure)


def checked_picture(path: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """Return the path of a picture.

    Raises
    ------
    UsageError
        No picture has that ending.
    """
    ending = os.path.splitext(path)[1].lstrip(".").lower() or "png"
    if ending not in FORMATS:
        raise UsageError(f"no picture is written as {ending}; there are {', '.join(FORMATS)}")
    return path


def time_axis(axes: Axes) -> None:
    """Write days and hours on the axis of time, which counts days from 1970."""
    import matplotlib.dates as dates

    locator = dates.AutoDateLocator(minticks=2, maxticks=6)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def tidy(axes: Axes) -> None:
    """Take away what no reader needs."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, color="#eceff3", lw=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, colors=INK)
