"""Where each backend does not answer as the manual says: refused or wrong, and why.

The one table of that. A case that is not in it must be right; one that is must fail as the table says, so
whatever begins to work has to be taken out. ``mongodb`` has no entry: MongoDB is what the manual describes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.conformance.runner import Verdict

REFUSED, WRONG = Verdict.REFUSED, Verdict.WRONG


@dataclass(frozen=True, slots=True)
class Deviation:
    """Cases that one backend does not get right, for one reason.

    Parameters
    ----------
    verdict
        Whether it refuses them or has them wrong.
    why
        The reason.
    cases
        Their identities.
    limits
        Embedded only: the entries of the catalog's own list of limits that announce this.
    """

    verdict: Verdict
    why: str
    cases: tuple[str, ...]
    limits: tuple[str, ...] = ()


# fmt: off
DEVIATIONS: dict[str, tuple[Deviation, ...]] = {
    "embedded": (
        Deviation(
            REFUSED,
            "JavaScript is not run",
            (
                "find/$where", "group/$accumulator", "expressions/$function",
            ),
            limits=("$where", "$accumulator", "$function"),
        ),
        Deviation(
            REFUSED,
            "no schemas and no collations",
            (
                "find/$jsonSchema", "find/collation",
            ),
            limits=("$jsonSchema", "collation"),
        ),
        Deviation(
            REFUSED,
            "the element a filter has matched is not remembered",
            (
                "find/positional projection", "writes/$ of the matched element",
            ),
            limits=("$",),
        ),
        Deviation(
            REFUSED,
            "an update of an array beyond adding, taking away and setting",
            (
                "writes/$[]", "writes/$[name]", "writes/$push $each with $sort and $slice",
            ),
            limits=("$", "array_filters", "$push.$sort"),
        ),
        Deviation(
            REFUSED,
            "an index over some of the documents",
            (
                "errors/partial leaves the others out",
            ),
            limits=("partialFilterExpression",),
        ),
        Deviation(
            REFUSED,
            "a stage nobody needs",
            (
                "stages/$redact", "stages/$bucketAuto", "stages/$setWindowFields", "stages/$fill",
                "stages/$densify", "stages/$graphLookup",
            ),
            limits=("$redact", "$bucketAuto", "$setWindowFields", "$fill", "$densify", "$graphLookup"),
        ),
        Deviation(
            REFUSED,
            "an accumulator nobody needs",
            (
                "group/$firstN", "group/$maxN", "group/$top", "group/$bottomN",
            ),
            limits=("$firstN", "$maxN", "$top", "$bottomN"),
        ),
        Deviation(
            REFUSED,
            "an expression nobody needs",
            (
                "expressions/$toDecimal", "expressions/$convert with onError",
                "expressions/$convert with onNull", "expressions/$zip", "expressions/$sortArray",
                "expressions/$maxN", "expressions/$setField", "expressions/$dateToParts",
                "expressions/$bsonSize", "expressions/$getField", "expressions/$isoDayOfWeek",
                "expressions/$isoWeek", "expressions/$dateDiff counts boundaries", "expressions/$indexOfArray",
                "expressions/$arrayToObject", "expressions/$arrayToObject of pairs", "expressions/$toObjectId",
                "expressions/$substr counts bytes", "expressions/$strLenBytes", "expressions/$rtrim of characters",
                "expressions/$regexFind", "expressions/$regexFindAll", "expressions/$strcasecmp",
            ),
            limits=("$indexOfArray", "$arrayToObject", "$toObjectId", "$substrBytes", "$strLenBytes", "$rtrim",
                    "$regexFind", "$regexFindAll", "$strcasecmp",
                    "$toDecimal", "$convert", "$zip", "$sortArray", "$maxN", "$setField", "$dateToParts", "$bsonSize",
                    "$getField", "$isoDayOfWeek", "$isoWeek", "$dateDiff"),
        ),
        Deviation(
            REFUSED,
            "what it leaves after an error, and the order of fields it inserts, are a server's own",
            (
                "stages/$merge", "stages/$merge that keeps what exists", "stages/$out",
            ),
            limits=("$merge", "$out"),
        ),
        Deviation(
            REFUSED,
            "bins of several units",
            (
                "expressions/$dateTrunc to bins",
            ),
            limits=("$dateTrunc.binSize",),
        ),
        Deviation(
            REFUSED,
            "an update nobody needs",
            (
                "writes/$bit",
            ),
            limits=("$bit",),
        ),
        Deviation(
            REFUSED,
            "a filter or projection nobody needs",
            (
                "find/$bitsAllSet", "find/$slice", "find/$slice with a start", "find/$elemMatch in a projection",
            ),
            limits=("$bitsAllSet", "$slice of a projection", "$elemMatch of a projection"),
        ),
        Deviation(
            REFUSED,
            "it does not reckon with decimals, which no header has",
            (
                "group/$sum of decimals is a decimal", "group/$avg of decimals is a decimal",
                "expressions/$add of a decimal",
            ),
            limits=("Decimal128 arithmetic",),
        ),
    ),
    "mongodb": (),
    "mongoeco": (
        Deviation(
            REFUSED,
            "not in its engine, as its message says",
            (
                "find/$not of text", "find/computed projection", "group/$accumulator", "stages/$fill",
                "stages/$graphLookup", "stages/$out", "expressions/$round half to even",
                "expressions/$trunc", "expressions/$not of an empty array", "expressions/$not of 0",
                "expressions/$toUpper of a number", "expressions/$function", "expressions/$last of a path",
            ),
        ),
        Deviation(
            WRONG,
            "compares across types, or null with what is not null",
            (
                "find/$gt stays within the type", "find/$lt on text", "find/null through an array",
                "find/$ne null through an array", "find/$gte null",
            ),
        ),
        Deviation(
            WRONG,
            "takes the missing for null",
            (
                "distinct/a path", "distinct/elements of arrays", "group/missing in a compound key",
                "group/$push leaves the missing out", "group/$push of documents",
                "expressions/$eq of null and missing",
            ),
        ),
        Deviation(
            WRONG,
            "answers something else",
            (
                "group/$sum ignores what is no number", "stages/$addFields into each element",
                "stages/$count of nothing", "stages/$count of an empty collection", "expressions/$ceil",
                "expressions/$floor", "expressions/$pow", "expressions/$ceil keeps minus zero",
                "expressions/$arrayElemAt past the end", "expressions/a position is no path",
                "writes/replace_one upsert",
            ),
        ),
        Deviation(
            WRONG,
            "raises at 64 bits, where MongoDB goes on in doubles or says why",
            (
                "group/$sum over 64 bits is a double", "expressions/$add over 64 bits is a double",
                "expressions/$multiply over 64 bits is a double", "errors/$inc over 64 bits",
            ),
        ),
        Deviation(
            WRONG,
            "does not check the request",
            (
                "group/a dotted name", "stages/$limit of 0", "stages/$project of nothing",
                "errors/missing and null clash", "errors/over 16 MB",
            ),
        ),
    ),
    "mongomock": (
        Deviation(
            REFUSED,
            "not in its engine, as its message says",
            (
                "find/$mod", "find/$bitsAllSet", "find/$type null is not missing", "find/$type by number",
                "find/$jsonSchema", "find/$where", "find/positional projection", "group/$stdDevPop",
                "group/$stdDevSamp", "group/$stdDevSamp of one is null", "group/$count", "group/$firstN",
                "group/$maxN", "group/$top", "group/$bottomN", "group/$accumulator", "stages/$unset",
                "stages/$unset of paths", "stages/$replaceWith", "stages/$redact", "stages/$sortByCount",
                "stages/$sortByCount of a path", "stages/$bucketAuto", "stages/$setWindowFields",
                "stages/$fill", "stages/$densify", "stages/$lookup with a pipeline",
                "stages/$lookup with a pipeline, both sides missing",
                "stages/$lookup with fields and a pipeline", "stages/$unionWith",
                "stages/$unionWith by name", "stages/$merge", "stages/$merge that keeps what exists",
                "expressions/$round half to even", "expressions/$round to places", "expressions/$cmp",
                "expressions/$type of an int", "expressions/$type of a double",
                "expressions/$type of a long", "expressions/$type of a bool", "expressions/$type of null",
                "expressions/$type of the missing", "expressions/$type of an instant",
                "expressions/$toDouble", "expressions/$toDouble of an instant",
                "expressions/$toBool of text", "expressions/$toDate of text", "expressions/$toObjectId",
                "expressions/$convert with onError", "expressions/$convert with onNull",
                "expressions/$substrCP", "expressions/$substr counts bytes", "expressions/$strLenCP",
                "expressions/$strLenBytes", "expressions/$trim", "expressions/$rtrim of characters",
                "expressions/$indexOfCP", "expressions/$regexFind", "expressions/$regexFindAll",
                "expressions/$replaceOne", "expressions/$replaceAll", "expressions/$function",
                "expressions/$bsonSize", "expressions/$reduce", "expressions/$indexOfArray",
                "expressions/$reverseArray", "expressions/$range", "expressions/$zip",
                "expressions/$setIntersection", "expressions/$setDifference", "expressions/$setIsSubset",
                "expressions/$anyElementTrue", "expressions/$allElementsTrue", "expressions/$sortArray",
                "expressions/$maxN", "expressions/$mergeObjects", "expressions/$getField",
                "expressions/$setField", "expressions/$isoDayOfWeek", "expressions/$isoWeek",
                "expressions/$dateToString", "expressions/$dateToString without a format",
                "expressions/$dateToString in a zone", "expressions/$dateToString of null",
                "expressions/$dateFromString", "expressions/$dateFromString with onError",
                "expressions/$dateToParts", "expressions/$dateTrunc", "expressions/$dateTrunc to bins",
                "expressions/$dateAdd", "expressions/$dateAdd to a shorter month",
                "expressions/$dateSubtract", "expressions/$dateDiff counts boundaries", "writes/$[name]",
                "writes/update by a pipeline", "api/find with a hint", "api/a document without _id gets one",
            ),
        ),
        Deviation(
            WRONG,
            "the answer is right, but _id does not come first",
            (
                "ancestors/darks by camera and exposure time", "ancestors/darks with indexes",
                "ancestors/flats by exposure number", "ancestors/flats with indexes",
                "ancestors/flat groups that disagree", "find/projection", "find/projection of a path",
                "find/projection as a list", "find/projection keeps the document's order",
                "group/by a field", "group/by a path", "group/by a constant",
                "group/null and missing are one key", "group/missing in a compound key",
                "group/$ifNull in a compound key", "group/compound key keeps its order",
                "group/by an expression", "group/by a sub-document", "group/by an array",
                "group/by a path through an array", "group/by an instant", "group/by the day of an instant",
                "group/nan is one key", "group/a variable is a key", "group/group of groups",
                "group/the key comes first", "group/$sum of ints is an int",
                "group/$sum with a double is a double", "group/$sum of nothing is 0",
                "group/$sum of an expression", "group/$sum of a condition",
                "group/$sum of decimals is a decimal", "group/$avg is a double",
                "group/$avg ignores what is no number", "group/$avg of nothing is null", "group/$min",
                "group/$max", "group/$min ignores null and missing", "group/$max ignores null and missing",
                "group/$min of nothing is null", "group/$min of instants", "group/$first", "group/$last",
                "group/$first of the missing is null", "group/$push", "group/$push leaves the missing out",
                "group/$push of arrays", "group/$push of everything", "group/$addToSet",
                "group/$addToSet leaves the missing out", "group/$addToSet of documents",
                "group/$mergeObjects", "stages/$match after $group", "stages/$bucket",
                "stages/$bucket with the rest and an output", "stages/$unwind then $group",
                "fidelity/_id comes first",
            ),
        ),
        Deviation(
            WRONG,
            "answers something else",
            (
                "find/decimal equals double", "find/nan equals nan", "find/key order of a sub-document",
                "find/$exists false through an array", "find/$gte null", "find/null along a path",
                "find/collation", "find/sort of arrays by their least",
                "find/sort of arrays by their greatest", "find/nan before numbers",
                "group/of nothing, by a constant", "group/of what no match leaves, by a constant",
                "group/$sum ignores what is no number", "group/$sum over 64 bits is a double",
                "group/$avg of decimals is a decimal", "group/$first of one without the field is null",
                "group/$last of one without the field is null", "group/$push of documents",
                "stages/$project computes into a path", "stages/$project of an array of expressions",
                "stages/$project array with the missing", "stages/$project of a nested array of expressions",
                "stages/$addFields into each element", "stages/$set with $$REMOVE",
                "stages/$count of nothing", "stages/$count of an empty collection",
                "stages/$facet whose branches add fields", "stages/$out", "expressions/$mod",
                "expressions/$mod has the sign of the dividend", "expressions/$ceil", "expressions/$floor",
                "expressions/$trunc", "expressions/$pow", "expressions/$add over 64 bits is a double",
                "expressions/$multiply over 64 bits is a double", "expressions/$ceil keeps minus zero",
                "expressions/$eq of null and missing", "expressions/$lt with the missing",
                "expressions/$not of 0", "expressions/$isNumber of a decimal",
                "expressions/$toString of an instant", "expressions/$strcasecmp",
                "expressions/a position is no path", "expressions/an array of expressions",
                "expressions/$dateFromParts", "writes/find_one_and_delete in an order",
            ),
        ),
        Deviation(
            WRONG,
            "true and 1, false and 0 are equal to it, as to Python",
            (
                "find/true is not 1", "find/0 is not false", "find/$in tells false from 0",
                "find/$ne tells true from 1", "distinct/true is not 1", "distinct/false is not 0",
                "group/true is not 1", "group/false is not 0", "group/$addToSet of 0, '' and false",
                "group/$addToSet of true and 1", "expressions/$eq of true and 1",
                "errors/true and 1 do not clash", "fidelity/_id: 1 and true are two",
            ),
        ),
        Deviation(
            WRONG,
            "raises an error of Python, or of another class than the one to catch",
            (
                "find/projection through an array", "find/computed projection", "group/$max of decimals",
                "group/$min across types", "group/$max across types", "group/no key",
                "group/unknown accumulator", "group/a field without accumulator", "stages/$match with $expr",
                "stages/unknown stage", "stages/a stage without operator", "stages/$project of nothing",
                "stages/$unwind without a dollar", "expressions/$add to an instant",
                "expressions/$add of text", "expressions/$divide by 0", "expressions/$add of a decimal",
                "expressions/$exp past all doubles", "expressions/$sqrt below 0",
                "expressions/$toInt of text", "expressions/$toLong of an instant",
                "expressions/$meta of no search", "expressions/$year of null", "expressions/$year of text",
                "writes/$mul", "writes/$mul of the missing", "writes/$bit", "writes/$[]",
                "errors/$inc of text", "errors/$inc by text", "errors/$push onto no array",
                "errors/unknown update operator", "errors/a replacement of the _id",
                "errors/update_many with an unknown operator", "errors/find_one_and_update of text by $inc",
                "errors/a key that is no text", "errors/an array for _id", "api/to_list",
                "api/to_list with a length", "api/to_list of a pipeline",
            ),
        ),
        Deviation(
            WRONG,
            "does not check the request",
            (
                "group/a dotted name", "stages/a stage of two operators", "stages/$limit of 0",
                "stages/$skip below 0", "stages/$sort of no direction", "expressions/$sqrt of a bool",
                "expressions/an undefined variable", "expressions/$concat of a number",
                "expressions/$toUpper of a bool", "expressions/$in no array", "errors/$inc over 64 bits",
                "errors/$set below a number", "errors/two changes of one path",
                "errors/a change above another", "errors/over 16 MB", "errors/a negative skip",
                "indexes/two arrays in one index", "indexes/an index of no direction",
            ),
        ),
        Deviation(
            WRONG,
            "its bulk_write does not take the operations of PyMongo 4.11 and newer",
            (
                "writes/bulk_write", "writes/bulk_write of replacements",
            ),
        ),
    ),
}
# fmt: on
_LISTED = {
    (backend, case): (deviation.verdict, deviation.why)
    for backend, deviations in DEVIATIONS.items()
    for deviation in deviations
    for case in deviation.cases
}


def expected_verdict(backend: str, case: str) -> tuple[Verdict, str]:
    """What `case` must come to on `backend`, and the reason where that is not `Verdict.RIGHT`."""
    return _LISTED.get((backend, case), (Verdict.RIGHT, ""))


def listed(backend: str) -> Iterator[str]:
    """Every case listed for `backend`, as often as it is."""
    for deviation in DEVIATIONS[backend]:
        yield from deviation.cases
