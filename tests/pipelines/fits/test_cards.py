"""Cards read as astropy reads them: forms of the standard, forms met in the wild, any 80 characters."""

import math
import warnings

import pytest
from astropy.io import fits
from astropy.io.fits.card import Card, Undefined
from hypothesis import example, given
from hypothesis import strategies as st

from catalog import Unparsable
from pipelines.fits.cards import first_values, parse_card, read_cards


def by_astropy(image):
    """Keyword, value and comment as astropy has them, or None where it refuses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        card = Card.fromstring(image)
        try:
            answer = card.keyword, card.value, card.comment
        except (fits.VerifyError, ValueError, IndexError):
            return None
    return (answer[0], None, answer[2]) if isinstance(answer[1], Undefined) else answer


def same(ours, theirs):
    if ours[0] != theirs[0] or ours[2] != theirs[2] or type(ours[1]) is not type(theirs[1]):
        return False
    if isinstance(ours[1], float):
        return repr(ours[1]) == repr(theirs[1])
    return ours[1] == theirs[1]


FORMS = [
    ("SIMPLE  =                    T / conforms", ("SIMPLE", True, "conforms")),
    ("FLAG    = F/no blanks", ("FLAG", False, "no blanks")),
    ("NAXIS1  =                 0072", ("NAXIS1", 72, "")),
    ("PLUS    = +5 / plus", ("PLUS", 5, "plus")),
    ("NEG     = -0", ("NEG", 0, "")),
    ("BIG     = 123456789012345678901234567890", ("BIG", 123456789012345678901234567890, "")),
    ("DOUBLE  = 1.0D5", ("DOUBLE", 1e5, "")),
    ("POINT   = 1.E3", ("POINT", 1e3, "")),
    ("LOWER   = 2.5e-3", ("LOWER", 2.5e-3, "")),
    ("EXPONLY = 1E3", ("EXPONLY", 1e3, "")),
    ("NOLEAD  = .5", ("NOLEAD", 0.5, "")),
    ("MINUS0  = -0.0", ("MINUS0", -0.0, "")),
    ("DIGITS80= 0.12345678901234567890123456789012345678", ("DIGITS80", 0.12345678901234568, "")),
    ("OVER    = 1.0E999", ("OVER", math.inf, "")),
    ("STR     = 'abc     '           / blanks stripped", ("STR", "abc", "blanks stripped")),
    ("STR     = '  abc'", ("STR", "  abc", "")),
    ("EMPTY   = ''", ("EMPTY", "", "")),
    ("BLANKS  = '        '", ("BLANKS", "", "")),
    ("QUOTE   = 'O''Brien' / name", ("QUOTE", "O'Brien", "name")),
    ("SLASH   = 'a/b' / c/d", ("SLASH", "a/b", "c/d")),
    ("UNDEF   =", ("UNDEF", None, "")),
    ("UNDEF   =                      / nothing here", ("UNDEF", None, "nothing here")),
    ("CPLX    = (1.0, -2.5) / complex", ("CPLX", 1 - 2.5j, "complex")),
    ("SPACED  = - 5.0 E 3", ("SPACED", -5000.0, "")),
    ("lower   = 5", ("LOWER", 5, "")),
    ("SHORT= 5", ("SHORT", 5, "")),
    ("COMMENT   any text = 'here' / all of it", ("COMMENT", "  any text = 'here' / all of it", "")),
    ("HISTORY = not a value", ("HISTORY", "= not a value", "")),
    ("        a comment without a keyword", ("", "a comment without a keyword", "")),
    ("", ("", "", "")),
    ("NOVALUE text without an equals sign", ("NOVALUE", "text without an equals sign", "")),
    ("NOBLANK =5", ("NOBLANK", "=5", "")),
    ("HIERARCH ESO DET CHIP1 ID = 'CCD-44' / with blanks", ("ESO DET CHIP1 ID", "CCD-44", "with blanks")),
    ("HIERARCH det.chip.x=3/tight, with dots", ("det.chip.x", 3, "tight, with dots")),
    ("HIERARCH COMMENT = 5", ("COMMENT", " COMMENT = 5", "")),
    ("D2IM1   = 'AXIS.1: 2' / a record", ("D2IM1.AXIS.1", 2.0, "a record")),
    ("DP1     = 'NAXES: 2.5'", ("DP1.NAXES", 2.5, "")),
    ("NOTE    = 'ratio: 2x'", ("NOTE", "ratio: 2x", "")),
    ("$WHERE  = 'javascript' / no harm", ("$WHERE", "javascript", "no harm")),
    ("CONTINUE  'an orphan' / with comment", ("CONTINUE", "an orphan", "with comment")),
]


@pytest.mark.parametrize(("text", "expected"), FORMS, ids=[form[0][:30] for form in FORMS])
def test_a_form_of_card_is_read_as_astropy_reads_it(text, expected):
    image = text.ljust(80)
    assert same(parse_card(image), expected), parse_card(image)
    assert same(expected, by_astropy(image)), by_astropy(image)


UNPARSABLE = [
    ("EXPTIME = 10.0 s / with its unit", "EXPTIME", "10.0 s", "with its unit"),
    ("VALUE   = NaN / not a number", "VALUE", "NaN", "not a number"),
    ("RANGE   = 1.0, 2.0", "RANGE", "1.0, 2.0", ""),
    ("OPEN    = 'no end", "OPEN", "'no end", ""),
    ("HIERARCH ESO X = 1 2 / pair", "ESO X", "1 2", "pair"),
]


@pytest.mark.parametrize(("text", "keyword", "value", "comment"), UNPARSABLE, ids=[c[1] for c in UNPARSABLE])
def test_an_unparsable_value_costs_that_value_alone(text, keyword, value, comment):
    good = "GOOD    =                    1".ljust(80)
    cards = read_cards((good + text.ljust(80) + good).encode())
    assert by_astropy(text.ljust(80)) is None
    assert cards == [("GOOD", 1, ""), (keyword, Unparsable(value), comment), ("GOOD", 1, "")]


@pytest.mark.parametrize(
    ("raw", "text"),
    [("Jérôme".encode(), "Jérôme"), ("Jérôme".encode("latin-1"), "Jérôme"), (b"\xff\xfe", "ÿþ")],
    ids=["utf-8", "latin-1", "neither"],
)
def test_bytes_that_are_not_ascii_are_kept_as_text(raw, text):
    card = (b"OBSERVER= '" + raw + b"' / who").ljust(80)
    assert read_cards(card) == [("OBSERVER", Unparsable(text), "who")]
    comment = (b"COMMENT " + raw).ljust(80)
    assert read_cards(comment) == [("COMMENT", text, "")]


def test_bytes_that_are_not_ascii_in_a_comment_leave_the_value():
    assert read_cards("TEMP    = -10.5 / °C".encode("latin-1").ljust(80)) == [("TEMP", -10.5, "°C")]
    assert read_cards("TEMP    = -10.5 / °C".encode().ljust(80)) == [("TEMP", -10.5, "°C")]


def test_of_duplicates_the_first_is_the_value_and_all_are_cards():
    cards = read_cards(b"".join(text.ljust(80) for text in (b"A       = 1", b"        x", b"A       = 2")))
    assert cards == [("A", 1, ""), ("", "x", ""), ("A", 2, "")]
    assert first_values(cards) == {"A": 1}


# Pieces that meet in real cards, so that random ones are rarely refused at once.
VALUES = ["KEY", "= ", "=", "'", "''", "/", " / ", "T", "F", "1", "0", ".", "E+05", "D", "+", "-", "(", ", ", ")"]
WORDS = ["HIERARCH ", "COMMENT ", "HISTORY ", "CONTINUE", "END", "a b", ": ", "AXIS.1: 2", "&", "  "]
pieces = st.sampled_from([*VALUES, *WORDS, "\t", "\n", "\0"])
fields = st.lists(pieces | st.text(st.characters(max_codepoint=126), max_size=3), max_size=14).map("".join)
keywords = st.sampled_from(["KEY     = ", "HIERARCH ESO A = ", "COMMENT ", "        ", "CONTINUE  ", ""])
images = st.builds(lambda keyword, field: (keyword + field)[:80].ljust(80), keywords, fields)


@given(image=images)
@example(image="KEY     = 'a''/b'".ljust(80))
@example(image="KEY     = 'AXIS.1: 2'/".ljust(80))
@example(image="KEY     = '' / a comment 'quoted'".ljust(80))
@example(image="HIERARCH  = 5".ljust(80))
@example(image="HIERARCH END = 5".ljust(80))
@example(image="=       = 5".ljust(80))
@example(image="KEY     = 5\n".ljust(80))
@example(image="KEY     = '\n'".ljust(80))
def test_any_card_is_read_as_astropy_reads_it(image):
    expected = by_astropy(image)
    ours = parse_card(image)
    if expected is None:
        assert isinstance(ours[1], Unparsable)
    else:
        assert same(ours, expected), (ours, expected)


def header_of(*texts):
    return b"".join(text.encode("latin-1").ljust(80) for text in texts)


CHAINS = [
    ("LONG    = 'one &'", "CONTINUE  'two' / said"),
    ("LONG    = 'one &' / first", "CONTINUE  'two &' / second", "CONTINUE  'three'"),
    ("LONG    = 'kept blank  &'", "CONTINUE  'two&'", "CONTINUE  '' / only a comment"),
    ("LONG    = 'it''s &'", "CONTINUE  'Brien''s'"),
    ("LONG    = 'ends with quote'''", "CONTINUE  '/ more'"),
    ("LONG    = 'no ampersand'", "CONTINUE  'joined all the same'"),
    ("LONG    = 'AXIS.1: 2'", "CONTINUE  'x'"),
    ("LONG    = 'one &'", "CONTINUE no quotes here"),
    ("HIERARCH ESO LONG NAME = 'one &'", "CONTINUE  'two'"),
    ("COMMENT one", "CONTINUE  'after a comment'"),
    ("JUNK without value", "CONTINUE  'after it'"),
    ("LONG    = 'one &'", "CONTINUE= 'equals sign'"),
]


@pytest.mark.parametrize("chain", CHAINS, ids=[" + ".join(chain)[:40] for chain in CHAINS])
def test_a_continued_string_is_joined_as_astropy_joins_it(chain):
    raw = header_of(*chain)
    expected = by_astropy(raw.decode("latin-1"))
    (card,) = read_cards(raw)
    if expected is None:
        assert isinstance(card[1], Unparsable)
    else:
        assert same(card, expected), (card, expected)


quoted = st.text(st.sampled_from("ab &'/: 2"), max_size=12).map(lambda text: "'" + text.replace("'", "''") + "'")
tails = st.sampled_from(["", " / note", "/", " /  two  words "])
parts = st.builds(lambda text, tail: text + tail, quoted, tails)


@given(parts=st.lists(parts, min_size=2, max_size=4))
@example(parts=["''", "'''/'"])
@example(parts=["'''/'", "'/'"])
def test_any_continued_string_is_joined_as_astropy_joins_it(parts):
    raw = header_of("LONG    = " + parts[0], *("CONTINUE  " + part for part in parts[1:]))
    expected = by_astropy(raw.decode("latin-1"))
    (card,) = read_cards(raw)
    if expected is None:
        assert isinstance(card[1], Unparsable)
    else:
        assert same(card, expected), (card, expected)


@pytest.mark.parametrize("length", [60, 200, 350, 700, 1500])
def test_a_long_string_of_a_hierarch_keyword_is_joined(length):
    header = fits.Header()
    header["HIERARCH ESO OBS LONGER"] = text = ("it's a word " * 200)[:length].strip()
    raw = header.tostring(padding=False, endcard=False).encode()
    assert read_cards(raw) == [("ESO OBS LONGER", text, "")]


@pytest.mark.parametrize(
    ("field", "value"), [("1000.5", 1000.5), ("-7", -7), ("T", True), ("1D3", 1000.0), ("", None), ("(1, 2)", 1 + 2j)]
)
@pytest.mark.parametrize("keyword", ["XREF    = ", "HIERARCH ESO XREF = "])
def test_nothing_goes_on_with_a_number(keyword, field, value):
    """FITS 4.0, 4.2.1.2: a CONTINUE after anything but a string is no part of it."""
    raw = header_of(f"{keyword}{field} / n", "CONTINUE  'text'", "AFTER   = 5")
    name = keyword.removeprefix("HIERARCH ").strip(" =")
    assert read_cards(raw) == [(name, value, "n"), ("CONTINUE", "text", ""), ("AFTER", 5, "")]


def test_a_string_continued_over_thousands_of_cards_is_joined():
    pieces = [f"{number:060d}" for number in range(5_000)]
    raw = header_of(f"LONG    = '{pieces[0]}&'", *(f"CONTINUE  '{piece}&'" for piece in pieces[1:]))
    assert read_cards(raw) == [("LONG", "".join(pieces), "")]


def test_a_long_chain_of_pieces_that_are_not_strings_costs_that_value_alone():
    raw = header_of("LONG    = 'one &'", *("CONTINUE junk" for _ in range(30)), "AFTER   = 5")
    first, after = read_cards(raw)
    assert first[0] == "LONG"
    assert isinstance(first[1], Unparsable)
    assert after == ("AFTER", 5, "")
