"""Tables that fit: at every width, in a pipe, with whatever a header may hold."""

import csv
import io
import re
import unicodedata
from datetime import UTC, datetime

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.table import Answer, short
from pipelines.table.cells import cut, plain, width
from pipelines.table.spreadsheet import guarded

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=60)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), WORDS, st.lists(WORDS, max_size=6),
    st.dictionaries(WORDS, st.integers(), max_size=4), st.datetimes(timezones=st.none() | st.just(UTC)),
)  # fmt: skip


@st.composite
def answers(draw):
    names = draw(st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=10, unique=True))
    columns = tuple(name * draw(st.integers(1, 12)) for name in names)
    rows = draw(st.lists(st.fixed_dictionaries(dict.fromkeys(columns, VALUES)), max_size=8))
    return Answer(columns, tuple(rows), draw(WORDS))


def frames(count):
    return Answer(
        ("id", "camera", "kind", "night", "verdict", "reasons", "level", "noise"),
        tuple(
            {
                "id": f"Dragonfly101/2024-02-20/T13080513_{n}_dark.fits",
                "camera": "T13080513",
                "kind": "dark",
                "night": "2024-02-20",
                "verdict": "bad" if n % 7 == 0 else "good",
                "reasons": "one side 106.8 ADU over the limit: light leak" if n % 7 == 0 else "",
                "level": 950.0 + n,
                "noise": 10.5,
            }
            for n in range(count)
        ),
        "Frames, 2024-02-20",
        ("id", "verdict", "reasons"),
    )


@pytest.mark.parametrize("room", [60, 80, 120])
def test_200_frames_are_200_lines_with_whole_names(room):
    lines = frames(200).lines(room)
    assert 200 < len(lines) <= 206
    assert all(width(line) <= room for line in lines)
    assert sum("T13080513_" in line and "Dragonfly101/2024-02-20/T13080513_" in line for line in lines) == 200
    assert "night 2024-02-20" in " ".join(lines)  # what all share is said once
    assert sum("2024-02-20" in line for line in lines) < 204
    if room < 120:
        assert "--wide shows all" in lines[-1]


@pytest.mark.parametrize("room", [60, 80, 120])
def test_no_word_is_broken_and_nothing_of_a_short_table_is_lost(room):
    answer = frames(8)
    text = "\n".join(answer.lines(room))
    told = " ".join(text.split())
    assert "one side 106.8 ADU over the limit: light leak" in told
    assert all(row["id"] in text for row in answer)


def test_one_row_is_a_record():
    lines = frames(1).lines(60)
    assert len(lines) == 1 + 8 - 0 - 0
    assert any(line.split() == ["level", "950"] for line in lines)


def test_a_pipe_and_wide_have_every_column_on_one_line_each():
    answer = frames(3)
    lines = answer.lines()
    assert len(lines) == 2 + 3
    assert all(column in lines[1] for column in answer.columns)


def test_an_empty_answer_says_none():
    assert Answer(("a",), (), "Darks, 2024-02-20").lines(80) == ["Darks, 2024-02-20: none"]


@given(answers(), st.sampled_from([40, 60, 80, 120, None]))
def test_any_values_make_a_table_that_a_terminal_survives(answer, room):
    lines = answer.lines(room)
    assert lines
    for line in lines[1:]:  # the title is that of the question
        assert all(one.isprintable() or one == "\u3000" or not one.isascii() for one in line)
        assert "\x1b" not in line
    if room:
        for line in lines:
            # Only a word that has no room is longer: it is left whole, to be copied.
            assert width(line) <= room or max(map(width, line.split())) > room // 4
    html = answer._repr_mimebundle_()["text/html"]
    assert html.count("<tr>") == len(answer) + 1


@given(st.lists(st.fixed_dictionaries({"a": WORDS, "b": st.integers()}), max_size=5))
def test_csv_comes_back(rows):
    def written_out(text):
        return "".join(repr(one)[1:-1] if unicodedata.category(one) == "Cc" else one for one in text)

    text = Answer(("a", "b"), tuple(rows)).to_csv()
    back = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [(row["a"].removeprefix("'"), int(row["b"])) for row in back] == [
        (written_out(row["a"]).removeprefix("'"), row["b"]) for row in rows
    ]


@given(st.sampled_from("=+-@\t＝＋"), WORDS, st.booleans())
def test_no_cell_of_a_csv_file_is_a_formula(first, text, pandas):
    value = f"{first}{text}"
    if pandas:
        written = guarded(pd.DataFrame({"a": pd.array([value, None], dtype="string"), "b": [1.5, -2.0]})).to_csv()
        value = next(csv.DictReader(io.StringIO(written, newline="")))["a"]
    else:
        value = next(csv.DictReader(io.StringIO(Answer(("a",), ({"a": value},)).to_csv(), newline="")))["a"]
    assert value[0] == "'" or re.fullmatch(r"[+-][\d.eE+-]+", value)


@given(st.text(alphabet=st.characters(categories=["Cc", "Lu"]), min_size=1))
def test_no_control_character_is_in_a_csv_file(text):
    written = Answer(("a",), ({"a": text},)).to_csv()
    lines = written.splitlines()
    assert len(lines) == 2
    assert not any(unicodedata.category(one) == "Cc" for line in lines for one in line)


def test_times_and_lists_in_csv_are_iso_and_json():
    when = datetime(2024, 2, 20, 3, 4, 5, tzinfo=UTC)
    text = Answer(("at", "ids"), ({"at": when, "ids": ["x", "y"]},)).to_csv()
    assert text.splitlines()[1] == '"2024-02-20T03:04:05+00:00","[""x"", ""y""]"'


def test_a_huge_value_and_control_characters_are_made_harmless():
    assert len(short("x" * 10_000_000)) < 3000
    assert plain("M31\x1b[2J\x07\u202eevil") == "M31?[2J??evil"
    assert short(b"x" * 1000) == "(1000 bytes)"
    assert short([1.0, None, True]) == "1, -, yes"


@given(WORDS, st.integers(1, 80))
def test_a_cut_cell_fits(text, room):
    assert width(cut(plain(text), room)) <= max(room, width(plain(text)) if width(plain(text)) <= room else room)
