"""Rate history: the slopes of a window stacked along time, so that one pixel's history is one read.

A view, made from the rateints and rate products and from nothing else: it is never the only copy, can be
checked against them, and be made again. It is cut into immutable segments, a document each in ``views``,
that hold up to 256 slope images in order of time. What is read of it counts only where the product is
still in the archive with the same pixels; a product that no segment holds is read itself. So a history is
complete and true however old the view is, and `update_rates` only makes it fast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from catalog import Catalog
from pipelines.documents import runs as ledger
from pipelines.documents.schema import Doc
from pipelines.pixels.coordinates import PixelCoordinates
from pipelines.pixels.exposures import SLOPES, Observed, assemble, fields_of, unread_row
from pipelines.pixels.reading import SLOPE_ARRAYS, Slopes, Want, read, slope_of, slope_wants
from pipelines.pixels.stacks import PLANES, VIEW, Name, by_window, holds_the_same, name_of, stacks_of, stored
from pipelines.progress import Progress
from pipelines.session import Session
from pipelines.table import Row

if TYPE_CHECKING:
    from arraystore import ArrayStore

Array = npt.NDArray[Any]
SMALL = 8
"""Segments of a window that are not full, before they are made into fewer."""


@dataclass(frozen=True, slots=True)
class RatesReport:
    """What the rate history holds.

    Attributes
    ----------
    segments, planes, nbytes
        Segments, slope images in them, and bytes they take in the store.
    added, removed
        Segments made and taken away now.
    missing
        Products that no segment holds; they are read directly.
    stale
        Products that a segment holds, and that are deleted or have other pixels now; never shown.
    wrong
        Segments whose values are not those of the products, or that cannot be read.
    """

    segments: int
    planes: int
    nbytes: int
    added: int = 0
    removed: int = 0
    missing: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a plain document."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def __repr__(self) -> str:
        lines = [f"rate history: {self.planes} slope images in {self.segments} segments, {self.nbytes / 1e6:.1f} MB"]
        if self.added or self.removed:
            lines.append(f"  {self.added} segments made, {self.removed} taken away")
        for what, names in (("missing", self.missing), ("stale", self.stale), ("wrong", self.wrong)):
            if names:
                lines.append(f"  {len(names)} {what}: {', '.join(names[:3])}{' …' if len(names) > 3 else ''}")
        return "\n".join(lines)


def update_rates(session: Session, *, detector: str | None = None, progress: Progress | None = None) -> RatesReport:
    """Append the slopes that no segment holds, drop those of deleted exposures, and join small segments.

    Cut short, it leaves whole segments; the next run goes on.

    Parameters
    ----------
    detector
        Only of this one.
    progress
        Called with segments made and to be made.
    """
    run = ledger.start(session.runs, verb="rates", arguments={"detector": detector})
    live, segments = _live(session.catalog, detector), _segments(session.catalog, detector)
    gone = {str(s["_id"]) for s in segments if _dead(s, live)}
    kept = [s for s in segments if s["_id"] not in gone]
    for alike in by_window(kept).values():
        small = [s for s in alike if s["planes"] < PLANES // 2]
        if len(small) > SMALL:
            gone |= {str(s["_id"]) for s in small}
    held = {name for s in segments if s["_id"] not in gone for name in _names(s)}
    stacks = list(stacks_of(document for name, document in live.items() if name not in held))
    made = set()
    for n, stack in enumerate(stacks):
        segment = stored(session.store, stack, run)
        session.catalog["views"].replace_one({"_id": segment["_id"]}, segment, upsert=True)
        made.add(segment["_id"])
        if progress is not None:
            progress(n + 1, len(stacks))
    removed = sorted(gone - made)
    if removed:
        session.catalog["views"].delete_many({"_id": {"$in": removed}})
    report = _report(session.catalog, detector, added=len(made), removed=len(removed))
    ledger.finish(session.runs, run, status="finished", result={"added": report.added, "removed": report.removed})
    return report


def check_rates(session: Session, *, detector: str | None = None, progress: Progress | None = None) -> RatesReport:
    """Compare the view with the products it was made from, value by value.

    Returns
    -------
    RatesReport
        ``missing`` and ``stale`` are repaired by `update_rates`, ``wrong`` by `rebuild_rates`.
    """
    live, segments = _live(session.catalog, detector), _segments(session.catalog, detector)
    held = {name for s in segments for name in _names(s)}
    wrong = []
    for n, segment in enumerate(segments):
        if not holds_the_same(session.store, segment, live):
            wrong.append(segment["_id"])
        if progress is not None:
            progress(n + 1, len(segments))
    return _report(
        session.catalog,
        detector,
        missing=tuple(sorted(name for name, _ in live.keys() - held)),
        stale=tuple(sorted({name for s in segments for name, _ in _dead(s, live)})),
        wrong=tuple(wrong),
    )


def rebuild_rates(session: Session, *, detector: str | None = None, progress: Progress | None = None) -> RatesReport:
    """Throw the view away and make it again from the products; damaged stacks leave the store first."""
    from datetime import timedelta

    segments = _segments(session.catalog, detector)
    damaged = {r["digest"] for s in segments for r in s["arrays"].values() if session.store.verify(r)}
    session.catalog["views"].delete_many({"_id": {"$in": [s["_id"] for s in segments]}})
    if damaged:  # equal pixels are stored once: a damaged stack would be taken for the new one
        session.store.sweep(referenced=lambda digest: digest not in damaged, grace=timedelta(0), dry_run=False)
    return update_rates(session, detector=detector, progress=progress)


def read_slopes(
    session: Session, observed: Sequence[Observed], places: PixelCoordinates, *, detector: str
) -> tuple[tuple[Slopes, ...], tuple[Row, ...]]:
    """Read the slopes of the pixels in every exposure, from the view where it holds them.

    Returns
    -------
    tuple of Slopes, tuple of dict
        In the order of `observed`; and a row for each array that could not be read.
    """
    needed = {name_of(document) for one in observed for document in one.products}
    covering = {"window.x": {"$lte": int(places.x.max())}, "window.right": {"$gte": int(places.x.min())}}
    query = {"view": VIEW, "detector": detector, **covering}
    held: dict[Name, tuple[Doc, Mapping[str, Any]]] = {}
    for segment in session.catalog["views"].find(query, {"arrays": 1, "entries": 1, "window": 1}):
        if len(places.within(segment["window"])):
            for entry in segment["entries"]:
                if (name := (entry["document"], entry["sci"])) in needed:
                    held[name] = (segment, entry)
    values, unread = _from_view(session.store, held, places)
    wants = [want for one in observed for want in slope_wants(one, places) if _key(want) not in values]
    direct, failed = read(session.store, wants, compact=places.box is not None)
    values |= direct
    unread += failed
    # The mean of all integrations has no axis of them: one is put before its pixels.
    values = {key: value if value.ndim == 2 else value[np.newaxis] for key, value in values.items()}
    slopes = [made for one in observed if (made := slope_of(one, places, values, unread)) is not None]
    return tuple(slopes), tuple(unread)


def _from_view(
    store: ArrayStore, held: Mapping[Name, tuple[Doc, Mapping[str, Any]]], places: PixelCoordinates
) -> tuple[dict[Name, Array], list[Row]]:
    """Read the stacks, and cut them into what each product's own arrays would have given."""
    segments = {segment["_id"]: segment for segment, _ in held.values()}
    wants = []
    for segment in segments.values():
        inside = places.within(segment["window"])
        rows, columns = places.y[inside] - segment["window"]["y"], places.x[inside] - segment["window"]["x"]
        wants += [Want(segment, name, rows, columns) for name in SLOPE_ARRAYS]
    stacks, failed = read(store, wants, compact=places.box is not None)
    bad = {row["document"] for row in failed}
    unread = [
        unread_row(None, name, VIEW, "a segment of the rate history cannot be read; the products were read instead")
        for name in sorted(bad)
    ]
    values = {}
    for (document, _), (segment, entry) in held.items():
        if segment["_id"] not in bad:
            planes = slice(entry["first"], entry["first"] + entry["count"])
            for name in SLOPE_ARRAYS:
                values[document, name] = stacks[segment["_id"], name][planes]
    return values, unread


# -- what there is ----------------------------------------------------------------------------------


def _live(catalog: Catalog, detector: str | None) -> dict[Name, Doc]:
    """Return the products that belong in the view, by name and digest of their slopes."""
    query: dict[str, Any] = {"kind": {"$in": list(SLOPES)}}
    if detector is not None:
        query["detector"] = detector
    fields = {**fields_of(SLOPES), "detector": 1}
    found = assemble(catalog.headers.find(query, fields), SLOPES, None)
    products = [document for one in found.observed for document in one.products]
    return {name_of(document): document for document in products if _stackable(document)}


def _stackable(document: Doc) -> bool:
    arrays = document.get("arrays") or {}
    shapes = {tuple(arrays[name]["shape"]) for name in SLOPE_ARRAYS if name in arrays}
    types = [arrays[name]["dtype"] for name in SLOPE_ARRAYS if name in arrays]
    complete = types == ["float32", "float32", "uint32"] and not any(arrays[n].get("scale") for n in SLOPE_ARRAYS)
    return bool(document.get("window") and document.get("detector") and len(shapes) == 1 and complete)


def _segments(catalog: Catalog, detector: str | None) -> list[Doc]:
    query = {"view": VIEW} if detector is None else {"view": VIEW, "detector": detector}
    return list(catalog["views"].find(query).sort("_id", 1))


def _names(segment: Doc) -> list[Name]:
    return [(entry["document"], entry["sci"]) for entry in segment["entries"]]


def _key(want: Want) -> Name:
    return want.document["_id"], want.name


def _dead(segment: Doc, live: Mapping[Name, Doc]) -> list[Name]:
    return [name for name in _names(segment) if name not in live]


def _report(catalog: Catalog, detector: str | None, **more: Any) -> RatesReport:
    segments = _segments(catalog, detector)
    nbytes = sum(ref["stored"] for s in segments for ref in s["arrays"].values())
    return RatesReport(len(segments), sum(s["planes"] for s in segments), nbytes, **more)
