"""Telegraph noise and read noise in ramps, from the differences of their groups, by window and readout pattern.

A pixel whose level jumps between two values has three kinds of differences: none, up, down. Differences know neither
the reset level of an integration nor the light, so exposures of one readout pattern are judged together; patterns are
never mixed, for a group is the mean of other numbers of reads in each.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from arraystore import ArrayDamaged, Lost
from arraystore.processors import processors
from pipelines.combine.methods import MAD_TO_SIGMA
from pipelines.documents.schema import Doc
from pipelines.errors import UsageError
from pipelines.pixels.search import statistics as levels
from pipelines.pixels.search.result import FoundPixels, Map
from pipelines.pixels.search.stacks import BUDGET, Block, NoExposures, Stored, Where, blocks
from pipelines.progress import Progress
from pipelines.session import Session
from pipelines.table import Answer, Row

__all__ = ["RampStack", "ramp_stacks", "ramp_telegraph"]

Array = npt.NDArray[Any]

UNUSABLE = 1 | 2
"""Flags of a group that is not used: DO_NOT_USE, SATURATED. A jump that was detected is what is looked for."""

_FIELDS = {
    "kind": 1, "exposure": 1, "segment": 1, "timestamp": 1, "detector": 1, "subarray": 1, "window": 1, "readpatt": 1,
    "nints": 1, "ngroups": 1, "arrays.sci": 1, "arrays.groupdq": 1, "ingest.at": 1,
}  # fmt: skip
_PLACE = ("detector", "subarray", "x", "y", "pixel_id")
_SHOWN = ("separation", "amplitude", "error", "noise", "jumps", "of", "duty")


@dataclass(slots=True)
class RampStack:
    """The ramps of one window of a detector, in one readout pattern, in order of time.

    Attributes
    ----------
    detector, subarray, readpatt : str
        Which.
    window : dict
        ``x``, ``y`` (from 1, full frame), ``nx``, ``ny``.
    documents : list of dict
        One an exposure or segment, all raw or all corrected.
    unreadable : dict
        Documents that could not be read, and why.
    """

    detector: str
    subarray: str
    readpatt: str
    window: Mapping[str, int]
    documents: list[Doc]
    unreadable: dict[str, str] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(differences, y, x)."""
        count = sum(n * (g - 1) for n, g in map(_numbers, self.documents))
        return count, self.window["ny"], self.window["nx"]


def ramp_stacks(session: Session, where: Where | None = None, *, product: str | None = None) -> list[RampStack]:
    """Return the ramps that a question allows, by detector, window and readout pattern.

    Parameters
    ----------
    where
        A filter of the catalog.
    product : {'uncal', 'ramp'}, optional
        Raw or corrected ramps; by default the corrected ones, and raw ones where none is corrected. Of several
        calibrations the latest.

    Raises
    ------
    NoExposures
        There are none.
    """
    if product not in (None, "uncal", "ramp"):
        raise UsageError(f"product is 'uncal' or 'ramp', not {product!r}")
    kinds = ["uncal", "ramp"] if product is None else [product]
    asked = {"$and": [{"kind": {"$in": kinds}, "ingest.arrays": "kept"}, dict(where or {})]}
    found: dict[str, dict[Any, dict[str, Any]]] = {kind: {} for kind in kinds}
    for doc in session.headers.find(asked, _FIELDS):
        if doc.get("window") is None or "sci" not in doc["arrays"] or _numbers(doc)[1] < 2:
            continue
        name = (doc.get("exposure") or doc["_id"], (doc.get("segment") or {}).get("number"))
        of = found[doc["kind"]]
        of[name] = max(of.get(name, doc), doc, key=lambda d: (d["ingest"]["at"], d["_id"]))
    stacks: dict[tuple[Any, ...], RampStack] = {}
    chosen = list(found["ramp"].values()) if found.get("ramp") else list(found.get("uncal", {}).values())
    for doc in sorted(chosen, key=lambda d: (d["timestamp"] is None, d["timestamp"], d["_id"])):
        window: Mapping[str, int] = doc["window"]
        pattern = str(doc.get("readpatt") or "no pattern named")
        detector = str(doc.get("detector") or "unknown")
        key = (detector, pattern, *(window[name] for name in ("x", "y", "nx", "ny")))
        if key not in stacks:
            stacks[key] = RampStack(detector, str(doc.get("subarray") or ""), pattern, window, [])
        stacks[key].documents.append(doc)
    if not stacks:
        raise NoExposures(f"no ramps answer to {dict(where or {})}: ingest uncal or ramp products with their arrays")
    return [stacks[key] for key in sorted(stacks)]


def ramp_telegraph(
    session: Session,
    *,
    separation: float = 5.0,
    jumps: int = 4,
    product: str | None = None,
    where: Where | None = None,
    least: int = 12,
    workers: int | None = None,
    progress: Progress | None = None,
) -> FoundPixels:
    """Find the pixels whose ramps jump between two levels, and the noise of every pixel.

    Of the differences of groups the pixel's median is taken away, and what all pixels have in common; their absolute
    values are split into two (`statistics.two_levels`): noise, and jumps. The median is that of the noise where 40 % of
    the differences jump, as many up as down; the amplitude is then known to less than the noise. A jump up is
    followed by one down: where less than three quarters of neighbouring jumps do so, it is no telegraph noise but hits
    of particles.

    Parameters
    ----------
    separation : float
        Least Ashman's D between differences without and with a jump.
    jumps : int
        Fewest jumps.
    product, where
        As of `ramp_stacks`.
    least : int
        Fewest differences by which a pixel is judged.
    workers : int, optional
        Threads; by default one a processor, at most 4.

    Returns
    -------
    FoundPixels
        Columns ``separation``; ``amplitude`` (DN between the levels) and ``error`` of it; ``noise`` (DN, of one group,
        without the jumps); ``jumps`` and ``of`` how many differences; ``duty`` (fraction of groups at the high level).
        Maps of the same names, one a detector, window and readout pattern: ``noise`` is of every pixel.

    Raises
    ------
    NoExposures
        No ramps answer to `where`.
    """
    if separation <= 0 or jumps < 1:
        raise UsageError("separation is above 0, and jumps at least 1")
    stacks = ramp_stacks(session, where, product=product)
    threads = workers or min(4, processors())
    rows: list[Row] = []
    maps: list[Map] = []
    total, done = sum(stack.shape[1] * stack.shape[2] for stack in stacks), 0
    for stack in stacks:
        images: dict[str, Array] = {}
        for block, result in _over_blocks(session, stack, threads, least):
            for name, image in result.items():
                images.setdefault(name, np.empty(stack.shape[1:], image.dtype))[block] = image
            done += (block[0].stop - block[0].start) * (block[1].stop - block[1].start)
            if progress is not None:
                progress(done, total)
        names = tuple(str(doc["_id"]) for doc in stack.documents)
        label = f"{stack.subarray} {stack.readpatt}".strip()
        each = Map(stack.detector, label, stack.window, images, names, stack.shape[0])
        with np.errstate(invalid="ignore"):
            mask = (images["separation"] > separation) & (images["jumps"] >= jumps) & (images["alternating"] >= 0.75)
        rows += each.rows(mask, _SHOWN)
        maps.append(each)
    judged = sum(int(np.isfinite(each.images["noise"]).sum()) for each in maps)
    kind = "corrected" if stacks[0].documents[0]["kind"] == "ramp" else "raw"
    title = f"Telegraph noise in {kind} ramps"
    answer = Answer((*_PLACE, *_SHOWN), tuple(sorted(rows, key=lambda row: -row["separation"])), title)
    unreadable = {name: why for stack in stacks for name, why in stack.unreadable.items()}
    there = max(int(each.images["of"].max(initial=0)) for each in maps)
    needed = f"{least} differences of groups; {there} are there at most"
    return FoundPixels(answer, tuple(maps), "separation", judged, total - judged, unreadable, (), needed)


def _over_blocks(
    session: Session, stack: RampStack, threads: int, least: int
) -> Iterator[tuple[Block, dict[str, Array]]]:
    # In rounds, so that no more blocks are in memory than the budget allows.
    cut = list(blocks(stack.shape, nbytes=BUDGET // threads))
    if session.workers is not None:
        for done in session.workers.each(_judge_block, ((stack, block, least) for block in cut)):
            result, failures = done.require(f"a block of {stack.detector} {stack.readpatt}")
            stack.unreadable.update(failures)
            yield done.piece[1], result
        return
    lock = threading.Lock()

    def one(block: Block) -> tuple[Block, dict[str, Array]]:
        result, failures = _judge_block(session, (stack, block, least))
        with lock:
            stack.unreadable.update(failures)
        return block, result

    with ThreadPoolExecutor(threads, thread_name_prefix="darkroom-find") as pool:
        for first in range(0, len(cut), threads):
            yield from pool.map(one, cut[first : first + threads])


def _judge_block(shared: Stored, piece: tuple[RampStack, Block, int]) -> tuple[dict[str, Array], dict[str, str]]:
    """Return what is found in a block, and the documents that could not be read."""
    stack, block, least = piece
    parts, failures = _read(shared, stack, block)
    return judge(parts, least=least), failures


def _read(session: Stored, stack: RampStack, block: Block) -> tuple[list[Array], dict[str, str]]:
    """Return the differences of a block, an array (integration, difference, y, x) an exposure; NaN where not usable."""
    parts, failures = [], {}
    for doc in stack.documents:
        nints, ngroups = _numbers(doc)
        shape = (nints, ngroups, block[0].stop - block[0].start, block[1].stop - block[1].start)
        try:
            values = session.store.open(doc["arrays"]["sci"])[..., block[0], block[1]]
            ramp = np.asarray(values, np.float32).reshape(shape)
            if "groupdq" in doc["arrays"]:
                flags = np.asarray(session.store.open(doc["arrays"]["groupdq"])[..., block[0], block[1]]).reshape(shape)
                ramp = np.where(flags & UNUSABLE, np.float32(np.nan), ramp)
        except (Lost, ArrayDamaged) as error:
            failures[str(doc["_id"])] = str(error)
            continue
        parts.append(np.diff(ramp, axis=1))
    return parts, failures


def judge(parts: list[Array], *, least: int) -> dict[str, Array]:
    """Split the differences of pixels into noise and jumps.

    Parameters
    ----------
    parts : list of ndarray
        Differences of groups, (integration, difference, y, x), an array an exposure; NaN where missing.
    least : int
        Fewest differences by which a pixel is judged.

    Returns
    -------
    dict of ndarray
        (y, x): ``separation``, ``amplitude``, ``error``, ``noise``, ``duty``, ``alternating`` (float32; NaN where not
        judged), ``jumps``, ``of`` (int32).
    """
    if not parts:
        raise ValueError("there are no ramps to judge")
    # The light differs from exposure to exposure, so each has its own median.
    flat = []
    for part in parts:
        steps = part.reshape(-1, *part.shape[2:])
        steps = steps - levels.centre(steps)
        common = levels.centre(
            steps.reshape(steps.shape[0], -1).T
        )  # what all pixels do at once: frames that are special
        flat.append((steps - common[:, None, None]).reshape(part.shape))
    every = np.concatenate([part.reshape(-1, *part.shape[2:]) for part in flat])
    size = np.abs(every)
    n = np.isfinite(every).sum(axis=0)
    spread = MAD_TO_SIGMA * levels.centre(size)
    known = spread[np.isfinite(spread) & (spread > 0)]
    typical = np.float32(np.median(known)) if known.size else np.float32(np.nan)
    floor = np.where(np.isfinite(size), typical, np.float32(np.nan))
    # The noise of an absolute value is 0.6 of that of the value.
    split = levels.two_levels(size, floor * np.float32(0.6), occupancy=0.02, least=least)
    edge = (split.low + split.high) / 2
    with np.errstate(invalid="ignore"):
        jumped = size > edge
        still = np.where(jumped, np.nan, every)
        found = jumped.sum(axis=0, dtype=np.int32)
        quiet = np.sqrt(np.nanmean(np.where(np.isfinite(still), still, 0) ** 2, axis=0) * n / np.maximum(n - found, 1))
        apart = split.separation > 3  # of one level only the split is within the noise
    sigma = np.where(apart, quiet, spread)
    signed = [np.where(np.abs(part) > edge, np.sign(part), 0).astype(np.int8) for part in flat]
    duty, alternating = _states(signed)
    judged = (n >= least) & np.isfinite(split.separation)
    images = {
        "separation": split.separation,
        "amplitude": np.where(judged, split.high, np.nan),
        "error": np.where(judged, sigma / np.sqrt(np.maximum(found, 1)), np.nan),
        "noise": np.where(n >= least, sigma / np.sqrt(2), np.nan),
        "duty": np.where(judged, duty, np.nan),
        "alternating": np.where(judged, alternating, np.nan),
    }
    single = {name: image.astype(np.float32) for name, image in images.items()}
    return single | {"jumps": np.where(judged, found, 0).astype(np.int32), "of": n.astype(np.int32)}


def _states(signed: list[Array]) -> tuple[Array, Array]:
    """Return the fraction of groups at the high level, and the share of neighbouring jumps of opposite sign, (y, x).

    Parameters
    ----------
    signed : list of ndarray
        -1, 0 or 1 for each difference, (integration, difference, y, x).
    """
    shape = signed[0].shape[2:]
    high, groups, pairs, turns = (np.zeros(shape) for _ in range(4))
    for part in signed:
        for integration in part:
            state = np.concatenate([np.zeros((1, *shape), np.int64), np.cumsum(integration, axis=0, dtype=np.int64)])
            lowest = state.min(axis=0)
            plain = state.max(axis=0) - lowest == 1  # between two levels, and both were seen
            high += np.where(plain, (state - lowest).sum(axis=0), 0)
            groups += np.where(plain, state.shape[0], 0)
            last = np.zeros(shape, np.int8)
            for step in integration:
                both = (step != 0) & (last != 0)
                pairs += both
                turns += both & (step != last)
                last = np.where(step != 0, step, last)
    with np.errstate(invalid="ignore"):
        return high / groups, turns / pairs


def _numbers(doc: Doc) -> tuple[int, int]:
    """Return how many integrations and groups a ramp has: of a cube of three axes what its document says."""
    shape = doc["arrays"]["sci"]["shape"]
    return (int(shape[0]), int(shape[1])) if len(shape) == 4 else (int(doc["nints"]), int(doc["ngroups"]))
