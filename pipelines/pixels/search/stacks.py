"""Stacks: the slopes of one window of a detector in every exposure, read a block of pixels at a time.

Each exposure gives its slopes per integration where they were kept, else its mean slope; of several calibrations
the latest that the question allows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

import numpy as np

from arraystore import ArrayDamaged, ArrayStore, Lost
from pipelines.errors import UsageError
from pipelines.pixels.search.statistics import Floats
from pipelines.schedulers.workers import Workers
from pipelines.session import Session

BUDGET = 64 * 2**20
"""Bytes of slopes and errors that the blocks in work may hold together; their statistics take a few times as much."""

TILE = (64, 86)
"""Rows and columns of a chunk of slopes in the array store: blocks of whole ones decode each chunk once."""

_FIELDS = {
    "kind": 1,
    "exposure": 1,
    "segment": 1,
    "timestamp": 1,
    "date": 1,
    "detector": 1,
    "subarray": 1,
    "window": 1,
    "nints": 1,
    "arrays.sci": 1,
    "arrays.err": 1,
    "ingest.at": 1,
    "readpatt": 1,
}

Where = Mapping[str, Any]
Result_co = TypeVar("Result_co", covariant=True)
Result = TypeVar("Result")


class NoExposures(UsageError):
    """No exposure of the archive answers to the question."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One integration of a stack: its document, its number in the exposure from 0, and when."""

    document: str
    integration: int
    timestamp: datetime


@dataclass(slots=True)
class SlopeStack:
    """The exposures of one window of a detector, in order of time.

    Attributes
    ----------
    detector, subarray : str
        Which.
    window : dict
        ``x``, ``y`` (from 1, full frame), ``nx``, ``ny``.
    documents : list of dict
        One an exposure or segment, with ``arrays``.
    undated : list of str
        Documents that have no time, and are left out.
    unreadable : dict
        Documents whose slopes could not be read, and why; they count as missing.
    held : dict
        Documents whose slopes the rate history has: the segment's arrays, and where in it.
    """

    detector: str
    subarray: str
    window: dict[str, int]
    documents: list[dict[str, Any]]
    undated: list[str]
    unreadable: dict[str, str] = field(default_factory=dict)
    held: dict[str, tuple[Mapping[str, Any], int]] = field(default_factory=dict)

    @property
    def moments(self) -> list[Moment]:
        """Every integration in order of time."""
        return [
            Moment(doc["_id"], index, doc["timestamp"]) for doc in self.documents for index in range(_integrations(doc))
        ]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(time, y, x)."""
        return sum(map(_integrations, self.documents)), self.window["ny"], self.window["nx"]

    @property
    def nbytes(self) -> int:
        """Bytes of the slopes and errors that a search reads."""
        return sum(ref["nbytes"] for doc in self.documents for ref in doc["arrays"].values())


def slope_stacks(session: Session, where: Where | None = None) -> list[SlopeStack]:
    """Return the stacks of all slopes that a question allows, by detector and window.

    Parameters
    ----------
    where : Mapping, optional
        A filter of the catalog, such as ``{'detector': 'MIRIMAGE', 'header.FILTER': 'F1000W'}``.

    Raises
    ------
    NoExposures
        It allows none.
    """
    asked = {"$and": [{"kind": {"$in": ["rateints", "rate"]}, "ingest.arrays": "kept"}, dict(where or {})]}
    chosen: dict[tuple[Any, Any], dict[str, Any]] = {}
    for doc in session.headers.find(asked, _FIELDS):
        if doc.get("window") is None or "sci" not in doc["arrays"]:
            continue
        name = (doc.get("exposure") or doc["_id"], (doc.get("segment") or {}).get("number"))
        chosen[name] = max(
            chosen.get(name, doc), doc, key=lambda d: (d["kind"] == "rateints", d["ingest"]["at"], d["_id"])
        )
    if not chosen:
        raise NoExposures(
            f"no slopes answer to {dict(where or {})}: ingest rateints or rate products, or calibrate exposures; "
            'darkroom query \'{"kind": "rateints"}\' lists what there is'
        )
    stacks: dict[tuple[Any, ...], SlopeStack] = {}
    for doc in chosen.values():
        window = doc["window"]
        key = (doc.get("detector") or "unknown", *(window[name] for name in ("x", "y", "nx", "ny")))
        stack = stacks.setdefault(key, SlopeStack(key[0], doc["subarray"], window, [], []))
        if doc["timestamp"] is None:
            stack.undated.append(doc["_id"])
        else:
            stack.documents.append(doc)
    for stack in stacks.values():
        stack.documents.sort(key=lambda d: (d["timestamp"], (d.get("segment") or {}).get("first", 1), d["_id"]))
    _look_up(session, stacks)
    return [stacks[key] for key in sorted(stacks)]


def _look_up(session: Session, stacks: Mapping[tuple[Any, ...], SlopeStack]) -> None:
    """Find which slopes the rate history holds, with the pixels that their products have now: one question for all.

    A segment of which less than half is wanted would be read for little: the products are read instead.
    """
    detectors = sorted({stack.detector for stack in stacks.values()})
    wanted = {
        (doc["_id"], doc["arrays"]["sci"]["digest"]): stack
        for stack in stacks.values()
        for doc in stack.documents
        if "err" in doc["arrays"]
    }
    fields = {"arrays": 1, "entries": 1, "planes": 1}
    for segment in session.catalog["views"].find({"view": "rates", "detector": {"$in": detectors}}, fields):
        mine = [entry for entry in segment["entries"] if (entry["document"], entry["sci"]) in wanted]
        if 2 * sum(entry["count"] for entry in mine) >= segment["planes"]:
            for entry in mine:
                stack = wanted[entry["document"], entry["sci"]]
                stack.held[entry["document"]] = (segment["arrays"], int(entry["first"]))


Block = tuple[slice, slice]
"""Rows and columns of a window, from 0."""


class BlockWork(Protocol[Result_co]):
    """What is made of a block: slopes and errors, (time, rows, columns)."""

    def __call__(self, values: Floats, errors: Floats) -> Result_co: ...


def blocks(shape: tuple[int, int, int], *, nbytes: int) -> Iterator[Block]:
    """Cut a window into blocks of whole chunks, as large as `nbytes` of slopes and errors allow.

    Parameters
    ----------
    shape : tuple of int
        (time, y, x).
    nbytes : int
        For one block; where not even one chunk fits, it is cut.
    """
    times, ny, nx = shape
    pixels = max(1, nbytes // (8 * max(1, times)))  # a slope and an error, four bytes each
    rows, columns = min(TILE[0], ny), min(TILE[1], nx)
    if pixels >= rows * nx:
        columns = nx
        rows = min(ny, pixels // nx // rows * rows)
    elif pixels >= rows * columns:
        columns = min(nx, pixels // rows // columns * columns)
    else:
        columns = min(columns, pixels)
        rows = max(1, pixels // columns)
    for top in range(0, ny, rows):
        for left in range(0, nx, columns):
            yield slice(top, min(top + rows, ny)), slice(left, min(left + columns, nx))


def over_blocks(
    session: Session, stack: SlopeStack, work: BlockWork[Result], *, workers: int, budget: int = BUDGET
) -> Iterator[tuple[Block, Result]]:
    """Read a stack block by block, several at once, and yield what is made of each as it comes.

    Parameters
    ----------
    work : callable
        Given the slopes and errors of a block.
    workers : int
        Blocks in work at once; together they hold no more than `budget` bytes.
    """
    cut = blocks(stack.shape, nbytes=budget // workers)
    if session.workers is not None:
        for block, result, failures in _by_workers(session.workers, stack, work, cut):
            stack.unreadable.update(failures)
            yield block, result
        return
    lock = threading.Lock()

    def one(block: Block) -> tuple[Block, Result]:
        values, errors, failures = read_block(session, stack, block)
        with lock:
            stack.unreadable.update(failures)
        return block, work(values, errors)

    with ThreadPoolExecutor(workers, thread_name_prefix="darkroom-find") as pool:
        pending: set[Future[tuple[Block, Result]]] = set()
        for block in cut:
            pending.add(pool.submit(one, block))
            if len(pending) >= workers:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        for future in pending:
            yield future.result()


def _by_workers(
    workers: Workers, stack: SlopeStack, work: BlockWork[Result], cut: Iterator[Block]
) -> Iterator[tuple[Block, Result, dict[str, str]]]:
    """Have blocks read by the workers of a scheduler; yield each, what was made of it, and what could not be read."""
    for done in workers.each(_do_block, ((stack, work, block) for block in cut)):
        result, failures = done.require(f"a block of {stack.detector} {stack.subarray}")
        yield done.piece[2], result, failures


def _do_block(shared: Stored, piece: tuple[SlopeStack, BlockWork[Result], Block]) -> tuple[Result, dict[str, str]]:
    stack, work, block = piece
    values, errors, failures = read_block(shared, stack, block)
    return work(values, errors), failures


class Stored(Protocol):
    """Whatever has the array store: a session, or what a worker is told of one."""

    @property
    def store(self) -> ArrayStore: ...


def read_block(session: Stored, stack: SlopeStack, block: Block) -> tuple[Floats, Floats, dict[str, str]]:
    """Return slopes and errors of a block, (time, rows, columns), and the documents that could not be read."""
    rows, columns = block
    values = np.full((stack.shape[0], rows.stop - rows.start, columns.stop - columns.start), np.nan, np.float32)
    errors = np.full_like(values, np.nan)
    failures: dict[str, str] = {}
    segments: dict[str, Floats | None] = {}
    at = 0
    for doc in stack.documents:
        count = _integrations(doc)
        for name, target in (("sci", values), ("err", errors)):
            if name in doc["arrays"]:
                planes = _from_history(session, stack, doc["_id"], name, block, segments)
                try:
                    if planes is None:
                        planes = session.store.open(doc["arrays"][name])[..., rows, columns]
                    target[at : at + count] = planes[:count] if planes.ndim == 3 else planes
                except (Lost, ArrayDamaged) as error:
                    failures[doc["_id"]] = str(error)
        if doc["_id"] in failures:
            values[at : at + count] = np.nan
        at += count
    return values, errors, failures


def _from_history(
    session: Stored, stack: SlopeStack, document: str, name: str, block: Block, read: dict[str, Floats | None]
) -> Floats | None:
    """Return the planes of the rate history from those of a document on; None where it has none, or cannot be read.

    `read` keeps what was read of each segment of this block: its chunks hold all planes.
    """
    if document not in stack.held:
        return None
    arrays, first = stack.held[document]
    ref = arrays[name]
    if ref["digest"] not in read:
        try:
            read[ref["digest"]] = session.store.open(ref)[:, block[0], block[1]]
        except (Lost, ArrayDamaged):
            read[ref["digest"]] = None  # it is never the only copy: the product is read
    planes = read[ref["digest"]]
    return None if planes is None else planes[first:]


def _integrations(doc: Mapping[str, Any]) -> int:
    shape: Sequence[int] = doc["arrays"]["sci"]["shape"]
    return shape[0] if len(shape) == 3 else 1
