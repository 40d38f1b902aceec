"""The noise of each pixel of a camera over all samples of the archive, and the pixels that have too much of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from arraystore import ArrayStore
from pipelines.calibration.masters.pixelmaps import add_scatter, in_use, place_of
from pipelines.calibration.masters.unstable import Scatter, steady_variance
from pipelines.documents.schema import Doc
from pipelines.errors import NothingThere
from pipelines.instruments.nights import on
from pipelines.session import Session
from pipelines.table import Answer
from pipelines.table.cells import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure


ROWS = 512  # of a piece of work for a scheduler
_COLUMNS = ("x", "y", "noise", "times")


@dataclass(frozen=True, slots=True)
class NoiseMap:
    """The noise of the pixels of a camera.

    Attributes
    ----------
    camera : str
        Whose.
    noise : ndarray of float32
        Standard deviation of all samples of each pixel about the mean of their own master, in units of the frames,
        (y, x); NaN where there is none.
    samples : ndarray of uint32
        Degrees of freedom behind it.
    unstable : ndarray of bool
        Where it is more than noise explains.
    masters, left_out : tuple of str
        The darks (of a camera without darks the biases) that it is made of, and those of another setup.
    noisiest : Answer
        The unstable pixels of the most noise, a row each: ``x``, ``y`` (from 0, in the picture), ``noise``, and how
        many ``times`` that of a steady pixel it is. Their levels and rates are found by
        `pipelines.pixels.cameras.finding.telegraph`.
    """

    camera: str
    noise: npt.NDArray[np.float32]
    samples: npt.NDArray[np.uint32]
    unstable: npt.NDArray[np.bool_]
    masters: tuple[str, ...]
    left_out: tuple[str, ...]
    noisiest: Answer


def noise_map(session: Session, camera: str, *, date: str | Sequence[str] | None = None, pixels: int = 200) -> NoiseMap:
    """Measure the noise of each pixel over the darks of any number of nights, one master in memory at a time.

    Parameters
    ----------
    camera
        Whose.
    date
        The night or nights; all by default.
    pixels
        Unstable pixels that are listed, the noisiest first.

    Raises
    ------
    NothingThere
        The camera has no master darks or biases in use that keep the scatter of all samples.
    """
    masters, left_out = _masters(session, camera, date)
    shape = tuple(masters[0]["arrays"]["value"]["shape"])
    if session.workers is None:
        bands = [_band(session, (masters, slice(0, shape[0])))]
    else:
        cut = [slice(first, min(first + ROWS, shape[0])) for first in range(0, shape[0], ROWS)]
        found_there = session.workers.in_order(_band, [(masters, rows) for rows in cut])
        bands = [done.require(f"the noise of {camera} from row {done.piece[1].start} on") for done in found_there]
    scatter = Scatter.joined([scattered for scattered, _ in bands])
    steady = np.concatenate([noise for _, noise in bands])
    noise, unstable = scatter.sigma(), scatter.unstable()
    times = np.where(unstable, noise / np.maximum(steady, 1e-30), 0)
    found = int(unstable.sum())
    chosen = np.argsort(times, axis=None)[::-1][: min(pixels, found)]
    rows = [
        {"x": x, "y": y, "noise": float(f"{noise[y, x]:.5g}"), "times": float(f"{times[y, x]:.4g}")}
        for y, x in (divmod(int(place), shape[1]) for place in chosen)
    ]
    title = f"Unstable pixels of {camera}: {found} of {noise.size}, the {len(rows)} of most noise"
    return NoiseMap(
        camera,
        noise,
        np.rint(scatter.freedom).astype(np.uint32),
        unstable,
        tuple(master["_id"] for master in masters),
        left_out,
        Answer(_COLUMNS, tuple(rows), title),
    )


class _Stored(Protocol):
    @property
    def store(self) -> ArrayStore: ...


def _band(shared: _Stored, piece: tuple[Sequence[Doc], slice]) -> tuple[Scatter, npt.NDArray[np.float32]]:
    """Return the scatter, and the noise of steady pixels, over all masters; one of them is in memory at a time."""
    masters, rows = piece
    shape = (rows.stop - rows.start, masters[0]["arrays"]["value"]["shape"][1])
    scatter, steady = Scatter(shape), np.zeros(shape, np.float32)
    for master in masters:
        value = np.asarray(shared.store.open(master["arrays"]["value"])[rows])
        add_scatter(scatter, master, value, shared.store, rows=rows)
        steady += np.nan_to_num(np.sqrt(steady_variance(value, master["noise"]))) / np.float32(len(masters))
    return scatter, steady


def _masters(
    session: Session, camera: str, date: str | Sequence[str] | None
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Return the masters of the setup of which there are most samples, and the names of the others."""
    query = {"camera": camera, "arrays.variance_all": {"$exists": True}, **on(date)}
    for kind in ("dark", "bias"):
        found = [doc for doc in session.masters.find({**query, "kind": kind}) if in_use(doc)]
        if found:
            break
    else:
        raise NothingThere(
            f"{camera} has no master darks or biases in use of one image; `darkroom masters make NIGHT` makes them"
        )
    setups: dict[str, list[dict[str, Any]]] = {}
    for doc in sorted(found, key=lambda doc: str(doc["_id"])):
        setups.setdefault(place_of(doc), []).append(doc)
    most = max(setups, key=lambda place: sum(len(doc["inputs"]) for doc in setups[place]))
    others = [doc["_id"] for place, docs in setups.items() if place != most for doc in docs]
    return setups[most], tuple(others)


def plot_noise(found: NoiseMap) -> Figure:
    """Draw a noise map: the picture, and how many pixels have which noise."""
    from matplotlib.figure import Figure

    known = found.noise[np.isfinite(found.noise)]
    usual = float(np.median(known)) if known.size else 1.0
    figure = Figure(figsize=(8, 10), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=(2, 1))
    image = upper.imshow(found.noise, origin="lower", vmin=0, vmax=3 * usual, cmap="viridis", interpolation="nearest")
    figure.colorbar(image, ax=upper, label="noise of a sample (ADU)")
    told = counted(len(found.masters), "master"), counted(int(found.unstable.sum()), "unstable pixel")
    upper.set_title(f"{found.camera}: {', '.join(told)}")
    bins = np.geomspace(max(usual / 4, 1e-6), max(float(known.max(initial=usual)), 2 * usual), 80)
    lower.hist(known, bins, histtype="step", label="all pixels")
    lower.hist(found.noise[found.unstable], bins, histtype="step", label="unstable")
    lower.set(xscale="log", yscale="log", xlabel="noise of a sample (ADU)", ylabel="pixels")
    lower.legend(fontsize="small")
    return figure
