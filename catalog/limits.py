"""The one list of what a backend may not do, or does otherwise than MongoDB.

The embedded catalog refuses by it, and `catalog/LIMITS.md` shows it: ``python -m catalog.limits > catalog/LIMITS.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from catalog.errors import NotSupported

__all__ = [
    "LIMITS",
    "OTHER_EXPRESSIONS",
    "OTHER_STAGES",
    "Limit",
    "check_options",
    "page",
    "refusal",
    "refused",
]

#: Expression operators and accumulators of MongoDB that the embedded catalog refuses.
OTHER_EXPRESSIONS = frozenset([
    "$accumulator", "$acos", "$acosh", "$arrayToObject", "$asin", "$asinh", "$atan", "$atan2", "$atanh",
    "$binarySize", "$bitAnd", "$bitNot", "$bitOr", "$bitXor", "$bottom", "$bottomN", "$bsonSize", "$convert", "$cos",
    "$cosh", "$covariancePop", "$covarianceSamp", "$createObjectId", "$dateDiff", "$dateToParts", "$degreesToRadians",
    "$denseRank", "$derivative", "$documentNumber", "$expMovingAvg", "$firstN", "$function", "$getField", "$hash",
    "$hexHash", "$indexOfArray", "$indexOfBytes", "$integral", "$isoDayOfWeek", "$isoWeek", "$isoWeekYear", "$lastN",
    "$linearFill", "$locf", "$log", "$ltrim", "$maxN", "$median", "$meta", "$minMaxScaler", "$minN", "$percentile",
    "$radiansToDegrees", "$rand", "$rank", "$regexFind", "$regexFindAll", "$rtrim", "$sampleRate", "$setField",
    "$shift", "$sigmoid", "$similarityCosine", "$similarityDotProduct", "$similarityEuclidean", "$sin", "$sinh",
    "$sortArray", "$strLenBytes", "$strcasecmp", "$substr", "$substrBytes", "$subtype", "$tan", "$tanh", "$toArray",
    "$toDecimal", "$toHashedIndexKey", "$toObject", "$toObjectId", "$toUUID", "$top", "$topN", "$tsIncrement",
    "$tsSecond", "$unsetField", "$zip",
])  # fmt: skip
#: Stages of MongoDB that the embedded catalog refuses.
OTHER_STAGES = frozenset([
    "$bucketAuto", "$changeStream", "$changeStreamSplitLargeEvent", "$collStats", "$currentOp", "$densify",
    "$documents", "$fill", "$geoNear", "$graphLookup", "$indexStats", "$listCatalog", "$listClusterCatalog",
    "$listLocalSessions", "$listSampledQueries", "$listSearchIndexes", "$listSessions", "$planCacheStats",
    "$querySettings", "$queryStats", "$rankFusion", "$redact", "$score", "$scoreFusion", "$search", "$searchMeta",
    "$setWindowFields", "$shardedDataDistribution", "$vectorSearch",
])  # fmt: skip

_ALTERNATIVE = "connect to a MongoDB server (mongodb://...), which answers it"


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
        "$near", "$nearSphere", "$geoWithin", "$within", "$geoIntersects", "$geoNear",
    ),
    *_refused("strings compare byte by byte; use $toLower or $regex with option i", "collation"),
    *_refused("each call is a transaction of its own; there are no sessions", "session"),
    *_refused("write the value into the filter, or use an aggregation", "let"),
    *_refused("there is no change stream; ask for what is newer than the last answer", "watch"),
    *_refused("there is no plan to force", "$planCacheStats", "$indexStats", "$collStats", "$currentOp"),
    *_refused("there are no sessions to list", "$listSessions", "$listLocalSessions"),
    *_refused("change the array in Python, and $set it", "$", "array_filters", "$push.$sort"),
    *_refused("$set the instant", "$currentDate"),
    *_refused("declare it without, or as sparse", "partialFilterExpression"),
    *_refused("delete what is old by a filter", "expireAfterSeconds"),
    *_refused("declare the fields by name", "text", "2dsphere", "2d", "hashed", "wildcardProjection", "$**"),
    *_refused("write what the aggregation returns with bulk_write", "$merge", "$out"),
    *_refused("a server would put its clock there; give the time", "Timestamp(0, 0)"),
    *_refused("numbers are integers and doubles: convert with $toDouble first", "Decimal128 arithmetic"),
    *_refused("compute with what they stand for", "arguments of other types", "$toString of other types"),
    *_refused("keep such dates as text", "dates beyond the years 1 to 9999"),
    *_refused("bins are of one unit; round the parts of the date", "$dateTrunc.binSize"),
    *_refused("write dates as 2024-02-20T01:02:03Z", "$dateFromString.format"),
    *_refused("give year, month and day", "$dateFromParts.isoWeekYear", "$dateFromParts.isoWeek",
              "$dateFromParts.isoDayOfWeek"),
    *_refused("leave it, except with weeks", "$dateTrunc.startOfWeek"),
    *_refused("write it in decimal digits", "$toDouble of hexadecimal text"),
    *_refused("$push, and join what was pushed", "$concatArrays as an accumulator", "$setUnion as an accumulator"),
    *_refused("leave them out by a $match", "MinKey, MaxKey and code in a group"),
    *_refused("name it otherwise", "CURRENT as a variable"),
    *_refused("go over $range", "$map.arrayIndexAs", "$filter.arrayIndexAs", "$reduce.arrayIndexAs"),
    *_refused("match patterns in the pipeline of the $lookup", "$lookup of regular expressions"),
    *_refused("use $regex to match", "$eq of a regular expression"),
    *_refused("write the character itself", "\\C, \\x{...}"),
    *_refused("read the document and set what you compute", "$bit"),
    *_refused(
        "keep each flag as a field of its own", "$bitsAllSet", "$bitsAllClear", "$bitsAnySet", "$bitsAnyClear"
    ),
    *_refused("use a pipeline with $slice or $filter", "$slice of a projection", "$elemMatch of a projection"),
    *_refused("the catalog is not distributed and has no users", "$$CLUSTER_TIME", "$$USER_ROLES", "$$SEARCH_META"),
    *_refused("write the condition into a $match", "$$KEEP", "$$PRUNE", "$$DESCEND"),
    _differs("update_many", "all documents are updated or none, where MongoDB keeps what it did before an error"),
    *_refused("the declared indexes are used where the filter names their fields", "explain"),
    *_refused("sort by a field", "$natural"),
    _differs("$regex", "matched by PCRE2, as on a server, through `pcre2`, a young binding (see pyproject.toml)"),
    _differs("hint", "accepted and ignored: the planner chooses by counting"),
    _differs("maxTimeMS", "accepted and ignored"),
    _differs("cursor", "a cursor reads documents as they are when it reaches them, page by page"),
)  # fmt: skip


def _unlisted() -> Iterator[Limit]:
    """Yield what MongoDB has and the embedded catalog has not, where there is no more to say."""
    told = {limit.operator for limit in _LISTED}
    for operator in sorted((OTHER_EXPRESSIONS | OTHER_STAGES) - told):
        yield Limit(operator, "embedded", "refused", "not in the embedded catalog; compute it in Python")


LIMITS: tuple[Limit, ...] = (*_LISTED, *_unlisted())

_BY_OPERATOR = {limit.operator: limit for limit in LIMITS if limit.backend == "embedded"}


def refusal(operator: str, what: str) -> NotSupported | None:
    """Return the error that refuses an operator, if it is to be refused.

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
    message = f"the embedded catalog does not answer the {what} {operator}: {limit.text}; or {_ALTERNATIVE}"
    return NotSupported(message, 238)


def refused(operator: str, what: str) -> NotSupported:
    """Return the error that refuses an operator the list of limits has."""
    error = refusal(operator, what)
    if error is None:
        raise LookupError(f"{operator} is not in the list of limits")
    return error


def check_options(options: Mapping[str, Any], *, allowed: frozenset[str]) -> None:
    """Refuse options the embedded catalog would have to ignore though they change answers."""
    for name, value in options.items():
        if value is not None and name not in allowed:
            raise refusal(name, "option") or TypeError(f"unexpected option {name!r}")


def page() -> str:
    """Return `catalog/LIMITS.md`: a line for each limit of the embedded catalog."""
    refusals = sorted(limit.operator for limit in LIMITS if limit.behaviour == "refused")
    texts = {limit.operator: limit.text for limit in LIMITS}
    differing = [limit for limit in LIMITS if limit.behaviour == "differs"]
    return "\n".join([
        "# What the embedded catalog does not do",
        "",
        "The catalog in a file answers MongoDB's query language with its own functions (`catalog/language`), held to",
        "the MongoDB manual by cases, by a second implementation, and by the public tests of another project. What it",
        "does not answer exactly it refuses, with a `catalog.NotSupported` that names the operator; a MongoDB server",
        "(`mongodb://...`) answers all of it. This page is written by `python -m catalog.limits`.",
        "",
        "## Refused",
        "",
        *(f"- `{operator}`: {texts[operator]}" for operator in refusals),
        "",
        "## Otherwise than MongoDB",
        "",
        *(f"- `{limit.operator}`: {limit.text}" for limit in differing),
        "",
    ])  # fmt: skip


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - it is a page to be written to a file
