"""The list of limits is what is refused by, and what `catalog/LIMITS.md` shows."""

from pathlib import Path

import pytest

import catalog
from catalog import limits
from catalog.errors import NotSupported
from catalog.language.accumulators import ACCUMULATORS
from catalog.language.actions import ACTIONS
from catalog.language.expressions import OPERATORS
from catalog.language.pipeline import STAGES


def test_what_is_refused_is_not_computed():
    refused = {limit.operator for limit in limits.LIMITS if limit.behaviour == "refused"}
    assert not refused & (OPERATORS.keys() | STAGES.keys() | ACTIONS.keys() | ACCUMULATORS.keys())
    assert not limits.OTHER_EXPRESSIONS & OPERATORS.keys()
    assert not limits.OTHER_STAGES & STAGES.keys()


@pytest.mark.parametrize("limit", [x for x in limits.LIMITS if x.behaviour == "refused"], ids=lambda x: x.operator)
def test_a_refusal_names_what_why_and_the_alternative(limit):
    told = limits.refusal(limit.operator, "stage")
    assert isinstance(told, NotSupported)
    for part in (limit.operator, limit.text, "mongodb://"):
        assert part in str(told)


def test_differences_are_not_refused():
    assert limits.refusal("maxTimeMS", "option") is None
    assert limits.refusal("$match", "stage") is None
    with pytest.raises(LookupError, match=r"\$match"):
        limits.refused("$match", "stage")


def test_the_page_has_every_limit_once():
    page = (Path(catalog.__file__).parent / "LIMITS.md").read_text(encoding="utf-8")
    assert page == limits.page()  # written by `python -m catalog.limits > catalog/LIMITS.md`
    for limit in limits.LIMITS:
        assert page.count(f"`{limit.operator}`") == 1
        assert limit.text in page
