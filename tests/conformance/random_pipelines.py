"""Random header documents, queries and pipelines of the part of MongoDB that every backend must answer."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

NIGHTS = ("2023-12-30", "2024-02-20", "2024-02-21")
KINDS = ("dark", "flat", "light")
SERIALS = ("83F010730", "T13080513")
EXPTIMES = (30, 30.0, 2.5, 600)
Strategy = st.SearchStrategy[Any]
nights = st.sampled_from(NIGHTS)
exptimes = st.sampled_from(EXPTIMES)


def sometimes(**fields: Strategy) -> Strategy:
    """Documents of any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


headers = sometimes(
    IMAGETYP=st.sampled_from((*KINDS, None)),
    SERIALNO=st.sampled_from(SERIALS) | st.none(),
    EXPTIME=exptimes | st.none(),
    NAXIS=st.integers(0, 3),
)
fields = sometimes(
    date=nights | st.none() | st.lists(nights, max_size=2),
    kind=st.sampled_from(KINDS),
    instrument=st.sampled_from(("dragonfly", "miri")),
    header=headers | headers | st.lists(headers, max_size=2),
    exposure_number=st.integers(1, 3),
    flat_time=st.sampled_from(("evening", "morning")) | st.none(),
    t=st.integers(-5, 5) | st.sampled_from((0.5, -2.25, 8.0)),
    tags=st.lists(st.sampled_from("abc"), max_size=3) | st.just("a"),
    rest=st.just({"deep": {"er": [1, 2, 3]}}),
).filter(lambda document: not (isinstance(document.get("date"), list) and isinstance(document.get("header"), list)))
# (An index over both would have two arrays in one document, which MongoDB refuses.)


@st.composite
def archives(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A few documents with ``_id`` 0, 1, 2, ... and, as is unique among ``headers``, a path of their own."""
    drawn = draw(st.lists(fields, max_size=7))
    return [{"_id": number, **document, "root": "r", "path": str(number)} for number, document in enumerate(drawn)]


PATHS: dict[str, Strategy] = {
    "date": nights | st.none(),
    "kind": st.sampled_from((*KINDS, None)),
    "header.IMAGETYP": st.sampled_from((*KINDS, None)),
    "header.SERIALNO": st.sampled_from((*SERIALS, None)),
    "header.EXPTIME": exptimes | st.none(),
    "exposure_number": st.integers(1, 3),
    "flat_time": st.sampled_from(("evening", "morning", None)),
    "tags": st.sampled_from("abc"),
    "t": st.integers(-5, 5),
    "_id": st.integers(0, 6),
}


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    """One condition on one path."""
    path = draw(st.sampled_from(sorted(PATHS)))
    value = PATHS[path]
    known = value.filter(lambda item: item is not None)
    # Through an array of documents the engine has $exists: false wrong; a case of its own tells of that.
    presence = st.just(True) if path.startswith("header") else st.booleans()
    condition = draw(
        value
        | st.builds(lambda items: {"$in": items}, st.lists(value, max_size=3))
        | st.builds(lambda item: {"$ne": item}, value)
        | st.builds(lambda there: {"$exists": there}, presence)
        | st.builds(lambda operator, item: {operator: item}, st.sampled_from(("$gt", "$gte", "$lt", "$lte")), known)
    )
    return {path: condition}


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {path: condition for part in parts for path, condition in part.items()}


plain_queries = st.lists(conditions(), max_size=3).map(_joined)
queries = (
    plain_queries
    | st.builds(lambda parts: {"$and": parts}, st.lists(plain_queries, min_size=1, max_size=2))
    | st.builds(lambda parts: {"$or": parts}, st.lists(plain_queries, min_size=1, max_size=2))
    | st.builds(
        lambda part, parts: {**part, "$or": parts},
        conditions(),
        st.lists(conditions(), min_size=1, max_size=2),
    )
)
KEYS: tuple[Any, ...] = (
    None,
    "$kind",
    "$header.IMAGETYP",
    "$exposure_number",
    {"serialno": {"$ifNull": ["$header.SERIALNO", None]}, "exptime": {"$ifNull": ["$header.EXPTIME", None]}},
    {
        "exposure_number": {"$ifNull": ["$exposure_number", None]},
        "flat_time": {"$ifNull": ["$flat_time", None]},
    },
)
ACCUMULATORS: tuple[dict[str, Any], ...] = (
    {"$sum": 1},
    {"$sum": "$t"},
    {"$avg": "$t"},
    {"$min": "$t"},
    {"$max": "$t"},
    {"$min": "$flat_time"},
    {"$push": "$_id"},
    {"$push": "$header.SERIALNO"},
    {"$first": "$_id"},
)
# Where the first document lacks the field MongoDB answers null; the engine alone, the next document's value.
FIRST_OF_SOME = {"$first": "$exposure_number"}


def grouping(*accumulators: dict[str, Any]) -> Strategy:
    """``$group`` by one of the keys, with some of these accumulators."""
    chosen = st.lists(st.sampled_from(accumulators), max_size=3)
    named = chosen.map(lambda some: {f"a{number}": each for number, each in enumerate(some)})
    return st.builds(lambda key, fields: {"_id": key, **fields}, st.sampled_from(KEYS), named)


groups = grouping(*ACCUMULATORS, FIRST_OF_SOME)
IN_ORDER = {"$sort": {"_id": 1}}
SHAPES: tuple[dict[str, Any], ...] = (
    {"$project": {"date": 1, "header.IMAGETYP": 1}},
    {"$project": {"kind": 1, "t": 1, "rest.deep": 1, "tags": 1}},
    {"$project": {"rest": 0, "header.EXPTIME": 0}},
    {"$project": {"kind": 1, "s": "$header.SERIALNO", "n": "$exposure_number"}},
    {"$addFields": {"n": {"$ifNull": ["$exposure_number", -1]}}},
    {"$addFields": {"flat_time": {"$ifNull": ["$flat_time", "none"]}}},
    {"$unwind": "$tags"},
    {"$unwind": {"path": "$tags", "preserveNullAndEmptyArrays": True}},
)


@st.composite
def pipelines(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A pipeline whose answer does not hang on the order in which documents are found."""
    pipeline: list[dict[str, Any]] = []
    if draw(st.booleans()):
        pipeline.append({"$match": draw(queries)})
    key = draw(st.sampled_from((None, "date", "t", "exposure_number")))
    pipeline.append(IN_ORDER if key is None else {"$sort": {key: draw(st.sampled_from((1, -1))), "_id": 1}})
    cuts = st.builds(lambda stage, number: {stage: number}, st.sampled_from(("$limit", "$skip")), st.integers(1, 4))
    for stage in draw(
        st.lists(st.sampled_from(SHAPES) | cuts | st.builds(lambda query: {"$match": query}, queries), max_size=3)
    ):
        pipeline.append(stage)
    if draw(st.booleans()):
        pipeline.append({"$group": draw(grouping(*ACCUMULATORS))})
        if draw(st.booleans()):
            pipeline.append({"$group": {"_id": None, "n": {"$sum": 1}}})
    if draw(st.integers(0, 4)) == 0:
        pipeline.append({"$count": "n"})
    return pipeline
