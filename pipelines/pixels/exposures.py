"""Which exposures hold a pixel: asked of the catalog in one question, and put together from their products.

The raw ramps, every calibration of them and their segments belong together by the name of the exposure.
Products of one calibration lie in one folder; several calibrations stand side by side.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from catalog import Collection
from pipelines.detectors.geometry import GEOMETRIES
from pipelines.detectors.keywords import matches_version, version_range
from pipelines.documents.schema import Doc
from pipelines.errors import UsageError
from pipelines.pixels.coordinates import PixelCoordinates
from pipelines.table import Row

RAMPS = ("uncal", "ramp")
SLOPES = ("rateints", "rate")

_COMMON = (
    "exposure", "kind", "window", "segment", "timestamp", "readpatt", "subarray", "root", "path", "int_times",
    "nints", "ngroups", "ramp", "qc.flags",
)  # fmt: skip
_HEADER = (
    "TGROUP", "TFRAME", "NFRAMES", "GROUPGAP", "DRPFRMS1", "EXPSTART", "EXPEND", "NINTS", "EFFINTTM"
)  # fmt: skip
_ARRAYS = {RAMPS: ("sci", "groupdq", "pixeldq", "refout"), SLOPES: ("sci", "err", "dq")}


class NoExposure(UsageError):
    """No exposure that the archive holds answers the question."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which exposures are wanted.

    Attributes
    ----------
    first, last
        Days ``YYYY-MM-DD``, both included.
    readpatt, subarray
        Values of the fields.
    version
        Release of the pipeline, such as 1.17 or 1.17.1.
    where
        A filter of the catalog; an exposure is wanted when one of its products matches.
    """

    first: str | None = None
    last: str | None = None
    readpatt: str | None = None
    subarray: str | None = None
    version: str | None = None
    where: Mapping[str, Any] | None = None

    def query(self) -> dict[str, Any]:
        """Return the condition that every product carries."""
        query: dict[str, Any] = {}
        if self.first or self.last:
            ends = (("$gte", self.first), ("$lte", self.last))
            query["date"] = {operator: day for operator, day in ends if day}
        if self.readpatt:
            query["readpatt"] = self.readpatt
        if self.subarray:
            query["subarray"] = self.subarray
        return query


@dataclass(frozen=True, slots=True)
class Observed:
    """One exposure under one calibration, or raw alone.

    Attributes
    ----------
    exposure
        Its name.
    calibration
        The folder of its calibrated products, None for raw ramps alone.
    version
        CAL_VER.
    raw, products
        Documents of the uncalibrated segments, and of the calibrated ones, in order.
    """

    exposure: str
    calibration: str | None
    version: str | None
    raw: tuple[Doc, ...]
    products: tuple[Doc, ...]

    @property
    def first(self) -> Doc:
        """The document that speaks for the exposure: the first there is."""
        return (*self.raw, *self.products)[0]

    @property
    def start(self) -> datetime | None:
        """When it began; None where no header says so."""
        times = [d["timestamp"] for d in (*self.raw, *self.products) if d.get("timestamp") is not None]
        return min(times) if times else None


@dataclass(frozen=True, slots=True)
class FoundExposures:
    """The exposures, and what of them could not be used."""

    observed: tuple[Observed, ...]
    unread: tuple[Row, ...]


def day_range(days: Any) -> tuple[str | None, str | None]:
    """Read a day, a pair of days or ``'A:B'`` (either end may be open) as first and last day.

    Raises
    ------
    UsageError
        Not days, or the range ends before it begins.
    """
    if days is None:
        return None, None
    if isinstance(days, str) and ":" in days:
        days = tuple(days.split(":", 1))
    pair = (days, days) if isinstance(days, str | date) else tuple(days)
    if len(pair) != 2:
        raise UsageError(f"{days!r} is no range of days; write ('2024-01-01', '2024-02-01'), or one day")
    first, last = (_day(day) for day in pair)
    if first and last and last < first:
        raise UsageError(f"the range of days ends on {last}, before it begins on {first}")
    return first, last


def unread_row(exposure: str | None, document: str | None, what: str, reason: str) -> Row:
    """Make a row of what could not be read."""
    return {"exposure": exposure, "document": document, "what": what, "reason": reason}


def find_exposures(
    headers: Collection, detector: str, places: PixelCoordinates, filters: Filters, *, kinds: tuple[str, str] = RAMPS
) -> FoundExposures:
    """Find the exposures whose window holds any of the pixels.

    Parameters
    ----------
    kinds
        `RAMPS` or `SLOPES`: which products are wanted.

    Raises
    ------
    NoExposure
        There is none; the message says what there is.
    """
    query: dict[str, Any] = {"detector": detector, "kind": {"$in": list(kinds)}, **filters.query()}
    if filters.where:
        wanted = headers.distinct("exposure", {"$and": [dict(filters.where), {"detector": detector}]})
        if detector in GEOMETRIES:
            query["exposure"] = {"$in": wanted}
        else:  # a file of a test stand is an exposure by itself
            query["$and"] = [dict(filters.where)]
    if filters.version:
        version_range(filters.version)  # says what is no version
    fields = fields_of(kinds)
    covering = {
        "window.x": {"$lte": int(places.x.max())},
        "window.right": {"$gte": int(places.x.min())},
        "window.y": {"$lte": int(places.y.max())},
        "window.top": {"$gte": int(places.y.min())},
    }
    documents = [d for d in headers.find({**query, **covering}, fields) if len(places.within(d["window"]))]
    if kinds == SLOPES:
        _add_times(headers, documents)
    found = assemble(documents, kinds, filters.version)
    lost = [
        unread_row(d.get("exposure"), d["_id"], d["kind"], "its header does not place its window on the detector")
        for d in headers.find({**query, "window.x": None}, {"exposure": 1, "kind": 1})
    ]
    lost += [
        unread_row(
            d.get("exposure"),
            d["_id"],
            d["kind"],
            "is named for another detector than its header says; the header was believed",
        )
        for d in documents
        if "detector-conflict" in (d.get("qc") or {}).get("flags", ())
    ]
    if not found.observed and not (found.unread or lost):
        raise NoExposure(_why_none(headers, detector, places, filters, kinds))
    return FoundExposures(found.observed, (*found.unread, *lost))


def contradictions(ramps: Iterable[Observed], slopes: Iterable[Observed]) -> list[Row]:
    """Return what slopes contradict of the ramps they were made from: another window, other integrations."""
    made = {(one.exposure, one.calibration): one.products for one in ramps if one.products}
    rows = []
    for one in slopes:
        source = made.get((one.exposure, one.calibration), ())
        if not source:
            continue
        first = one.products[0]
        if first["window"] != source[0]["window"]:
            reason = "its window is not that of the corrected ramps; both are shown"
            rows.append(unread_row(one.exposure, first["_id"], first["kind"], reason))
        counts = [sum(int(d.get("nints") or 0) for d in parts) for parts in (one.products, source)]
        if first["kind"] == "rateints" and counts[0] != counts[1]:
            reason = f"has {counts[0]} integrations where the corrected ramps have {counts[1]}; both are shown"
            rows.append(unread_row(one.exposure, first["_id"], "rateints", reason))
    return rows


def _add_times(headers: Collection, documents: Sequence[dict[str, Any]]) -> None:
    """Add to slopes that have no table INT_TIMES the tables of their raw exposure, in one question for all."""
    lacking = [document for document in documents if "int_times" not in document]
    names = sorted({document["exposure"] for document in lacking if document.get("exposure")})
    if not names:
        return
    asked = {"exposure": {"$in": names}, "kind": "uncal", "int_times": {"$exists": True}}
    tables: dict[str, list[Any]] = defaultdict(list)
    for raw in headers.find(asked, {"exposure": 1, "int_times": 1}):
        tables[raw["exposure"]].append(raw["int_times"])
    for document in lacking:
        document["raw_times"] = tables.get(document.get("exposure") or "", [])


def fields_of(kinds: tuple[str, str]) -> dict[str, int]:
    """Return the projection: what reading needs of a document, and no more."""
    fields = dict.fromkeys(_COMMON, 1) | {f"header.{key}": 1 for key in _HEADER}
    fields |= {f"arrays.{name}": 1 for name in _ARRAYS[kinds]}
    return fields | {"calibration.version": 1, "dq_version": 1, "pixels_digest": 1}


def assemble(documents: Iterable[Doc], kinds: tuple[str, str], version: str | None) -> FoundExposures:
    """Put products together by exposure and calibration.

    Parameters
    ----------
    documents
        With the fields that `find_exposures` asks for.
    """
    by_exposure: dict[str, list[Doc]] = defaultdict(list)
    for document in documents:
        by_exposure[document.get("exposure") or document["_id"]].append(document)
    observed: list[Observed] = []
    unread: list[Row] = []
    for exposure, products in by_exposure.items():
        calibrated: dict[str, list[Doc]] = defaultdict(list)
        for document in products:
            if document["kind"] != "uncal":
                calibrated[f"{document['root']}:{document['path'].rpartition('/')[0]}"].append(document)
        raw: tuple[Doc, ...] = ()
        if kinds == RAMPS:
            raw = _segments(exposure, [d for d in products if d["kind"] == "uncal"], "raw", unread)
        kept = 0
        for folder, files in calibrated.items():
            release = (files[0].get("calibration") or {}).get("version")
            if version is not None and not matches_version(release, version):
                continue
            parts = _preferred(exposure, files, kinds, unread)
            if parts:
                kept += 1
                observed.append(Observed(exposure, folder, release, raw, parts))
                if kinds == RAMPS and not any(d["kind"] == "uncal" for d in products):
                    reason = "no uncalibrated file of this exposure is in the archive; ingest it to have raw ramps"
                    unread.append(unread_row(exposure, parts[0]["_id"], "raw", reason))
        if raw and not kept and version is None:
            observed.append(Observed(exposure, None, None, raw, ()))
    far = datetime.max.replace(tzinfo=UTC)
    observed.sort(key=lambda one: (one.start or far, one.exposure, one.calibration or ""))
    return FoundExposures(tuple(observed), tuple(unread))


def _preferred(exposure: str, files: list[Doc], kinds: tuple[str, str], unread: list[Row]) -> tuple[Doc, ...]:
    """Return the products of a calibration: of slopes, each integration's where there are such, else their mean."""
    for kind in kinds:
        parts = [document for document in files if document["kind"] == kind]
        if parts:
            return _segments(exposure, parts, kind, unread)
    return ()


def _segments(exposure: str, files: list[Doc], what: str, unread: list[Row]) -> tuple[Doc, ...]:
    """Return the segments of an exposure in order, each once; what contradicts is reported and left out."""
    by_number: dict[int, dict[str | None, Doc]] = defaultdict(dict)
    for document in sorted(files, key=lambda document: str(document["_id"])):
        number = (document.get("segment") or {"number": 1})["number"]
        by_number[number].setdefault(document.get("pixels_digest"), document)  # equal pixels are one file
    parts = []
    for _, rivals in sorted(by_number.items()):
        if len(rivals) > 1:
            names = " and ".join(str(document["_id"]) for document in rivals.values())
            reason = f"{names} claim to be the same exposure and have different pixels; delete or rename one"
            unread += [unread_row(exposure, document["_id"], what, reason) for document in rivals.values()]
            return ()
        parts.append(next(iter(rivals.values())))
    total = max(((document.get("segment") or {"total": 1})["total"] for document in parts), default=0)
    for number in sorted(set(range(1, total + 1)) - by_number.keys()) if parts else ():
        unread.append(unread_row(exposure, None, what, f"segment {number} of {total} is not in the archive"))
    return tuple(parts)


def _why_none(
    headers: Collection, detector: str, places: PixelCoordinates, filters: Filters, kinds: tuple[str, str]
) -> str:
    """Say what there is where nothing answers."""
    held = list(
        headers.find({"detector": detector, "kind": {"$in": list(kinds)}}, {"window": 1, "subarray": 1, "date": 1})
    )
    if not held:
        return f"the archive holds no {' or '.join(kinds)} of {detector}; darkroom ingest PATH takes them"
    near = [d for d in held if d.get("window") and len(places.within(d["window"]))]
    if not near:
        names = sorted({f"{d['subarray']} ({_extent(d['window'])})" for d in held if d.get("window")})
        return f"no exposure of {detector} covers {places!r}; those in the archive are of {', '.join(names[:6])}"
    days = sorted(d["date"] for d in near if d.get("date"))
    span = f", from {days[0]} to {days[-1]}" if days else ""
    asked = ", ".join(f"{key} {value}" for key, value in _asked(filters))
    return f"{len(near)} files of {detector} cover {places!r}{span}, and none answers: {asked}"


def _asked(filters: Filters) -> Sequence[tuple[str, Any]]:
    days = f"{filters.first or ''}:{filters.last or ''}" if filters.first or filters.last else None
    named = (("date", days), ("readpatt", filters.readpatt), ("subarray", filters.subarray))
    more = (("version", filters.version), ("where", filters.where))
    return [(key, value) for key, value in (*named, *more) if value]


def _extent(window: Mapping[str, int]) -> str:
    return f"x {window['x']}..{window['right']}, y {window['y']}..{window['top']}"


def _day(day: Any) -> str | None:
    if day is None or day == "":
        return None
    try:
        return (day if isinstance(day, date) else date.fromisoformat(str(day).strip())).strftime("%Y-%m-%d")
    except ValueError as error:
        raise UsageError(f"{day!r} is not a valid date; write YYYY-MM-DD") from error
