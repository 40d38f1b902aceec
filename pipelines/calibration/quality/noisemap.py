"""The noise of each pixel of a camera over all samples of the archive, and the pixels that jump between two levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from arraystore import ArrayDamaged, ArrayStore, Lost
from pipelines.calibration.groups.keys import exposure_time
from pipelines.calibration.masters.opening import open_image
from pipelines.calibration.masters.pixelmaps import add_scatter, in_use, place_of
from pipelines.calibration.masters.unstable import Scatter, steady_variance
from pipelines.combine.frames import stack_of
from pipelines.combine.pairs import sample_of
from pipelines.combine.telegraph import two_levels
from pipelines.documents.lookup import found_in
from pipelines.errors import UsageError
from pipelines.instruments.nights import on
from pipelines.session import Session
from pipelines.table import Answer, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Doc = Mapping[str, Any]

_COLUMNS = ("x", "y", "noise", "times", "low", "high", "share", "rate", "samples")
_ROWS = 256


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
    telegraph : Answer
        The unstable pixels of the most noise, a row each: ``x``, ``y`` (from 0, in the picture), ``noise``, how many
        ``times`` that of a steady pixel, and where two levels are resolved ``low`` and ``high`` above the level of the
        frames, the ``share`` of samples at the high one, and the ``rate`` (1/s; the sum of both directions) where it
        stays there from frame to frame.
    """

    camera: str
    noise: npt.NDArray[np.float32]
    samples: npt.NDArray[np.uint32]
    unstable: npt.NDArray[np.bool_]
    masters: tuple[str, ...]
    left_out: tuple[str, ...]
    telegraph: Answer


def noise_map(session: Session, camera: str, *, date: str | Sequence[str] | None = None, pixels: int = 200) -> NoiseMap:
    """Measure the noise of each pixel over the darks of any number of nights, one master in memory at a time.

    Parameters
    ----------
    camera
        Whose.
    date
        The night or nights; all by default.
    pixels
        Unstable pixels that are looked at frame by frame, the noisiest first.

    Raises
    ------
    UsageError
        The camera has no master darks or biases in use that keep the scatter of all samples.
    """
    masters, left_out = _masters(session, camera, date)
    shape = tuple(masters[0]["arrays"]["value"]["shape"])
    scatter = Scatter(shape)
    steady = np.zeros(shape, np.float32)
    for master in masters:
        value = np.asarray(session.store.open(master["arrays"]["value"]))
        add_scatter(scatter, master, value, session.store)
        steady += np.nan_to_num(np.sqrt(steady_variance(value, master["noise"]))) / np.float32(len(masters))
    noise, unstable = scatter.sigma(), scatter.unstable()
    times = np.where(unstable, noise / np.maximum(steady, 1e-30), 0)
    chosen = np.argsort(times, axis=None)[::-1][: min(pixels, int(unstable.sum()))]
    places = np.unravel_index(chosen, shape)
    rows = _telegraph(session, masters, places, noise, steady)
    found = int(unstable.sum())
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
        raise UsageError(
            f"{camera} has no master darks or biases in use of one image; `darkroom masters make NIGHT` makes them"
        )
    setups: dict[str, list[dict[str, Any]]] = {}
    for doc in sorted(found, key=lambda doc: str(doc["_id"])):
        setups.setdefault(place_of(doc), []).append(doc)
    most = max(setups, key=lambda place: sum(len(doc["inputs"]) for doc in setups[place]))
    others = [doc["_id"] for place, docs in setups.items() if place != most for doc in docs]
    return setups[most], tuple(others)


def _telegraph(
    session: Session,
    masters: Sequence[Doc],
    places: tuple[npt.NDArray[np.intp], ...],
    noise: npt.NDArray[np.float32],
    steady: npt.NDArray[np.float32],
) -> list[Row]:
    """Follow some pixels through the frames of the exposure time of which there are most."""
    names = [item["id"] for master in masters for item in master["inputs"]]
    by_time: dict[float | None, list[Doc]] = {}
    for frame in found_in(session.headers, "_id", names, {"cards": 0}):
        by_time.setdefault(exposure_time(frame), []).append(frame)
    frames = max(by_time.values(), key=len, default=[])
    frames = sorted(frames, key=lambda frame: (str(frame.get("timestamp")), frame["_id"]))
    series = [one for frame in frames if (one := _pixels_of(frame, places, session.store)) is not None]
    samples = np.array([values for _, values in series]) if series else np.empty((0, len(places[0])))
    seconds = np.array([when for when, _ in series])
    found = two_levels(samples, steady[places], seconds)
    rows = []
    for n, (y, x) in enumerate(zip(*places, strict=True)):
        values = (noise[y, x], noise[y, x] / steady[y, x], found.low[n], found.high[n], found.share[n], found.rate[n])
        told = dict(zip(_COLUMNS[2:-1], map(_number, values), strict=True))
        rows.append({"x": int(x), "y": int(y), **told, "samples": len(samples)})
    return rows


def _pixels_of(
    frame: Doc, places: tuple[npt.NDArray[np.intp], ...], store: ArrayStore
) -> tuple[float, npt.NDArray[np.float64]] | None:
    """Read some pixels of a frame, above its level; nothing of one whose pixels are lost."""
    try:
        source = open_image(frame, "sci", store)
        level = float(np.nanmedian(sample_of(stack_of([source]), 0, None, pixels=1 << 16)))
        values = np.full(len(places[0]), np.nan)
        for start in range(0, source.shape[0], _ROWS):
            mine = np.flatnonzero((places[0] >= start) & (places[0] < start + _ROWS))
            if mine.size:
                rows = source.read(start, min(start + _ROWS, source.shape[0]))
                part = rows[places[0][mine] - start, places[1][mine]]
                values[mine] = np.ma.filled(part.astype(np.float64), np.nan)
    except (Lost, ArrayDamaged):
        return None
    when = frame.get("timestamp")
    return (when.timestamp() if when is not None else float("nan")), values - level


def _number(value: Any) -> float | None:
    return float(f"{value:.5g}") if np.isfinite(value) else None


def plot_noise(found: NoiseMap) -> Figure:
    """Draw a noise map: the picture, and how many pixels have which noise."""
    from matplotlib.figure import Figure

    known = found.noise[np.isfinite(found.noise)]
    usual = float(np.median(known)) if known.size else 1.0
    figure = Figure(figsize=(8, 10), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=(2, 1))
    image = upper.imshow(found.noise, origin="lower", vmin=0, vmax=3 * usual, cmap="viridis", interpolation="nearest")
    figure.colorbar(image, ax=upper, label="noise of a sample (ADU)")
    upper.set_title(f"{found.camera}: {len(found.masters)} masters, {int(found.unstable.sum())} unstable pixels")
    bins = np.geomspace(max(usual / 4, 1e-6), max(float(known.max(initial=usual)), 2 * usual), 80)
    lower.hist(known, bins, histtype="step", label="all pixels")
    lower.hist(found.noise[found.unstable], bins, histtype="step", label="unstable")
    lower.set(xscale="log", yscale="log", xlabel="noise of a sample (ADU)", ylabel="pixels")
    lower.legend(fontsize="small")
    return figure
