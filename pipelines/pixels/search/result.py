"""What a search found: the pixels as a table, and maps of the statistics they were found by."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines.detectors.geometry import GEOMETRIES
from pipelines.errors import require
from pipelines.table import Answer, Row
from pipelines.table.cells import counted
from pipelines.table.figures import shown

if TYPE_CHECKING:
    import xarray

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Map:
    """Statistics of every pixel of a window.

    Attributes
    ----------
    detector, subarray : str
        Which.
    window : dict
        ``x``, ``y`` (from 1, full frame), ``nx``, ``ny``; of a binned picture ``step_x``, ``step_y``.
    images : dict
        Name to array (y, x) of the window.
    documents : tuple of str
        The exposures that were read, in order of time.
    integrations : int
        Slopes of a pixel, missing ones counted.
    """

    detector: str
    subarray: str
    window: Mapping[str, int]
    images: Mapping[str, Array]
    documents: tuple[str, ...]
    integrations: int

    def to_xarray(self) -> xarray.Dataset:
        """Return the images with full-frame coordinates ``x`` and ``y``, from 1."""
        library = require("xarray", extra="xarray", what="to_xarray()")
        window = self.window
        coords = {
            "y": window["y"] + np.arange(window["ny"]) * window.get("step_y", 1),
            "x": window["x"] + np.arange(window["nx"]) * window.get("step_x", 1),
        }
        attributes = {"detector": self.detector, "subarray": self.subarray, "integrations": self.integrations}
        made: xarray.Dataset = library.Dataset(
            {k: (("y", "x"), v) for k, v in self.images.items()}, coords=coords, attrs=attributes
        )
        return made

    def _position(self, row: int, column: int) -> tuple[int, int]:
        """Return column and row on the detector of a pixel of the images; of a binned one the lowest it covers."""
        window = self.window
        return window["x"] + column * window.get("step_x", 1), window["y"] + row * window.get("step_y", 1)

    def rows(self, where: Array, columns: Sequence[str]) -> list[Row]:
        """Return a row for each pixel of a mask: its place, number, and the images' values there."""
        found = []
        for i, j in zip(*(index.tolist() for index in np.nonzero(where)), strict=True):
            x, y = self._position(i, j)
            row: Row = {"detector": self.detector, "subarray": self.subarray, "x": x, "y": y}
            if self.detector in GEOMETRIES:
                row["pixel_id"] = GEOMETRIES[self.detector].pixel_id(x, y)
            found.append(row | {name: self.images[name][i, j].item() for name in columns})
        return found


@dataclass(frozen=True, slots=True, repr=False)
class FoundPixels:
    """The pixels that a search found.

    Attributes
    ----------
    pixels : Answer
        A row per pixel, the most striking first.
    maps : tuple of Map
        One a window of a detector.
    shown : str
        The image of the maps that tells most, for `plot`.
    judged, unjudged : int
        Pixels that could be judged, and those that have too little to be judged by.
    unreadable : dict
        Documents that could not be read, and why: they count as missing.
    undated : tuple of str
        Documents without a time, left out.
    needed : str
        What a pixel is judged by, and how much of it there is, such as ``12 slopes, 4 are there``.
    """

    pixels: Answer
    maps: tuple[Map, ...]
    shown: str
    judged: int
    unjudged: int
    unreadable: Mapping[str, str]
    undated: tuple[str, ...]
    needed: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, without the maps."""
        return {
            "title": self.pixels.title,
            "pixels": list(self.pixels),
            "exposures": sum(len(m.documents) for m in self.maps),
            "judged": self.judged,
            "unjudged": self.unjudged,
            "unreadable": dict(self.unreadable),
            "undated": list(self.undated),
            "needed": self.needed,
        }

    def plot(self, out: str | os.PathLike[str] | None = None) -> Any:
        """Draw the maps, the pixels found ringed; write the picture to a file, or give the figure."""
        figure = require("matplotlib.figure", extra="plot", what="a plot").Figure(
            figsize=(6 * max(1, len(self.maps)), 5.4), layout="constrained"
        )
        for axes, each in zip(figure.subplots(1, len(self.maps), squeeze=False)[0], self.maps, strict=True):
            window, image = each.window, np.asarray(each.images[self.shown], dtype=float)
            low, high, colours = _colours(image[np.isfinite(image)])
            x, y = window["x"] - 0.5, window["y"] - 0.5
            width, height = window["nx"] * window.get("step_x", 1), window["ny"] * window.get("step_y", 1)
            extent = (x, x + width, y, y + height)
            drawn = axes.imshow(image, origin="lower", extent=extent, vmin=low, vmax=high, cmap=colours)
            here = [p for p in self.pixels if (p["detector"], p["subarray"]) == (each.detector, each.subarray)]
            for edge, thick in (("white", 3.0), ("black", 1.2)):  # a ring that is seen on light and on dark
                axes.plot([p["x"] for p in here], [p["y"] for p in here], "o", mfc="none", mec=edge, mew=thick, ms=10)
            axes.set(title=f"{each.detector} {each.subarray}: {self.shown}", xlabel="x", ylabel="y")
            known = image[np.isfinite(image)]
            nothing = f"; no pixel was judged, which takes {self.needed}"
            most = f"; values from {known.min():.3g} to {known.max():.3g}" if known.size else nothing
            figure.colorbar(drawn, ax=axes, shrink=0.8, extend="both", label=f"{self.shown} (sigma){most}")
        figure.suptitle(self.pixels.title)
        if out is None:
            return shown(figure)
        figure.savefig(Path(out), dpi=130)
        return None

    def __repr__(self) -> str:
        return self.text()

    def text(self, limit: int = 0) -> str:
        """Return what was found as text; of the pixels only so many, where `limit` is not 0."""
        some = self.pixels if not limit else replace(self.pixels, rows=self.pixels.rows[:limit])
        lines = [repr(some) if len(some) else f"{self.pixels.title}: none"]
        if len(some) < len(self.pixels):
            lines.append(f"and {len(self.pixels) - len(some)} more; --limit 0 shows all")
        lines.append(f"{counted(len(self.pixels), 'pixel')} found among {self.judged} that could be judged")
        if self.unjudged:
            lines.append(f"{counted(self.unjudged, 'pixel')} could not be judged, which takes {self.needed}")
        lines += [f"could not be read, and counts as missing: {name}: {why}" for name, why in self.unreadable.items()]
        lines += [f"has no time, and is left out: {name}" for name in self.undated]
        return "\n".join(lines)


def _colours(known: Array) -> tuple[float, float, str]:
    """Choose a scale: from zero to both sides, noise pale, where there are both; else from least to most."""
    if not known.size:
        return 0, 1, "viridis"
    if known.min() < 0 < known.max():
        limit = 8 * float(np.percentile(np.abs(known), 68)) or float(np.abs(known).max())
        return -limit, limit, "RdBu_r"
    low, high = (float(value) for value in np.percentile(known, [1, 99]))
    return low, max(high, low + 1e-9), "viridis"
