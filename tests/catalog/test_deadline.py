"""A time limit ends a question that reads much, and no other; a file that is taken away is noticed."""

import pytest

from catalog import TimedOut, Unreachable, connect, time_limit


@pytest.fixture
def catalog(tmp_path):
    with connect(tmp_path / "catalog.db") as catalog:
        catalog["things"].insert_many([{"_id": number, "text": "x" * 1000} for number in range(300)])
        yield catalog


QUESTIONS = [
    lambda things: list(things.find({"text": "y"})),
    lambda things: list(things.find({}).sort("text", -1)),
    lambda things: list(things.find({"_id": {"$gte": 0}, "text": "y"})),
    lambda things: list(things.aggregate([{"$group": {"_id": "$text", "n": {"$sum": 1}}}])),
    lambda things: things.count_documents({"text": "y"}),
    lambda things: things.distinct("text"),
]


@pytest.mark.parametrize("ask", QUESTIONS)
def test_a_question_without_time_left_is_ended(catalog, ask):
    with time_limit(60):
        ask(catalog["things"])
        with time_limit(0), pytest.raises(TimedOut, match="ask for less"):
            ask(catalog["things"])
        with time_limit(0), time_limit(60), pytest.raises(TimedOut):  # the outer one stays
            ask(catalog["things"])
    ask(catalog["things"])


def test_a_catalog_that_is_taken_away_or_replaced_is_noticed(catalog, tmp_path):
    catalog.require_there()
    (tmp_path / "catalog.db").rename(tmp_path / "elsewhere.db")
    with pytest.raises(Unreachable, match="taken away"):
        catalog.require_there()
    (tmp_path / "catalog.db").write_bytes(b"another")
    with pytest.raises(Unreachable, match="replaced"):
        catalog.require_there()
    (tmp_path / "catalog.db").unlink()
    (tmp_path / "elsewhere.db").rename(tmp_path / "catalog.db")
    catalog.require_there()
