"""The list of limits is what the guards refuse by, and what the README shows."""

import pytest

from catalog import limits
from catalog.errors import NotSupported
from catalog.language.functions import FUNCTIONS
from catalog.language.operators import OPERATORS
from catalog.language.stages import STAGES


def test_what_is_refused_is_not_computed():
    refused = {limit.operator for limit in limits.LIMITS if limit.behaviour == "refused"}
    computed = OPERATORS.keys() | FUNCTIONS.keys()
    assert not refused & (computed | STAGES.keys() | limits.UPDATE_OPERATORS)
    assert not limits.OTHER_EXPRESSIONS & computed
    assert not limits.OTHER_STAGES & STAGES.keys()


@pytest.mark.parametrize("limit", [x for x in limits.LIMITS if x.behaviour == "refused"], ids=lambda x: x.operator)
def test_a_refusal_names_what_why_and_the_way_out(limit):
    told = limits.refusal(limit.operator, "stage")
    assert isinstance(told, NotSupported)
    for part in (limit.operator, limit.text, "mongodb://"):
        assert part in str(told)


def test_differences_are_not_refused():
    assert limits.refusal("$regex", "operator") is None
    assert limits.find_limit("$regex").behaviour == "differs"
    assert limits.refusal("$match", "stage") is None


def test_the_table_has_every_limit_once():
    table = limits.markdown_table()
    for limit in limits.LIMITS:
        assert table.count(f"`{limit.operator}`") == 1
        assert limit.text in table
