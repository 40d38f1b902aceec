"""A second opinion of a master: the same frames combined by ccdproc, and where the two differ.

The raw frames are read from the archive again and go through ccdproc alone: overscan, trim, bias, dark, level,
and its combination by average with outliers beyond 5 robust sigmas left out, as its guide recommends. What is
shared with the master is the list of frames, and the darks and biases taken from flats.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from arraystore import ArrayStore
from pipelines.calibration.masters.frames import MASKS, beside
from pipelines.calibration.masters.geometry import Geometry, Section, geometry_of
from pipelines.calibration.masters.images import image_names, planes_of
from pipelines.calibration.select.certify import find_master
from pipelines.combine.methods import MAD_TO_SIGMA
from pipelines.documents.lookup import found_in
from pipelines.documents.schema import Doc
from pipelines.errors import Refused, UsageError, require
from pipelines.session import Session
from pipelines.table import Answer, Row

__all__ = ["PEERS", "compare"]

Plane = npt.NDArray[Any]

PEERS = ("ccdproc",)
COLUMNS = ("image", "where", "x", "y", "darkroom", "peer", "difference", "sigmas", "frames")

_COMPARED = ("bias", "dark", "flat")
_CLIP = 5.0  # robust sigmas, as the guide of ccdproc has it
_BAND = 256  # rows combined together
_BLOCKS = 8  # along each side, for smooth differences
_APART = 5.0  # stated sigmas of the master from which two values of a pixel are called different


def compare(session: Session, master_id: str, *, peer: str = "ccdproc", most: int = 10) -> Answer:
    """Make the group of a master by another program, and say where and by how much the two differ.

    Memory: one frame, and a band of all of them; the frames lie in a temporary folder, as float32.

    Parameters
    ----------
    master_id : str
        A master bias, dark or flat.
    peer : {'ccdproc'}
        By what.
    most : int
        Pixels listed for each image.

    Returns
    -------
    Answer
        For each image a row for the whole (``difference``: its median), one for the block of an 8 x 8 grid that
        differs most, and the pixels that differ most; ``x`` and ``y`` from 0, ``sigmas`` in those the master
        states, ``frames`` how many it uses there.

    Raises
    ------
    MissingExtra
        ccdproc is not installed.
    UsageError
        There is no such peer, or the master is no bias, dark or flat.
    Refused
        A frame or master it was made from is no longer there as it was.
    arraystore.Lost, arraystore.ArrayDamaged
        Pixels are not what was stored.

    Examples
    --------
    >>> compare(archive.session, "masters/K42/2024-02-20/bias-39b31835aa07")  # doctest: +SKIP
    """
    if peer not in PEERS:
        raise UsageError(f"no comparison with {peer!r}; there is {', '.join(PEERS)}")
    ccdproc = require("ccdproc", extra="ccdproc", what="comparing a master with ccdproc")
    master = find_master(session, master_id)
    if master["kind"] not in _COMPARED:
        raise UsageError(f"{master['_id']} is a {master['kind']}; {', '.join(_COMPARED)} are compared")
    frames, used = _inputs(session, master)
    rows: list[Row] = []
    said = []
    for image in image_names(master):
        ours = {name: np.asarray(session.store.open(ref)) for name, ref in planes_of(master, image).items()}
        with TemporaryDirectory(prefix="darkroom-compare-") as folder:
            theirs = _combined(ccdproc, _reduced(ccdproc, frames, used, master, image, session.store), Path(folder))
        if theirs.shape != ours["value"].shape:
            raise Refused(f"{master['_id']} is {ours['value'].shape}, the frames now give {theirs.shape}")
        found, text = _differences(image, ours, theirs, most)
        rows += found
        said.append(text if len(image_names(master)) == 1 else f"{image}: {text}")
    version = getattr(ccdproc, "__version__", "")
    title = f"{master['_id']} beside ccdproc {version}, the same {len(frames)} frames: {'; '.join(said)}"
    return Answer(COLUMNS, tuple(rows), title)


def _inputs(session: Session, master: Doc) -> tuple[list[Doc], dict[str, Doc]]:
    """Return the frames of a master and the masters it was made with, as they were then."""
    names = [item["id"] for item in master["inputs"]]
    found = {doc["_id"]: doc for doc in found_in(session.headers, "_id", names, {"cards": 0})}
    for item in master["inputs"]:
        frame = found.get(item["id"])
        if frame is None:
            raise Refused(f"{item['id']} is no longer in the archive: {master['_id']} cannot be made again")
        if frame.get("pixels_digest") != item["pixels"]:
            raise Refused(f"{item['id']} has other pixels than {master['_id']} was made of; make the master again")
    wanted = sorted({one["id"] for one in master["masters"]})
    used: dict[str, Doc] = {doc["_id"]: doc for doc in found_in(session.masters, "_id", wanted, {})}
    gone = [name for name in wanted if name not in used]
    if gone:
        raise Refused(f"{gone[0]} is no longer in the archive: {master['_id']} cannot be made again")
    return [found[name] for name in names], used


def _reduced(
    ccdproc: Any, frames: Sequence[Doc], used: Mapping[str, Doc], master: Doc, image: str, store: ArrayStore
) -> Iterator[Any]:
    """Return each frame less what the master's frames are less, by ccdproc; flats over the level of their middle."""
    from astropy.nddata import CCDData

    for frame in frames:
        geometry = geometry_of(frame, image)
        masks = [np.asarray(store.open(frame["arrays"][name])) != 0 for name in beside(frame, MASKS, image)]
        masked = np.logical_or.reduce(masks) if masks else None
        raw = np.asarray(store.open(frame["arrays"][image])).astype(np.float64)
        done = _less_overscan(ccdproc, CCDData(raw, unit="adu", mask=masked), geometry)
        if master["kind"] == "flat":
            done = _less_unlit(ccdproc, done, frame["_id"], used, master, image, store)
            middle = tuple(slice(n // 4, n - n // 4) for n in done.shape)
            done = done.divide(float(np.nanmedian(_filled(done)[middle])))
        yield done


def _less_overscan(ccdproc: Any, frame: Any, geometry: Geometry) -> Any:
    """Take the overscan away, amplifier by amplifier, and trim. Extra rows have one level, as in the master."""
    if geometry.has_overscan:
        for amplifier in geometry.amplifiers:
            data, bias = amplifier.data, amplifier.bias
            if bias is None:  # has_overscan says that there is none such
                continue
            if _beside(data, bias):
                level = ccdproc.subtract_overscan(frame[data], overscan=frame[bias], overscan_axis=1, median=True)
                frame.data[data] = level.data
            else:
                frame.data[data] -= np.median(frame.data[bias])
    place = np.ix_(geometry.rows, geometry.columns)
    mask = None if frame.mask is None else frame.mask[place]
    return type(frame)(frame.data[place], unit=frame.unit, mask=mask)


def _beside(data: Section, bias: Section) -> bool:
    """Tell whether an overscan is columns beside the very rows of the picture."""
    return data[0] == bias[0]


def _less_unlit(
    ccdproc: Any, flat: Any, name: str, used: Mapping[str, Doc], master: Doc, image: str, store: ArrayStore
) -> Any:
    """Subtract a flat's bias and dark, scaled where the master's was."""
    from astropy import units
    from astropy.nddata import CCDData

    roles = {one["role"]: one for one in master["masters"] if name in one["frames"]}

    def plane(role: str) -> Any:
        value = np.asarray(store.open(planes_of(used[roles[role]["id"]], image)["value"]))
        return CCDData(value.astype(np.float64), unit="adu")

    bias = plane("bias") if "bias" in roles else None
    if bias is not None:
        flat = ccdproc.subtract_bias(flat, bias)
    if "dark" in roles:
        dark = plane("dark")
        if bias is not None:
            dark = ccdproc.subtract_bias(dark, bias)
        scale = float(roles["dark"]["scale"])
        flat = ccdproc.subtract_dark(
            flat, dark, dark_exposure=1 * units.s, data_exposure=scale * units.s, scale=scale != 1.0
        )
    return flat


def _combined(ccdproc: Any, frames: Iterator[Any], folder: Path) -> Plane:
    """Combine frames by ccdproc, a band of rows at a time."""
    from astropy.nddata import CCDData
    from astropy.stats import mad_std

    files = []
    shape: tuple[int, ...] = ()
    for number, frame in enumerate(frames):
        shape = frame.shape
        path = folder / f"{number}.npy"
        np.save(path, _filled(frame).astype(np.float32))
        files.append(path)
    out = np.empty(shape, np.float64)
    for start in range(0, shape[0], _BAND):
        rows = slice(start, start + _BAND)
        band = [np.array(np.load(path, mmap_mode="r")[rows], np.float64) for path in files]
        combiner = ccdproc.Combiner([CCDData(one, unit="adu", mask=~np.isfinite(one)) for one in band])
        combiner.sigma_clipping(low_thresh=_CLIP, high_thresh=_CLIP, func=np.ma.median, dev_func=_deviation(mad_std))
        done = combiner.average_combine()
        out[rows] = np.where(np.zeros(done.shape, bool) if done.mask is None else done.mask, np.nan, done.data)
    return out


def _filled(frame: Any) -> Plane:
    """Return the values of a frame, NaN where it is masked."""
    return np.asarray(frame.data) if frame.mask is None else np.where(frame.mask, np.nan, frame.data)


def _deviation(mad_std: Any) -> Any:
    """Return the robust deviation along an axis; where the middle frames are equal it is 0, and clips nothing."""

    def deviation(samples: Any, axis: int | None = None) -> Any:
        found = mad_std(samples, axis=axis, ignore_nan=True)
        return np.where(found > 0, found, np.inf)

    return deviation


def _differences(image: str, ours: Mapping[str, Plane], theirs: Plane, most: int) -> tuple[list[Row], str]:
    """Return the rows of one image, and what they come to."""
    value = ours["value"].astype(np.float64)
    apart = value - theirs
    with np.errstate(invalid="ignore", divide="ignore"):
        sigma = np.sqrt(ours["variance_model"].astype(np.float64))
        sigmas = np.where(sigma > 0, apart / sigma, np.nan)
    both = np.isfinite(apart)
    if not both.any():
        return [], "no pixel has a value in both"
    middle = float(np.median(apart[both]))
    scatter = float(MAD_TO_SIGMA * np.median(np.abs(apart[both] - middle)))
    known = both & np.isfinite(sigmas)
    many = int((np.abs(sigmas[known]) > _APART).sum())
    noise = float(np.median(sigma[known])) if known.any() else float("nan")
    count = ours.get("count")
    rows = [
        _row(image, "whole", None, None, np.nanmedian(value[both]), np.nanmedian(theirs[both]), middle, middle / noise),
        _block(image, value, theirs, apart, noise),
    ]
    rank = np.where(known, np.abs(sigmas), -1.0).ravel()
    for place in np.argsort(rank)[::-1][:most]:
        y, x = divmod(int(place), apart.shape[1])
        if rank[place] < 0:
            break
        rows.append(_row(image, "pixel", x, y, value[y, x], theirs[y, x], apart[y, x], sigmas[y, x]))
        rows[-1]["frames"] = None if count is None else int(count[y, x])
    text = f"median difference {middle:.4g}, scatter {scatter:.4g}, stated sigma {noise:.4g}"
    text += f"; {many} of {int(both.sum())} pixels differ by more than {_APART:g} sigma"
    lone = int(both.size - both.sum())
    return rows, text + (f"; {lone} pixels have no value in one of the two" if lone else "")


def _block(image: str, value: Plane, theirs: Plane, apart: Plane, noise: float) -> Row:
    """Return the row of the block whose median difference is largest."""
    rows = np.array_split(np.arange(apart.shape[0]), min(_BLOCKS, apart.shape[0]))
    columns = np.array_split(np.arange(apart.shape[1]), min(_BLOCKS, apart.shape[1]))
    best: tuple[float, Any] = (-1.0, None)
    for some in rows:
        for across in columns:
            block = apart[some[0] : some[-1] + 1, across[0] : across[-1] + 1]
            finite = block[np.isfinite(block)]
            size = abs(float(np.median(finite))) if finite.size else -1.0
            if size > best[0] or best[1] is None:
                best = (size, (some, across))
    some, across = best[1]
    place = slice(some[0], some[-1] + 1), slice(across[0], across[-1] + 1)
    mine, other, differ = (float(np.nanmedian(plane[place])) for plane in (value, theirs, apart))
    x, y = f"{across[0]}-{across[-1]}", f"{some[0]}-{some[-1]}"
    return _row(image, "block", x, y, mine, other, differ, differ / noise)


def _row(
    image: str, where: str, x: Any, y: Any, ours: float, theirs: float, difference: float, sigmas: float
) -> dict[str, Any]:
    numbers = (float(f"{number:.6g}") for number in (ours, theirs, difference, sigmas))
    return dict(zip(COLUMNS, (image, where, x, y, *numbers, None), strict=True))
