"""Finding pixels by data-quality flag: every ramp that has it, in the group flags or in those of the pixel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from arraystore import ArrayDamaged, Cube, Lost
from arraystore.processors import processors
from pipelines.detectors.dqflags import UnknownFlag, dq_names, mask_of
from pipelines.detectors.geometry import GEOMETRIES
from pipelines.errors import require
from pipelines.pixels.search.stacks import NoExposures, Stored, Where
from pipelines.progress import Progress
from pipelines.session import Session
from pipelines.table import Answer, Row

if TYPE_CHECKING:
    import xarray


Array = npt.NDArray[Any]
COLUMNS = ("document", "exposure", "date", "ramps", "flagged", "in_groups", "in_pixel", "groups", "pixels")

_FIELDS = {
    "kind": 1,
    "exposure": 1,
    "date": 1,
    "timestamp": 1,
    "detector": 1,
    "subarray": 1,
    "window": 1,
    "dq_version": 1,
    "arrays.sci": 1,
    "arrays.groupdq": 1,
    "arrays.pixeldq": 1,
    "arrays.dq": 1,
}


@dataclass(frozen=True, slots=True)
class FlaggedRamps:
    """Ramps that have a flag, of one band of one exposure.

    Attributes
    ----------
    document : str
        The product.
    integration, x, y, pixel_id : ndarray
        Of each ramp; the integration counts from 1, x and y are full-frame from 1.
    in_groups, in_pixel : ndarray of bool
        Whether a group of the ramp has it, and whether the pixel has.
    """

    document: str
    integration: Array
    x: Array
    y: Array
    pixel_id: Array
    in_groups: Array
    in_pixel: Array


@dataclass(frozen=True, slots=True, repr=False)
class FlagCounts:
    """How many ramps have a flag, by exposure and by pixel.

    Attributes
    ----------
    exposures : Answer
        A row per product: ``ramps`` it holds, how many are ``flagged``, of these how many ``in_groups`` (of
        the ramp) and ``in_pixel`` (of the pixel), how many ``groups`` have it themselves, and how many
        ``pixels`` have a ramp that does.
    images : dict
        Detector to flagged ramps of each pixel of the full frame, int32 (rows, columns).
    unreadable : dict
        Products that could not be read, and why; they are in no count.
    unnamed : tuple of str
        Products of versions that have no flag of this name; they are in no count.
    nbytes : int
        Bytes of flags that were read.
    """

    exposures: Answer
    images: Mapping[str, Array]
    unreadable: Mapping[str, str]
    unnamed: tuple[str, ...]
    nbytes: int

    def total(self, column: str) -> int:
        """Sum a column over the exposures."""
        return sum(row[column] for row in self.exposures)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, without the images."""
        totals = {column: self.total(column) for column in ("ramps", "flagged", "in_groups", "in_pixel", "groups")}
        lost = {"unreadable": dict(self.unreadable), "unnamed": list(self.unnamed)}
        return {"title": self.exposures.title, **totals, "exposures": list(self.exposures), **lost}

    def to_xarray(self) -> xarray.Dataset:
        """Return the images with full-frame coordinates ``x`` and ``y``, from 1."""
        library = require("xarray", extra="xarray", what="to_xarray()")
        alike = len({image.shape for image in self.images.values()}) == 1
        images: dict[str, Any] = {}
        coords: dict[str, Any] = {}
        for detector, image in self.images.items():
            y, x = ("y", "x") if alike else (f"y_{detector}", f"x_{detector}")  # detectors of several sizes
            images[detector] = ((y, x), image)
            coords |= {y: np.arange(1, image.shape[0] + 1), x: np.arange(1, image.shape[1] + 1)}
        made: xarray.Dataset = library.Dataset(images, coords=coords)
        return made

    def __repr__(self) -> str:
        lines = [repr(self.exposures), f"{self.total('flagged')} of {self.total('ramps')} ramps"]
        lines += [f"could not be read, and is not counted: {name}: {why}" for name, why in self.unreadable.items()]
        if self.unnamed:
            lines.append(f"not counted: {len(self.unnamed)} products of versions that have no flag of this name")
        return "\n".join(lines)


def pixels_with(
    session: Session,
    flags: str | Sequence[str],
    *,
    where: Where | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> FlagCounts:
    """Count the ramps that have any of some flags, in every exposure a question allows.

    A ramp has a flag when one of its groups has it (GROUPDQ), or its pixel has (PIXELDQ). Of an exposure
    whose ramp product is not in the archive, the flags of its slopes (DQ) are taken, where both are one.
    Flags go by the names of the version that made each product.

    Parameters
    ----------
    flags : str or sequence of str
        Names, such as ``'JUMP_DET'``.
    where : Mapping, optional
        A filter of the catalog.
    workers : int, optional
        Threads; by default one a processor, at most 4.
    progress : callable, optional
        Told how many products are done, and how many there are.

    Raises
    ------
    NoExposures
        No product with flags answers to `where`.
    UnknownFlag
        No version among them has a flag of the name; the message lists the names.
    """
    documents, unnamed = _named(_documents(session, where), flags)
    images = {doc["detector"]: np.zeros(_frame(doc), np.int32) for doc in documents}
    rows: list[Row] = []
    unreadable: dict[str, str] = {}
    threads = workers or min(4, processors())
    nbytes = 0
    for done, (doc, counted) in enumerate(_counted(session, documents, flags, threads), start=1):
        if isinstance(counted, str):
            unreadable[doc["_id"]] = counted
        else:
            row, image = counted
            rows.append(row)
            window = doc["window"]
            top, left = window["y"] - 1, window["x"] - 1
            images[doc["detector"]][top : top + window["ny"], left : left + window["nx"]] += image
            nbytes += sum(ref["nbytes"] for name, ref in doc["arrays"].items() if name != "sci")
        if progress is not None:
            progress(done, len(documents))
    title = f"Ramps with {' or '.join([flags] if isinstance(flags, str) else flags).upper()}"
    return FlagCounts(Answer(COLUMNS, tuple(rows), title), images, unreadable, tuple(unnamed), nbytes)


def flagged_ramps(
    session: Session, flags: str | Sequence[str], *, where: Where | None = None
) -> Iterator[FlaggedRamps]:
    """Yield every ramp that has any of some flags, a band of an exposure at a time: all of them may be many.

    Parameters and errors are those of `pixels_with`; of a product that cannot be read the error passes through.
    """
    for doc in _named(_documents(session, where), flags)[0]:
        mask, window = _mask(doc, flags), doc["window"]
        for band, groups, pixel in _bands(session, doc, mask):
            ramps = np.asarray(groups.any(axis=1))
            either = ramps | pixel
            integration, i, j = (np.asarray(index) for index in np.nonzero(either))
            x, y = window["x"] + j, window["y"] + band.start + i
            yield FlaggedRamps(
                document=doc["_id"],
                integration=integration + 1,
                x=x,
                y=y,
                pixel_id=GEOMETRIES[doc["detector"]].pixel_id(x, y),
                in_groups=ramps[integration, i, j],
                in_pixel=pixel[i, j],
            )


def _documents(session: Session, where: Where | None) -> list[dict[str, Any]]:
    """Return the products to look at, in order of time: ramps, and slopes of exposures that have no ramp here."""
    kinds = {"$in": ["ramp", "rateints", "rate"]}
    asked = {"$and": [{"kind": kinds, "ingest.arrays": "kept"}, dict(where or {})]}
    found = [
        doc
        for doc in session.headers.find(asked, _FIELDS)
        if doc.get("window") and ("groupdq" in doc["arrays"] or "dq" in doc["arrays"])
    ]
    if not found:
        raise NoExposures(
            f"no product with flags answers to {dict(where or {})}: ingest ramp or rateints products, or calibrate "
            'exposures; darkroom query \'{"kind": "ramp"}\' lists what there is'
        )
    rank = {"ramp": 0, "rateints": 1, "rate": 2}
    best: dict[str, int] = {}
    for doc in found:
        name = _calibration(doc)
        best[name] = min(best.get(name, 9), rank[doc["kind"]])
    chosen = [doc for doc in found if rank[doc["kind"]] == best[_calibration(doc)]]
    return sorted(chosen, key=lambda doc: (doc["timestamp"] is None, str(doc["timestamp"]), doc["_id"]))


def _frame(doc: Mapping[str, Any]) -> tuple[int, int]:
    """Return (rows, columns) of the full frame; of a detector that is not known, as far as its window shows."""
    known = GEOMETRIES.get(doc["detector"])
    return known.shape if known is not None else (doc["window"]["top"], doc["window"]["right"])


def _calibration(doc: Mapping[str, Any]) -> str:
    """Name the calibration a product is of: the products of one stand in one folder under one stem."""
    return str(doc["_id"]).rpartition("_")[0]


def _named(documents: list[dict[str, Any]], flags: str | Sequence[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Part the documents whose version has the flags from those that have not."""
    known, unnamed = [], []
    problem: UnknownFlag | None = None
    for doc in documents:
        try:
            _mask(doc, flags)
            known.append(doc)
        except UnknownFlag as error:
            problem = error
            unnamed.append(doc["_id"])
    if problem is not None and not known:
        raise problem
    return known, unnamed


def _mask(doc: Mapping[str, Any], flags: str | Sequence[str]) -> int:
    return mask_of(flags, dq_names(doc.get("dq_version")))


def _counted(
    session: Session, documents: Sequence[dict[str, Any]], flags: str | Sequence[str], threads: int
) -> Iterator[tuple[dict[str, Any], tuple[Row, Array] | str]]:
    """Count in each document, in their order, here or on the workers of a scheduler."""
    if session.workers is None:
        yield from _in_turn(lambda doc: _count(session, doc, flags), documents, threads)
        return
    for done in session.workers.in_order(_count_one, ((doc, flags) for doc in documents)):
        yield done.piece[0], done.require(f"counting in {done.piece[0]['_id']}")


def _count_one(shared: Stored, piece: tuple[dict[str, Any], str | Sequence[str]]) -> tuple[Row, Array] | str:
    return _count(shared, *piece)


def _count(session: Stored, doc: Mapping[str, Any], flags: str | Sequence[str]) -> tuple[Row, Array] | str:
    """Return the row and the image of a product, or why it could not be read."""
    window = doc["window"]
    image = np.zeros((window["ny"], window["nx"]), np.int32)
    in_groups = in_pixel = groups_with = ramps = 0
    try:
        for band, groups, pixel in _bands(session, doc, _mask(doc, flags)):
            ramp = groups.any(axis=1)
            image[band] = (ramp | pixel).sum(axis=0)
            groups_with += int(groups.sum())
            in_groups += int(ramp.sum())
            in_pixel += int(pixel.sum()) * groups.shape[0]
            ramps += ramp.size
    except (Lost, ArrayDamaged) as error:
        return str(error)
    row: Row = {
        "document": doc["_id"],
        "exposure": doc.get("exposure"),
        "date": doc["date"],
        "ramps": ramps,
        "flagged": int(image.sum()),
        "in_groups": in_groups,
        "in_pixel": in_pixel,
        "groups": groups_with,
        "pixels": int((image > 0).sum()),
    }
    return row, image


def _bands(session: Stored, doc: Mapping[str, Any], mask: int) -> Iterator[tuple[slice, Array, Array]]:
    """Yield rows, where the groups (nint, ngroup, rows, x) and where the pixels (rows, x) have one of the bits.

    The flags of slopes hold those of the pixel, too, and cannot be told apart: they count as one group's.
    """
    arrays = doc["arrays"]
    whole: Cube = session.store.open(arrays["groupdq" if "groupdq" in arrays else "dq"])
    pixeldq: Array | None = session.store.open(arrays["pixeldq"])[...] if "pixeldq" in arrays else None
    for band, values in whole.bands():
        flags = values.reshape((-1, 1, *values.shape[-2:])) if whole.ndim < 4 else values
        groups = _has(flags, mask)
        pixel = np.zeros(groups.shape[-2:], bool) if pixeldq is None else _has(pixeldq[band], mask)
        yield band, groups, pixel


def _has(flags: Array, mask: int) -> Array:
    """Tell where flags have one of the bits of a mask, as far as their type has these bits."""
    unsigned = np.dtype(f"u{flags.dtype.itemsize}")
    has: Array = (flags.view(unsigned) & unsigned.type(mask & int(np.iinfo(unsigned).max))) != 0
    return has


def _in_turn(
    work: Callable[[dict[str, Any]], Any], documents: Sequence[dict[str, Any]], threads: int
) -> Iterator[tuple[dict[str, Any], Any]]:
    """Do a work on each document in threads, a few ahead, and yield the results in order."""
    todo = iter(documents)
    with ThreadPoolExecutor(threads, thread_name_prefix="darkroom-find") as pool:
        ahead: list[tuple[dict[str, Any], Future[Any]]] = [
            (doc, pool.submit(work, doc)) for doc in islice(todo, threads)
        ]
        while ahead:
            doc, future = ahead.pop(0)
            result = future.result()
            ahead += [(following, pool.submit(work, following)) for following in islice(todo, 1)]
            yield doc, result
