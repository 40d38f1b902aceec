"""Groups: every key, nothing silently equal, and the same answer as a second implementation."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import connect
from pipelines.calibration.groups.groups import groups
from pipelines.calibration.groups.keys import trait
from pipelines.errors import UsageError
from pipelines.instruments import (
    OVERSCAN,
    Calibration,
    Claim,
    Clock,
    GroupKey,
    GroupRule,
    Profile,
    ProfileError,
    Take,
    profiles,
)
from tests.pipelines.calibration.groups.twin import groups_of

NIGHT = "2024-02-20"
DARKS = profiles()["dragonfly"].calibration.rule("dark")
FIELDS = {
    *("telescope", "camera", "detector", "exptime", "filter", "set_temperature", "temperature", "binning", "window"),
    *(
        "mode",
        "gain_setting",
        "offset_setting",
        "gain",
        "coadds",
        "stacked",
        "rotator",
        "bayer",
        "dispersed",
        "kind_note",
    ),
}


OBS = {"camera": "T1", "exptime": 9.0, "temperature": -10.0, "filter": "G", "stacked": 1}


def frame(number, kind="dark", *, date=NIGHT, sci=True, profile="dragonfly", header=None, **more):
    """A document; words in `more` that are observation fields go there, the others to its top."""
    obs = OBS | {key: value for key, value in more.items() if key in FIELDS}
    name = f"{obs['camera']}/{date}/{obs['camera']}_{number}_{kind}.fits"
    document = {
        "_id": name,
        "root": "raw",
        "path": name,
        "date": date,
        "kind": kind,
        "profile": profile,
        "header": {"IMAGETYP": kind, **(header or {})},
        "obs": {key: value for key, value in obs.items() if value is not None},
        "obs_from": {"exptime": "EXPTIME@0"},
        "arrays": {"sci": {"shape": [24, 32], "dtype": "uint16"}} if sci else {},
        "qc": {"flags": []},
    }
    document |= {key: value for key, value in more.items() if key not in FIELDS}
    if kind == "flat":
        document.setdefault("flat_time", "evening")
    return document


def arrays(shape, *, dtype="uint16", **more):
    return {"sci": {"shape": shape, "dtype": dtype, **more}}


@pytest.fixture
def headers(tmp_path):
    with connect(tmp_path / "catalog.db") as catalog:
        yield catalog.headers


def outline(answer, *names):
    return [tuple(row[name] for name in (*names, "count", "status")) for row in answer]


def test_threes_of_a_night_are_ready(headers):
    headers.insert_many([frame(n, exptime=time) for n, time in enumerate([6.0, 6.0, 6.01, 9, 9.0, 9.0])])
    answer = groups(headers, "dark", date=NIGHT)
    assert outline(answer, "camera", "exptime") == [("T1", 6.0, 3, "ready"), ("T1", 9.0, 3, "ready")]
    assert answer[0]["ids"] == [f"T1/{NIGHT}/T1_{n}_dark.fits" for n in (0, 1, 2)]
    assert answer[0]["spread"] == {"exptime": 0.01, "temperature": 0.0}
    assert answer[0]["reason"] is None


@pytest.mark.parametrize(
    ("kind", "key", "values"),
    [
        ("dark", "camera", ("T1", "T2")),
        ("dark", "exptime", (9.0, 9.2)),
        ("dark", "set_temperature", (-10.0, -12.0)),
        ("dark", "temperature", (-10.0, -12.0)),
        ("dark", "gain_setting", (1, 2)),
        ("dark", "gain", (1.2, 1.5)),
        ("dark", "offset_setting", (10, 20)),
        ("dark", "mode", ("READOUTM fast", "READOUTM slow")),
        ("dark", "binning", ([1, 1], [2, 2])),
        ("dark", "window", ({"x": 0, "y": 0}, {"x": 100, "y": 0})),
        ("dark", "detector", ("chip 1", "chip 2")),
        ("dark", "telescope", ("north", "south")),
        ("dark", "coadds", (1, 2)),
        ("dark", "bayer", ("RGGB", "GBRG")),
        ("flat", "filter", ("G", "R")),
        ("flat", "rotator", (0.0, 90.0)),
        ("flat", "dispersed", (True, False)),
        ("flat", "kind_note", ("sky", "dome")),
        ("dark", "date", (NIGHT, "2024-02-21")),
        ("flat", "flat_time", ("evening", "morning")),
        ("dark", "arrays", (arrays([24, 32]), arrays([12, 32]))),
        ("dark", "arrays", (arrays([24, 32]), arrays([24, 32], dtype="float32"))),
        ("dark", "arrays", (arrays([24, 32], scale={"slope": 2.0}), arrays([24, 32], scale={"slope": 1.5}))),
    ],
)  # fmt: skip
def test_every_key_tells_groups_apart(headers, kind, key, values):
    headers.insert_many([frame(n, kind, **{key: values[n % 2]}) for n in range(10)])
    if key == "set_temperature":  # the sensor is where it should be
        headers.update_many({}, [{"$set": {"obs.temperature": "$obs.set_temperature"}}])
    answer = groups(headers, kind)
    assert [row["count"] for row in answer] == [5, 5]
    assert all(row["status"] == "ready" for row in answer)
    assert {tuple(sorted(row["ids"])) for row in answer} == {
        tuple(sorted(d["_id"] for d in headers.find({}) if d["_id"].split("_")[1] in map(str, range(p, 10, 2))))
        for p in (0, 1)
    }


def test_a_drift_of_temperature_does_not_chain(headers):
    headers.insert_many([frame(n, temperature=-10 + n / 10) for n in range(41)])
    answer = groups(headers, "dark")
    assert len(answer) > 2
    assert all(row["spread"]["temperature"] <= 1.5 for row in answer)
    assert sum(row["count"] for row in answer) == 41


def test_what_is_missing_is_a_group_apart_with_its_reason(headers):
    headers.insert_many([frame(n) for n in range(10, 13)])
    headers.insert_many([frame(n, temperature=None) for n in range(13, 16)])
    headers.insert_many([frame(n, exptime=None) for n in range(16, 19)])
    headers.insert_many([frame(n, temperature="-10.0.0") for n in range(19, 22)])
    headers.insert_many([frame(n, sci=False) for n in range(22, 25)])
    headers.insert_many([frame(n, date=None) for n in range(25, 28)])
    rows = {row["ids"][0].split("_")[1]: row for row in groups(headers, "dark")}
    assert {number: row["count"] for number, row in rows.items()} == dict.fromkeys(
        ["10", "13", "16", "19", "22", "25"], 3
    )
    assert rows["10"]["status"] == "ready"
    assert {row["status"] for number, row in rows.items() if number != "10"} == {"incomplete"}
    assert "temperature missing, which other frames of this camera state" in rows["13"]["reason"]
    assert "exptime missing" in rows["16"]["reason"]
    assert "temperature is not a number: '-10.0.0'" in rows["19"]["reason"]
    assert "only its header was ingested" in rows["22"]["reason"]
    assert "no night" in rows["25"]["reason"]


def test_an_optional_key_that_only_some_frames_state_is_said(headers):
    headers.insert_many([frame(n, gain_setting=1 if n < 3 else None) for n in range(6)])
    headers.insert_many([frame(n, camera="T2") for n in range(3)])
    found = {(row["camera"], row["gain_setting"]): row for row in groups(headers, "dark")}
    assert found["T1", 1]["status"] == "ready"
    assert found["T1", None]["status"] == "incomplete"
    assert "gain_setting missing, which other frames of this camera state" in found["T1", None]["reason"]
    assert found["T2", None]["status"] == "ready"  # this camera never states it


def test_too_few_say_so_and_what_they_could_borrow(headers):
    headers.insert_many([frame(n) for n in range(2)])
    headers.insert_many([frame(n, date="2024-02-23", exptime=9.005) for n in range(2)])
    headers.insert_many([frame(9, date="2024-02-21", temperature=-10.4)])
    headers.insert_many([frame(n, date="2024-02-22", exptime=14.0) for n in range(2)])
    headers.insert_many([frame(n, date="2024-03-20") for n in range(2)])
    headers.insert_many([frame(9, date="2024-02-22", qc={"verdict": "bad"})])
    (row,) = groups(headers, "dark", date=NIGHT)
    assert row["status"] == "too few"
    assert row["borrow"] == [
        "T1/2024-02-21/T1_9_dark.fits",
        "T1/2024-02-23/T1_0_dark.fits",
        "T1/2024-02-23/T1_1_dark.fits",
    ]
    assert row["reason"] == "too few: 2 of 3; wait, or borrow 3 like it within 7 nights"
    (alone,) = groups(headers, "dark", date="2024-03-20")
    assert alone["borrow"] == []
    assert "wait for more, for there is none like it within 7 nights" in alone["reason"]


def test_bad_frames_are_left_out_and_named(headers):
    headers.insert_many([frame(n, **({"qc": {"verdict": "bad"}} if n == 1 else {})) for n in range(3)])
    (row,) = groups(headers, "dark")
    assert (row["count"], row["status"], row["left_out"]) == (2, "too few", [f"T1/{NIGHT}/T1_1_dark.fits"])
    assert row["reason"].endswith("1 left out: T1/2024-02-20/T1_1_dark.fits (judged bad)")


def test_more_than_a_master_takes_is_said(headers):
    headers.insert_many([frame(n) for n in range(51)])
    (row,) = groups(headers, "dark")
    assert (row["count"], row["status"]) == (51, "ready")
    assert "51 frames, of which a master takes 50" in row["reason"]


def test_two_profiles_are_never_one_group(headers):
    headers.insert_many([frame(n) for n in range(3)])
    headers.insert_many([frame(n, camera="T1b", profile="generic") for n in range(3)])
    answer = groups(headers, "dark")
    assert answer.columns[0] == "profile"
    assert [(row["profile"], row["count"]) for row in answer] == [("dragonfly", 3), ("generic", 3)]


def test_what_cannot_be_grouped_is_said(headers):
    headers.insert_many([frame(n, "light") for n in range(3)])
    with pytest.raises(UsageError, match="dragonfly does not say how to group light"):
        groups(headers, "light")
    with pytest.raises(UsageError, match="no profile 'huntsman'"):
        groups(headers, "dark", profile="huntsman")
    with pytest.raises(UsageError, match="YYYY-MM-DD"):
        groups(headers, "dark", date=[20240220])
    assert len(groups(headers, "dark", date="1999-01-01")) == 0


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ([GroupRule(kind="dark", keys=(), minimum=3)], "distinct keys"),
        ([GroupRule(kind="dark", keys=(GroupKey(name="a", paths=("a",)),), minimum=0)], "senseless minimum"),
        ([GroupRule(kind="dark", keys=(GroupKey(name="a", paths=()),), minimum=1)], "without a field"),
        ([GroupRule(kind="dark", keys=(GroupKey(name="a", paths=("a",), tolerance=1, spread=0),), minimum=1)], "spre"),
        ([GroupRule(kind="dark", keys=(GroupKey(name="a", paths=("a",)),), minimum=1)] * 2, "two group rules"),
    ],
)  # fmt: skip
def test_a_declaration_that_makes_no_sense_is_refused(rules, says):
    with pytest.raises(ProfileError, match=says):
        Profile(
            name="x",
            title="x",
            claims=(Claim(),),
            instrument=Take(),
            kind=Take(),
            clock=Clock(keywords=()),
            calibration=Calibration(groups=tuple(rules)),
        )


values = {
    "exptime": st.sampled_from([6, 6.0, 6.01, 6.02, 6.03, 8.0, 0, 0.0, None, "6"]),
    "set_temperature": st.sampled_from([None, None, -10.0, -10.2, -9.5]),
    "temperature": st.sampled_from([-10.0, -10.3, -9.6, -9.2, -8.8, -5, None, True, "cold"]),
    "gain_setting": st.sampled_from([None, 1, 2, 1.0, "high"]),
    "mode": st.sampled_from([None, "fast"]),
}
nights = st.lists(
    st.fixed_dictionaries(
        {
            **values,
            "camera": st.sampled_from(["A", "B", None]),
            "date": st.sampled_from([NIGHT, "2024-02-21", None]),
            "shape": st.sampled_from([[24, 32], [12, 32], None]),
        }
    ),
    max_size=25,
)


@pytest.mark.patient
@settings(max_examples=40)
@given(nights, st.randoms())
def test_random_nights_are_grouped_as_the_plain_twin_groups_them(tmp_path_factory, night, shuffler):
    documents = []
    for n, said in enumerate(night):
        document = frame(n, **{key: said[key] for key in (*values, "camera")}, sci=said["shape"] is not None)
        document["date"] = said["date"]
        if said["shape"] is not None:
            document["arrays"]["sci"]["shape"] = said["shape"]
        documents.append(document)
    answers = []
    for seed in (0, 1):
        shuffled = list(documents)
        random.Random(seed + shuffler.randint(0, 9)).shuffle(shuffled)
        with connect(tmp_path_factory.mktemp("c") / "catalog.db") as catalog:
            if shuffled:
                catalog.headers.insert_many(shuffled)
            answers.append(groups(catalog.headers, "dark"))
    assert answers[0].rows == answers[1].rows
    assert {frozenset(row["ids"] + row["left_out"]) for row in answers[0]} == groups_of(documents, DARKS)
    assert sum(row["count"] + len(row["left_out"]) for row in answers[0]) == len(documents)


def test_a_frame_off_its_set_point_is_said_and_does_not_serve(headers):
    headers.insert_many([frame(n, set_temperature=-10.0, temperature=-8.8 if n == 2 else -9.1) for n in range(4)])
    (row,) = groups(headers, "dark")
    assert (row["count"], row["status"]) == (3, "ready")
    assert row["why_left_out"] == {f"T1/{NIGHT}/T1_2_dark.fits": "-8.8 C, 1.2 off its set point"}


def test_set_points_tell_groups_apart_where_measured_temperatures_do_not(headers):
    warm = [frame(n, set_temperature=-10.0, temperature=-10.0) for n in range(3)]
    cold = [frame(n, set_temperature=-11.0, temperature=-11.0) for n in range(3, 6)]
    measured = [frame(n, camera="T2", temperature=4.7 if n % 2 else 5.9) for n in range(4)]
    headers.insert_many(warm + cold + measured)
    assert outline(groups(headers, "dark"), "camera", "temperature") == [
        ("T1", -11.0, 3, "ready"),
        ("T1", -10.0, 3, "ready"),
        ("T2", 5.3, 4, "ready"),
    ]


def test_electronic_shutters_are_exact_and_mechanical_ones_are_not(headers):
    short = [25e-6] * 3 + [31e-6] + [144e-6] * 3 + [300.0, 300.05, 301.0, 306.0]
    headers.insert_many([frame(n, profile="generic", exptime=time) for n, time in enumerate(short)])
    assert [row["count"] for row in groups(headers, "dark")] == [4, 3, 3, 1]
    headers.delete_many({})
    headers.insert_many([frame(n, exptime=time) for n, time in enumerate(short)])
    assert [row["count"] for row in groups(headers, "dark")] == [7, 3, 1]


def test_angles_wrap(headers):
    angles = [359.9, 0.2, 0.1, 359.8, 0.0, 90.0, 90.1, 89.9, 90.0, 90.2]
    headers.insert_many([frame(n, "flat", rotator=angle) for n, angle in enumerate(angles)])
    answer = groups(headers, "flat")
    assert [(row["count"], round(row["rotator"], 3), row["spread"]["rotator"]) for row in answer] == [
        (5, 0.0, 0.4),
        (5, 90.0, 0.3),
    ]


def test_copies_of_the_same_pixels_count_once_and_are_named(headers):
    headers.insert_many([frame(n, pixels_digest=f"{n % 3}") for n in range(4)])
    (row,) = groups(headers, "dark")
    assert (row["count"], row["status"]) == (3, "ready")
    assert row["why_left_out"] == {f"T1/{NIGHT}/T1_3_dark.fits": f"the same pixels as T1/{NIGHT}/T1_0_dark.fits"}


def test_stacks_are_never_combined_with_raw_frames(headers):
    headers.insert_many([frame(n, stacked=1 if n < 3 else 50) for n in range(6)])
    raw, stacks = groups(headers, "dark")
    assert (raw["count"], raw["status"]) == (3, "ready")
    assert (stacks["count"], stacks["status"]) == (3, "incomplete")
    assert "each is a stack of 50 frames already" in stacks["reason"]


def test_a_camera_without_filters_needs_none_and_one_without_a_name_is_in_no_group(headers):
    headers.insert_many([frame(n, "flat", filter=None) for n in range(5)])
    headers.insert_many([frame(n, "flat", camera=None) for n in range(5)])
    nameless, plain = groups(headers, "flat")
    assert (plain["count"], plain["status"]) == (5, "ready")
    assert nameless["status"] == "incomplete"
    assert "camera missing" in nameless["reason"]


def test_several_images_of_a_file_are_one_frame_by_their_shapes(headers):
    chips = {"red": {"shape": [10, 9], "dtype": "uint16"}, "blue": {"shape": [10, 8], "dtype": "uint16"}}
    extra = {"dq": {"shape": [10, 9], "dtype": "uint8"}}
    documents = [frame(n, "bias", arrays={**chips, **extra}) for n in range(3)]
    documents += [frame(n, "bias", arrays={"red": chips["red"], **extra}) for n in range(3, 6)]
    for document in documents:
        document["obs"]["images"] = [{"hdu": 1, "name": "red"}, {"hdu": 2, "name": "blue"}][
            : len(document["arrays"]) - 1
        ]
    headers.insert_many(documents)
    two, one = sorted(groups(headers, "bias"), key=lambda row: row["ids"])
    assert (two["shape"], two["count"], two["status"]) == ({"red": [10, 9], "blue": [10, 8]}, 3, "ready")
    assert (one["shape"], one["count"], one["status"]) == ([10, 9], 3, "ready")


@pytest.mark.parametrize(
    ("stated", "expected"),
    [("UNKNOWN", None), ("N/A", None), ("[0:0,0:0]", None), (" ", None), ("[1:8,1:9]", "[1:8,1:9]")],
)
def test_a_word_in_place_of_a_section_is_no_section(stated, expected):
    document = {"header": {"BIASSEC": stated}, "hdus": [{}], "arrays": {"sci": {}}}
    assert trait(document, OVERSCAN)[0] == (stated if stated == "[1:8,1:9]" else None)
