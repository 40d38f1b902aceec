"""Stacks of slope images along time: cut from products, stored as a segment of the rate history, compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines.documents.schema import Doc
from pipelines.pixels.reading import SLOPE_ARRAYS
from pipelines.version import __version__

if TYPE_CHECKING:
    from arraystore import ArrayRef, ArrayStore

Array = npt.NDArray[Any]
Name = tuple[str, str]

VIEW = "rates"
PLANES = 256
"""Slope images in a full segment: as many as share a chunk of the store's layout for ramps."""

_KINDS = {"sci": "rates", "err": "rates", "dq": "rates-dq"}
_SLAB = 64  # rows of a chunk of the slope images: read once, they serve several bands of the stack


def name_of(document: Doc) -> Name:
    """Return what a product goes by in the view: its id, and the digest of its slopes."""
    return document["_id"], ((document.get("arrays") or {}).get("sci") or {}).get("digest", "")


def window_of(document: Doc) -> tuple[Any, ...]:
    """Return the detector and the window, which images of one stack share."""
    window = document["window"]
    return document["detector"], window["x"], window["y"], window["nx"], window["ny"]


def by_window(documents: Iterable[Doc]) -> dict[tuple[Any, ...], list[Doc]]:
    """Sort products, or segments, by detector and window."""
    groups = defaultdict(list)
    for document in documents:
        groups[window_of(document)].append(document)
    return groups


def stacks_of(documents: Iterable[Doc]) -> Iterator[list[Doc]]:
    """Cut the products of each window, in order of time, into stacks of at most `PLANES` images."""
    far = datetime.max.replace(tzinfo=UTC)
    for alike in by_window(documents).values():
        stack: list[Doc] = []
        planes = 0
        for document in sorted(alike, key=lambda d: (d.get("timestamp") or far, d["_id"])):
            if stack and planes + planes_of(document) > PLANES:
                yield stack
                stack, planes = [], 0
            stack.append(document)
            planes += planes_of(document)
        if stack:
            yield stack


def planes_of(document: Doc) -> int:
    """Count the slope images of a product."""
    shape = document["arrays"]["sci"]["shape"]
    return int(shape[0]) if len(shape) == 3 else 1


def stored(store: ArrayStore, stack: Sequence[Doc], run: str) -> dict[str, Any]:
    """Store the arrays of a stack; return its segment's document."""
    refs: dict[str, ArrayRef] = {}
    for name, kind in _KINDS.items():
        refs[name] = store.put(_Stack(store, [document["arrays"][name] for document in stack]), kind=kind)
    counts = [planes_of(document) for document in stack]
    firsts = np.cumsum([0, *counts])
    entries = [
        {"document": document["_id"], "sci": document["arrays"]["sci"]["digest"], "first": int(first), "count": count}
        for document, first, count in zip(stack, firsts, counts, strict=False)
    ]
    detector, x, y, nx, ny = window_of(stack[0])
    return {
        "_id": f"{VIEW}/{detector}/{x}-{y}-{nx}-{ny}/{refs['sci'].digest[:24]}",
        "view": VIEW,
        "detector": detector,
        "subarray": stack[0].get("subarray"),
        "window": dict(stack[0]["window"]),
        "planes": int(firsts[-1]),
        "entries": entries,
        "arrays": {name: ref.to_dict() for name, ref in refs.items()},
        "digests": sorted({ref.digest for ref in refs.values()}),
        "ingest": {"run": run, "at": datetime.now(UTC), "version": __version__},
    }


class _Stack:
    """Slope images of several products, one after the other, read a band of rows at a time."""

    def __init__(self, store: ArrayStore, refs: Sequence[Mapping[str, Any]]) -> None:
        self._cubes = store.open_many(refs)
        planes = sum(cube.shape[0] if cube.ndim == 3 else 1 for cube in self._cubes)
        self.shape: tuple[int, ...] = (planes, *self._cubes[0].shape[-2:])
        self.dtype: np.dtype[Any] = self._cubes[0].dtype
        self._slab: tuple[int, Array] = (0, np.empty((planes, 0, self.shape[2]), self.dtype))

    def read(self, start: int, stop: int) -> Array:
        """Return rows `start` to `stop` of every image."""
        first, rows = self._slab
        if not first <= start <= stop <= first + rows.shape[1]:
            first = start // _SLAB * _SLAB
            rows = self._rows(first, min(self.shape[1], -(-stop // _SLAB) * _SLAB))
            self._slab = first, rows
        return rows[:, start - first : stop - first].copy()

    def _rows(self, start: int, stop: int) -> Array:
        rows = np.empty((self.shape[0], stop - start, self.shape[2]), self.dtype)
        at = 0
        for cube in self._cubes:
            part = cube[..., start:stop, :]
            count = part.shape[0] if part.ndim == 3 else 1
            rows[at : at + count] = part
            at += count
        return rows


def holds_the_same(store: ArrayStore, segment: Doc, live: Mapping[Name, Doc]) -> bool:
    """Tell whether a segment holds the values of those of its products that there still are, bit for bit."""
    from arraystore import ArrayDamaged, Lost

    try:
        for name in SLOPE_ARRAYS:
            stack = store.open(segment["arrays"][name])
            for entry in segment["entries"]:
                document = live.get((entry["document"], entry["sci"]))
                if document is None:
                    continue
                source = store.open(document["arrays"][name])
                for rows, band in source.bands():
                    planes = stack[entry["first"] : entry["first"] + entry["count"], rows]
                    if planes.tobytes() != np.ascontiguousarray(band).tobytes():
                        return False
    except (ArrayDamaged, Lost):
        return False
    return True
