"""Operators: values and types of what they answer, and what is an error or refused."""

from datetime import UTC, datetime

import pytest
from bson import Decimal128, Int64

from catalog import connect
from catalog.errors import InvalidQuery, NotSupported

NIGHT = datetime(2024, 2, 20, 1, 2, 3, 456_000, tzinfo=UTC)


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    with connect(tmp_path_factory.mktemp("expressions") / "catalog.db") as catalog:
        catalog["items"].insert_one({"_id": 1, "when": NIGHT, "none": None, "nested": [[{"x": 1}], {"x": 2}]})
        yield catalog["items"]


def computed(items, expression):
    (document,) = items.aggregate([{"$project": {"_id": 0, "r": expression}}])
    return document.get("r", "missing")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ({"$floor": -0.5}, -1.0),
        ({"$mod": [-7, 4]}, -3),
        ({"$pow": [2, -1]}, 0.5),
        ({"$pow": [2, 53]}, Int64(2**53)),
        ({"$arrayElemAt": [[1, 2], 1.0]}, 2),
        ({"$slice": [[1, 2, 3], -5, 2]}, [1, 2]),
        ({"$in": [True, [1]]}, False),
        ({"$setUnion": [["a"], ["a"]]}, ["a"]),
        ({"$eq": ["$none", "$absent"]}, False),
        ({"$toString": 30.0}, "30"),
        ({"$toString": "$when"}, "2024-02-20T01:02:03.456Z"),
        ({"$toLong": "$when"}, Int64(1708390923456)),
        ({"$toDate": Int64(1708390923456)}, NIGHT),
        ({"$toDate": "2024-02-20T02:02:03.456789+01:00"}, NIGHT),
        ({"$dateToString": {"date": "$when", "format": "%H.%L%%"}}, "01.456%"),
        ({"$dateToString": {"date": "$none", "onNull": "$none"}}, None),
        ({"$dateFromParts": {"year": 2024, "hour": 5}}, datetime(2024, 1, 1, 5, tzinfo=UTC)),
        ({"$dateFromString": {"dateString": "night", "onError": {"$add": [1, 1]}}}, 2),
        ({"$trim": {"input": "\u2003x\0 "}}, "x"),
        ({"$toUpper": "$absent"}, ""),
        ({"$regexMatch": {"input": "$absent", "regex": "x"}}, False),
        ({"$max": [1, "$none", 2.5]}, 2.5),
        ({"$first": {"$literal": []}}, "missing"),
        ("$nested.x", [2]),
        ({"$add": [Int64(1), 1]}, Int64(2)),
        ({"$abs": Int64(-1)}, Int64(1)),
        ({"$multiply": [2**31, 2**31]}, Int64(2**62)),
        ({"$subtract": ["$when", 2.5]}, datetime(2024, 2, 20, 1, 2, 3, 453_000, tzinfo=UTC)),
        ({"$mod": [2**53 + 1, 2]}, Int64(1)),
        ({"$pow": [3, 39]}, Int64(3**39)),
        ({"$pow": [3, 40]}, 3.0**40),
        ({"$exp": 1000}, float("inf")),
        ({"$sum": [1e308, 1e308]}, float("inf")),
        ({"$round": [2.5]}, 2.0),
        ({"$trunc": [1.29, 1]}, 1.2),
        ({"$round": [12345, -2]}, 12300),
        ({"$setUnion": [[True], [1]]}, [True, 1]),
        ({"$in": ["$absent", [None]]}, False),
        ({"$toUpper": "ångström"}, "åNGSTRöM"),
        ({"$substrCP": ["åx", 0, 1]}, "å"),
        ({"$toDate": 1.5}, datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC)),
        ({"$hour": {"date": "$when", "timezone": "+01:00"}}, 2),
        ({"$hour": {"date": "$when", "timezone": "America/New_York"}}, 20),
        ({"$dateToString": {"date": "$when", "timezone": "Europe/Paris"}}, "2024-02-20T02:02:03.456"),
        ({"$dateToString": {"date": "$when", "format": "%w %U %G-%V %z"}}, "3 07 2024-08 +0000"),
        ({"$dateFromParts": {"year": 2024, "month": 14}}, datetime(2025, 2, 1, tzinfo=UTC)),
        (
            {"$dateTrunc": {"date": "$when", "unit": "day", "timezone": "America/New_York"}},
            datetime(2024, 2, 19, 5, tzinfo=UTC),
        ),
        ({"$dateAdd": {"startDate": "$when", "unit": "month", "amount": 12}}, NIGHT.replace(year=2025)),
        ({"$filter": {"input": [1, 2], "cond": True, "limit": 1}}, [1]),
        ({"$let": {"vars": {"self": 2}, "in": "$$self"}}, 2),
        ({"$map": {"input": [1], "as": "self", "in": "$$self"}}, [1]),
        ({"$regexMatch": {"input": "12", "regex": "^[[:digit:]]+$"}}, True),
        ({"$regexMatch": {"input": "é", "regex": r"\w"}}, False),
        ({"$regexMatch": {"input": "İSTANBUL", "regex": "istanbul", "options": "i"}}, False),
        ({"$regexMatch": {"input": "Å", "regex": "å", "options": None}}, False),
    ],
    ids=str,
)
def test_answers(items, expression, value):
    answer = computed(items, expression)
    assert answer == value
    assert type(answer) is type(value) or not isinstance(value, (int, float))
    assert repr(answer) == repr(value) or isinstance(value, datetime)


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ({"$add": [1, Decimal128("1")]}, "Decimal128"),
        ({"$toDate": "20 Feb 2024"}, "$toDate"),
        ({"$dateFromString": {"dateString": "20.2.2024", "onError": None}}, "$dateFromString"),
        ({"$dateTrunc": {"date": "$when", "unit": "day", "binSize": 2}}, "$dateTrunc.binSize"),
        ({"$convert": {"input": 1, "to": "int"}}, "$convert"),
        ("$$CLUSTER_TIME", "$$CLUSTER_TIME"),
    ],
    ids=str,
)
def test_what_is_not_answered_exactly_is_refused_by_name(items, expression, named):
    with pytest.raises(NotSupported) as refusal:
        computed(items, expression)
    assert named in str(refusal.value)
    assert "mongodb://" in str(refusal.value)


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ({"$divide": [1, 0]}, 2),
        ({"$sqrt": -1}, 28714),
        ({"$abs": "text"}, 28765),
        ({"$abs": [1, 2]}, 16020),
        ({"$split": ["a", ""]}, 40087),
        ({"$toInt": 2**40}, 241),
        ({"$toInt": "1_000"}, 241),
        ({"$toInt": " 1"}, 241),
        ({"$substrCP": ["a", 0]}, 16020),
        ({"$ifNull": ["$none"]}, 1257300),
        ({"$switch": {"branches": []}}, 40068),
        ({"$trim": "text"}, 50696),
        ({"$nope": 1}, 168),
        ("$$nope", 17276),
        ("$a..b", 15998),
        ("$" + ".".join(["a"] * 300), 15),
        ({"$regexMatch": {"input": "a" * 40 + "b", "regex": "^(a+)+$"}}, 51156),
        ({"$regexMatch": {"input": "a", "regex": "("}}, 51091),
    ],
    ids=lambda item: str(item)[:60],
)
def test_what_mongodb_refuses_is_an_error_of_the_query_with_its_code(items, expression, code):
    with pytest.raises(InvalidQuery) as error:
        computed(items, expression)
    assert not isinstance(error.value, NotSupported)
    assert error.value.code == code
