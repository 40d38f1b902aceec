"""Plots of a master and of groups; matplotlib, without a display."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from arraystore import ArrayStore
from pipelines.calibration.masters.bits import bad_pixels
from pipelines.calibration.masters.images import image_names, planes_of
from pipelines.documents.schema import Doc
from pipelines.errors import UsageError, require
from pipelines.pictures.frame import said_of
from pipelines.pictures.reduced import Reduced, plane_of, reduce
from pipelines.pictures.zscale import limits
from pipelines.table import Answer
from pipelines.table.figures import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_groups", "plot_master"]

Array = npt.NDArray[Any]

SIZE = 600
INK, FAINT = "#22262b", "#9aa3af"
MOST = 60
"""Groups that one picture shows."""


def plot_master(store: ArrayStore, master: Doc, *, image: str | None = None) -> "Figure":
    """Draw a master: its values, its noise, and the distribution of both.

    Parameters
    ----------
    image : str, optional
        Which of several chips; the first by default.

    Returns
    -------
    matplotlib.figure.Figure
        Four panels, in ``axes``. Grey scales go from black to white between ZScale limits; flagged pixels are red.

    Raises
    ------
    UsageError
        It has no values: a bad-pixel map is shown by `pipelines.pictures.show`.
    MissingExtra
        matplotlib is not installed.
    """
    figures = require("matplotlib.figure", extra="plot", what="a plot")
    names = image_names(master)
    if image is not None and image not in names:
        raise UsageError(f"{master['_id']} has the images {', '.join(names)}, not {image!r:.60}")
    planes = planes_of(master, image or names[0])
    if "value" not in planes:
        raise UsageError(f"{master['_id']} has no values to plot; `darkroom show` draws it")
    unit = "ADU" if master["kind"] in ("dark", "bias") else "of the mean"
    dq = store.open(planes["dq"]) if "dq" in planes else None
    bad = None if dq is None else (lambda band, part: bad_pixels(dq[part]))
    value = reduce(plane_of(store.open(planes["value"])), SIZE, bad=bad)
    spread = next((name for name in ("variance_scatter", "variance_model", "variance") if name in planes), None)
    figure: Figure = figures.Figure(figsize=(11, 8), layout="constrained", facecolor="white")
    panels = figure.subplots(2, 2)
    _image(figure, panels[0][0], value, f"value ({unit})", f"value, {value.flagged} flagged pixels in red")
    _histogram(panels[1][0], value, f"value ({unit})")
    if spread is None:
        panels[0][1].set_axis_off()
        panels[1][1].set_axis_off()
    else:
        noise = reduce(plane_of(store.open(planes[spread])), SIZE, bad=bad)
        root = Reduced(np.sqrt(np.maximum(noise.values, 0)), noise.bad, noise.block, noise.flagged, noise.undefined)
        _image(figure, panels[0][1], root, f"noise of the master ({unit})", f"noise, of {spread}")
        _histogram(panels[1][1], root, f"noise of the master ({unit})")
    mean = f"; each point the mean of {value.block} x {value.block} pixels" if value.block > 1 else ""
    frames = len(master.get("inputs") or ())
    head = f"{master['_id']}\n{said_of(master)}, {frames} frames, {master['status']}{mean}"
    figure.suptitle(head, x=0.01, ha="left", fontsize=10, color=INK)
    return shown(figure)


def _image(figure: "Figure", axes: "Axes", small: Reduced, label: str, title: str) -> None:
    rows, columns = small.values.shape
    low, high = limits(small.values) or (0.0, 1.0)
    extent = (0.5, columns * small.block + 0.5, 0.5, rows * small.block + 0.5)
    drawn = axes.imshow(small.values, cmap="gray", origin="lower", vmin=low, vmax=high, extent=extent)
    y, x = np.nonzero(small.bad)
    axes.plot((x + 0.5) * small.block + 0.5, (y + 0.5) * small.block + 0.5, "s", ms=2.5, color="#d01515", mew=0)
    figure.colorbar(drawn, ax=axes, label=label, shrink=0.9)
    axes.set_title(title, loc="left", fontsize=9)
    axes.set_xlabel("x (pixels from 1)")
    axes.set_ylabel("y (pixels from 1)")


def _histogram(axes: "Axes", small: Reduced, label: str) -> None:
    """Draw how many points have which value, all and without the flagged ones, the number on a log scale."""
    finite = np.isfinite(small.values)
    values = small.values[finite]
    if values.size:
        low, high = (float(edge) for edge in np.quantile(values, (0.0005, 0.9995)))
        middle, wide = (low + high) / 2, max(high - low, abs(low) * 1e-6, 1e-12)
        edges = np.linspace(middle - 0.6 * wide, middle + 0.6 * wide, 80).tolist()
        outside = int(((values < edges[0]) | (values > edges[-1])).sum())
        axes.hist(values, edges, histtype="stepfilled", color="#d7dbe0", label="all")
        axes.hist(small.values[finite & ~small.bad], edges, histtype="step", color="black", label="not flagged")
        axes.set_yscale("log")
        axes.set_title(f"median {np.median(values):.5g}; {outside} points outside", loc="left", fontsize=9)
        axes.legend(fontsize=8, frameon=False)
    axes.set_xlabel(label)
    axes.set_ylabel("points")


def plot_groups(answer: Answer) -> "Figure":
    """Draw groups of frames: a bar for each, as long as it has frames; hatched where they make no master.

    Parameters
    ----------
    answer : Answer
        Of ``archive.calibration.groups``.

    Raises
    ------
    UsageError
        There are no groups.
    MissingExtra
        matplotlib is not installed.
    """
    figures = require("matplotlib.figure", extra="plot", what="a plot")
    if not len(answer):
        raise UsageError(f"there is nothing to draw: {answer.title} has none")
    rows = list(answer)[:MOST]
    varied = [name for name in answer.columns if name not in ("date", "count", "ids", *_TOLD) and _differs(rows, name)]
    figure: Figure = figures.Figure(figsize=(9, 1.4 + 0.24 * len(rows)), layout="constrained", facecolor="white")
    axes = figure.subplots()
    states = sorted({str(row["status"]) for row in rows}, key=lambda state: (state != "ready", state))
    hatches = ("", "////", "....", "xxxx", "\\\\\\\\")
    for number, state in enumerate(states):
        mine = [place for place, row in enumerate(rows) if str(row["status"]) == state]
        counts = [rows[place]["count"] for place in mine]
        style: dict[str, Any] = {"color": "#8fa3b8" if state == "ready" else "white", "edgecolor": INK, "lw": 0.7}
        axes.barh(mine, counts, hatch=hatches[number % len(hatches)], label=state, **style)
    labels = [
        ", ".join(f"{row[name]:g}" if isinstance(row[name], float) else str(row[name]) for name in varied)
        for row in rows
    ]
    axes.set_yticks(
        range(len(rows)), [label or str(row["date"]) for label, row in zip(labels, rows, strict=True)], fontsize=7
    )
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.locator_params(axis="x", integer=True)
    axes.set_xlabel("frames")
    axes.set_ylabel(", ".join(varied))
    more = f"; the first {MOST} of {len(answer)}" if len(answer) > MOST else ""
    axes.set_title(f"{answer.title}{more}", loc="left", fontsize=10)
    axes.legend(fontsize=8, frameon=False, loc="best")
    axes.spines[["top", "right"]].set_visible(False)
    return shown(figure)


_TOLD = ("spread", "status", "reason", "borrow", "left_out")


def _differs(rows: list[Any], name: str) -> bool:
    return len({str(row[name]) for row in rows}) > 1
