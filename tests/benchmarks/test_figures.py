"""Figures are put where they belong, and what people wrote beside them stays."""

from __future__ import annotations

from tests.benchmarks import figures
from tests.benchmarks.measure import Row, table

BEFORE = """# Figures

By hand.

## One

What was chosen.

| what | Darkroom | peer | aim |
| --- | --- | --- | --- |
| old | 1 | 2 | 3 |

## Two

| what | Darkroom | peer | aim |
| --- | --- | --- | --- |
| other | 1 | 2 | 3 |

More.
"""


def test_tables_replace_those_of_their_title_and_new_ones_come_last(tmp_path):
    path = tmp_path / "FIGURES.md"
    path.write_text(BEFORE)
    assert figures.took("part", path) is None
    printed = f"words\n{table('One', [Row('new', '5', '6', '7')])}\n{table('Three', [Row('third', '8', '9', '-')])}"
    for seconds in (90, 100):
        assert figures.write(printed, "part", seconds, "here", path) == ["One", "Three"]
    text = path.read_text()
    assert text.count("| new | 5 | 6 | 7 |") == text.count("| third | 8 | 9 | - |") == text.count("| other |") == 1
    assert "| old |" not in text
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## One", "## Two", "## Three"]
    assert text.index("What was chosen.") < text.index("*Measured") < text.index("| new |")
    assert "By hand." in text
    assert "More." in text
    assert figures.took("part", path) == "100 s"
    assert figures.took("other", path) is None
