"""Lookup: what remembered tables of keywords say is what asking each header in turn says."""

from hypothesis import given
from hypothesis import strategies as st

from pipelines.instruments.dialects import exposure, filters, targets
from pipelines.instruments.dialects.entry import Key, own_keys
from pipelines.instruments.lookup import Headers, StoredHdu, look_up
from pipelines.instruments.values import plain

TABLES = (exposure.EXPTIME, exposure.COADDS, filters.WHEELS[0], targets.RA, own_keys(("EXPTIME", "MINE")))
NAMES = sorted({key.name for table in TABLES for key in table})
headers = st.dictionaries(
    st.sampled_from(NAMES), st.one_of(st.sampled_from(["", "N/A", " 3.5 ", "R"]), st.integers(0, 9)), max_size=6
)


def hdu(index, header):
    return StoredHdu(index, "PRIMARY" if index == 0 else "SCI", 1, "image", (4, 4) if index else (), "uint16", header)


def plainly(ordered, keys):
    """The keywords that say something, asked one after the other."""
    for key in keys:
        for index, header in ordered:
            if key.name in header and plain(header[key.name]) is not None:
                yield plain(header[key.name]), key.name, index
                break


@given(headers, headers, st.sampled_from(TABLES), st.booleans())
def test_what_is_remembered_is_what_the_headers_say(primary, image, keys, pixels):
    asked = Headers([hdu(0, primary), hdu(1, image)])
    ordered = [(1, image), (0, primary)] if pixels else [(0, primary), (1, image)]
    wanted = list(plainly(ordered, keys))
    assert [(found.value, found.key.name, found.hdu) for found in asked.each(keys, pixels=pixels)] == wanted
    first = asked.find(keys, pixels=pixels)
    assert (first and (first.value, first.key.name, first.hdu)) == next(iter(wanted), None)
    assert asked.present(keys) == any(key.name in primary or key.name in image for key in keys)


def test_headers_of_the_same_keywords_keep_their_own_values():
    seen = [Headers([hdu(0, {"EXPTIME": seconds})]).find(exposure.EXPTIME) for seconds in (1.0, 2.0)]
    assert [found.value for found in seen if found] == [1.0, 2.0]


def test_more_tables_than_are_remembered_are_all_answered():
    asked = Headers([hdu(0, {f"K{n}": n for n in range(1200)})])
    found = [asked.find((Key(f"K{n}", "a test"),)) for n in range(1200)]
    assert [one.value for one in found if one] == list(range(1200))


def test_only_the_first_header_and_the_first_image_are_asked():
    table = StoredHdu(1, "EVENTS", 1, "bintable", (), None, {"FILTER": "B"})
    assert look_up([hdu(0, {}), table, hdu(2, {"FILTER": " R "})], "FILTER") == "R"
    assert look_up([hdu(0, {"FILTER": ""}), table], "FILTER") is None
