"""The one list of what a backend may not do, or does otherwise than MongoDB.

The guards of the embedded catalog refuse by it, and the README shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from catalog.errors import NotSupported

__all__ = [
    "LIMITS",
    "OTHER_EXPRESSIONS",
    "OTHER_STAGES",
    "UPDATE_OPERATORS",
    "Limit",
    "find_limit",
    "markdown_table",
    "refusal",
]

#: Expression operators of MongoDB that the embedded catalog refuses.
OTHER_EXPRESSIONS = frozenset([
    "$accumulator", "$acos", "$acosh", "$asin", "$asinh", "$atan", "$atan2", "$atanh", "$binarySize", "$bitAnd",
    "$bitNot", "$bitOr", "$bitXor", "$bottom", "$bottomN", "$bsonSize", "$convert", "$cos", "$cosh", "$dateDiff",
    "$dateToParts", "$degreesToRadians", "$documentNumber", "$firstN", "$function", "$getField", "$indexOfBytes",
    "$isoDayOfWeek", "$isoWeek", "$isoWeekYear", "$lastN", "$maxN", "$median", "$meta", "$minN", "$percentile",
    "$radiansToDegrees", "$rand", "$sampleRate", "$setField", "$sin", "$sinh", "$sortArray", "$tan", "$tanh",
    "$toDecimal", "$toHashedIndexKey", "$toUUID", "$top", "$topN", "$tsIncrement", "$tsSecond", "$unsetField", "$zip",
])  # fmt: skip
#: Stages of MongoDB that the embedded catalog refuses.
OTHER_STAGES = frozenset([
    "$bucketAuto", "$changeStream", "$changeStreamSplitLargeEvent", "$collStats", "$currentOp", "$densify",
    "$documents", "$fill", "$geoNear", "$graphLookup", "$indexStats", "$listLocalSessions", "$listSampledQueries",
    "$listSearchIndexes", "$listSessions", "$planCacheStats", "$querySettings", "$rankFusion", "$redact", "$search",
    "$searchMeta", "$setWindowFields", "$shardedDataDistribution", "$vectorSearch",
])  # fmt: skip
#: Update operators the embedded catalog applies.
UPDATE_OPERATORS = frozenset([
    "$set", "$unset", "$inc", "$min", "$max", "$rename", "$setOnInsert", "$currentDate", "$push", "$addToSet",
    "$pull", "$pullAll", "$pop",
])  # fmt: skip

_WAY_OUT = "connect to a MongoDB server (mongodb://...), which answers it"


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing a backend refuses or does otherwise.

    Attributes
    ----------
    operator : str
        The operator, stage, option or value it is about.
    backend : {'embedded', 'mongodb'}
        Which backend.
    behaviour : {'refused', 'differs'}
        Whether it raises `NotSupported`, or answers otherwise than MongoDB.
    text : str
        What happens, or what to use in its place.
    """

    operator: str
    backend: Literal["embedded", "mongodb"]
    behaviour: Literal["refused", "differs"]
    text: str


def _refused(text: str, *operators: str) -> tuple[Limit, ...]:
    return tuple(Limit(operator, "embedded", "refused", text) for operator in operators)


def _differs(operator: str, text: str) -> Limit:
    return Limit(operator, "embedded", "differs", text)


_LISTED: tuple[Limit, ...] = (
    *_refused("JavaScript is not run; use $expr", "$where", "$function", "$accumulator"),
    *_refused("no text index; use $regex", "$text", "$meta", "$search", "$searchMeta", "$vectorSearch"),
    *_refused("no validation language; use plain conditions", "$jsonSchema"),
    *_refused(
        "no geometry; keep coordinates as numbers and compare them",
        "$near", "$nearSphere", "$geoWithin", "$geoIntersects", "$geoNear",
    ),
    *_refused("strings compare byte by byte; use $toLower or $regex with option i", "collation"),
    *_refused("each call is a transaction of its own; there are no sessions", "session"),
    *_refused("there is no change stream; ask for what is newer than the last answer", "watch"),
    *_refused("there is no plan to force", "$planCacheStats", "$indexStats", "$collStats", "$currentOp"),
    *_refused("there are no sessions to list", "$listSessions", "$listLocalSessions"),
    *_refused("name the element with $[name] and array_filters; take it out of the array in Python", "$"),
    *_refused("declare it without, or as sparse", "partialFilterExpression"),
    *_refused("delete what is old by a filter", "expireAfterSeconds"),
    *_refused("declare the fields by name", "text", "2dsphere", "2d", "hashed", "wildcardProjection", "$**"),
    *_refused("merge in Python", "$merge.pipeline"),
    *_refused("numbers are integers and doubles: convert with $toDouble first", "Decimal128 arithmetic"),
    *_refused("operators take the types they commonly have: convert others first", "arguments of other types"),
    *_refused("the largest double is the limit", "$exp.overflow", "$pow.overflow"),
    *_refused("text is ASCII here; $substrCP counts characters", "$substrBytes.text"),
    *_refused("bins are of one unit; round the parts of the date", "$dateTrunc.binSize"),
    *_refused("read the document and set what you compute", "$mul", "$bit"),
    *_refused("sort when reading", "$push.$sort"),
    *_refused(
        "keep each flag as a field of its own", "$bitsAllSet", "$bitsAllClear", "$bitsAnySet", "$bitsAnyClear"
    ),
    *_refused("use a pipeline with $slice or $filter", "$slice of a projection", "$elemMatch of a projection"),
    _differs("update_many", "all documents are updated or none, where MongoDB keeps what it did before an error"),
    _differs("$regex", "patterns are Python's `re`, not PCRE2: recursive forms are refused as invalid"),
    *_refused("the declared indexes are used where the filter names their fields", "explain"),
    *_refused("sort by a field", "$natural"),
    _differs("hint", "accepted and ignored: the planner chooses by counting"),
    _differs("maxTimeMS", "accepted and ignored"),
    _differs("cursor", "a cursor reads documents as they are when it reaches them, page by page"),
)  # fmt: skip


def _unlisted() -> Iterator[Limit]:
    """Return what MongoDB has and the embedded catalog has not, where there is no more to say."""
    told = {limit.operator for limit in _LISTED}
    for operator in sorted((OTHER_EXPRESSIONS | OTHER_STAGES) - told):
        yield Limit(operator, "embedded", "refused", "not in the embedded catalog; compute it in Python")


LIMITS: tuple[Limit, ...] = (*_LISTED, *_unlisted())

_BY_OPERATOR = {limit.operator: limit for limit in LIMITS if limit.backend == "embedded"}


def find_limit(operator: str) -> Limit | None:
    """Return the limit of the embedded catalog on an operator, if there is one."""
    return _BY_OPERATOR.get(operator)


def refusal(operator: str, what: str) -> NotSupported | None:
    """Make the error that refuses an operator, if it is to be refused.

    Parameters
    ----------
    operator : str
        The operator, stage or option.
    what : str
        What it is: ``stage``, ``operator``, ``expression``, ``option``.
    """
    limit = _BY_OPERATOR.get(operator)
    if limit is None or limit.behaviour != "refused":
        return None
    message = f"the embedded catalog does not answer the {what} {operator}: {limit.text}; or {_WAY_OUT}"
    return NotSupported(message, 238)


def markdown_table(*, backend: str = "embedded") -> str:
    """Return the limits of a backend as a Markdown table.

    Operators with the same text share a row.
    """
    rows: dict[tuple[str, str], list[str]] = {}
    for limit in LIMITS:
        if limit.backend == backend:
            rows.setdefault((limit.behaviour, limit.text), []).append(f"`{limit.operator}`")
    lines = ["| what | behaviour | note |", "|---|---|---|"]
    lines += [f"| {', '.join(dict.fromkeys(names))} | {how} | {text} |" for (how, text), names in rows.items()]
    return "\n".join(lines) + "\n"
