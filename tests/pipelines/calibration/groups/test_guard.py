"""The guard: what no profile declares and divides a group is said, and what varies anyway is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.calibration.groups.guard import mixed, said
from pipelines.instruments import profiles
from pipelines.instruments.varying import VARYING, varies

RULES = {kind: profiles()["generic"].calibration.rule(kind) for kind in ("dark", "bias", "flat")}


def frames(**columns):
    """Frames whose headers have these keywords, each with one value a frame."""
    count = len(next(iter(columns.values())))
    return [{"header": {k: values[n] for k, values in columns.items() if values[n] is not None}} for n in range(count)]


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ([1, 1, 1, 4, 4, 4], {"1": 3, "4": 3}),
        (["HDR", "HDR", "LCG", "LCG"], {"hdr": 2, "lcg": 2}),
        ([1, 1, 2, 2, 3, 3], {"1": 2, "2": 2, "3": 2}),
        ([True, True, True, False], {"T": 3, "F": 1}),
        ([None, None, None, 12], {"none": 3, "12": 1}),
        (["100", 100, 100.0, 120, 120.0], {"100": 3, "120": 2}),
        ([1.0, 1.0, 1.0, 1.5], {"1": 3, "1.5": 1}),
    ],
)
def test_a_keyword_with_few_values_makes_a_group_mixed(values, counts):
    assert mixed(frames(PREAMP=values), RULES["dark"]) == {"PREAMP": counts}


@pytest.mark.parametrize(
    "values",
    [
        [7, 7, 7, 7, 7],
        [" Fast", "fast ", "FAST", "fast"],
        [1, 2, 3, 4, 5, 6],
        [1, 1, 2, 3, 4],
        [12.301, 12.304, 12.302, 12.301],
        ["1", 1, 1.0],
        [1, 2],
    ],
)
def test_one_value_many_values_and_two_frames_are_not(values):
    assert mixed(frames(PREAMP=values), RULES["dark"]) == {}


@pytest.mark.parametrize(
    "keyword",
    ["DATE-OBS", "UTSTART", "MJD-OBS", "RA", "OBJCTDEC", "AIRMASS", "HUMIDITY", "WMSHUMID", "CBLACK", "FOCUSPOS",
     "OBJECT", "RUN", "ORIGNAME", "FILENAME", "ESO TEL ALT", "ESO OBS ID", "ESO DET EXP NO", "MOONALT"],
)  # fmt: skip
def test_what_varies_from_frame_to_frame_is_no_setting(keyword):
    assert mixed(frames(**{keyword: [1, 1, 1, 4, 4, 4]}), RULES["flat"]) == {}


def test_darks_see_no_filter_and_flats_do():
    wheel = frames(FILTNUM=[1, 1, 2, 2], EXPTIME=[9, 9, 9, 9])
    assert mixed(wheel, RULES["dark"]) == {}
    assert mixed(wheel, RULES["flat"]) == {"FILTNUM": {"1": 2, "2": 2}}
    times = frames(EXPTIME=[2, 2, 3, 3])
    assert mixed(times, RULES["flat"]) == {}


def test_temperatures_of_no_known_place_are_compared_in_degrees():
    assert mixed(frames(TEMP2=[-9.5, -9.9, -10.0, -10.4, -10.0]), RULES["dark"]) == {}
    assert mixed(frames(TEMP2=[-10.0, -10.1, -20.0, -20.2]), RULES["dark"]) == {"TEMP2": {"-20.2": 2, "-10.1": 2}}


def test_what_was_compared_as_a_field_is_not_compared_again():
    documents = frames(SETPT=[-10.0, -10.0, -10.2, -10.2], GAINSET=[1, 1, 2, 2])
    for document in documents:
        document["obs_from"] = {"set_temperature": "SETPT@0", "mode": "READOUTM@0, GAINSET@1", "gain": "1/CONAD@0"}
    assert mixed(documents, RULES["dark"]) == {}


def test_a_profile_says_what_does_not_matter():
    documents = frames(PREAMP=[1, 1, 4, 4], LNA1=[0, 0, 1, 1], LNA2=[0, 0, 1, 1])
    assert set(mixed(documents, RULES["dark"])) == {"PREAMP", "LNA1", "LNA2"}
    assert set(mixed(documents, RULES["dark"], ["LNA*"])) == {"PREAMP"}
    assert mixed(documents, RULES["dark"], ["LNA*", "PREAMP"]) == {}


def test_the_header_of_the_image_counts_as_the_main_one_does():
    documents = frames(A=[1, 1, 1, 1])
    for n, document in enumerate(documents):
        document["arrays"] = {"sci": {"shape": [4, 4]}}
        document["hdus"] = [{"name": "PRIMARY"}, {"arrays": ["sci"], "header": {"LOWNOISE": n // 2}}]
    assert mixed(documents, RULES["bias"]) == {"LOWNOISE": {"0": 2, "1": 2}}


def test_many_keywords_are_said_in_one_line():
    found = mixed(frames(**{f"SET{n}": [1, 1, 2, 2] for n in range(9)}), RULES["dark"])
    assert len(found) == 9
    assert said(found).startswith("mixed: SET0 (1 x2, 2 x2), SET1 (1 x2, 2 x2), SET2 (1 x2, 2 x2) and 6 more keywords")


@given(st.lists(st.sampled_from([1, 2, 3, "a", None, 1.5, True]), min_size=3, max_size=12))
def test_mixed_is_what_its_definition_says(values):
    """Few values: each at least twice, or all but one odd frame; counted by hand."""
    plain = ["none" if v is None else "T" if v is True else str(v) for v in values]
    counts = sorted(plain.count(value) for value in set(plain))
    few = len(counts) > 1 and (counts[0] >= 2 or (counts[0] == 1 and counts[1] >= 2))
    assert bool(mixed(frames(PREAMP=values, X=[0] * len(values)), RULES["dark"])) is few


def test_the_table_says_who_writes_what_and_names_no_setting():
    assert all(one.subject and one.patterns and one.written_by for one in VARYING)
    settings = ["GAIN", "EGAIN", "OFFSET", "READOUTM", "XBINNING", "CCDSUM", "BITCAMPX", "USBLIMIT", "ROWORDER",
                "BAYERPAT", "CONFMODE", "GAINSET", "SET-TEMP", "COADDS", "NCOADDS", "AMPLIST", "CCDSPEED", "ISOSPEED",
                "RDMODE",
                "ESO DET READ CLOCK", "ESO DET WIN1 BINX", "ESO DET CHIP1 ID", "XORGSUBF", "SUBARRAY", "CHIPTEMP",
                "ADCBITS", "SWCREATE", "TELESCOP", "NAMPS", "SPEED", "ORDER"]  # fmt: skip
    assert [name for name in settings for kind in RULES if varies(name, kind)] == []
