"""Varying: sorted out into names, beginnings and an expression, the patterns mean what a shell makes of them."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.instruments.varying import VARYING, varies

PATTERNS = sorted({pattern for one in VARYING for pattern in one.patterns})


@given(st.sampled_from(PATTERNS), st.text("ABDEN019_- ", max_size=3), st.sampled_from(["", "X", "X "]))
@pytest.mark.parametrize("kind", ["dark", "flat"])
def test_a_keyword_varies_where_a_pattern_fits(kind, pattern, filling, front):
    keyword = front + pattern.replace("*", filling).replace("[0-9]", "7").replace("?", "Q")
    mine = [one for one in VARYING if not one.kinds or kind in one.kinds]
    expected = any(fnmatchcase(keyword, each) for one in mine for each in one.patterns)
    assert varies(keyword, kind) == expected
