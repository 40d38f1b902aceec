"""Groups: every key, nothing silently equal, and the same answer as a second implementation."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import connect
from pipelines.calibration.groups import questions
from pipelines.calibration.groups.groups import dark_groups, flat_groups, groups
from pipelines.errors import UsageError
from pipelines.instruments import Calibration, Claim, Clock, GroupKey, GroupRule, Profile, ProfileError, Take, profiles
from tests.pipelines.calibration.groups.twin import groups_of

NIGHT = "2024-02-20"
DARKS = profiles()["dragonfly"].calibration.rule("dark")


def frame(number, kind="dark", *, date=NIGHT, serial="T1", sci=True, profile="dragonfly", **more):
    header = {"IMAGETYP": kind, "SERIALNO": serial, "EXPTIME": 9.0, "TEMPERAT": -10.0, "FILTER": "G"}
    header |= {key: value for key, value in more.items() if key.isupper()}
    header = {key: value for key, value in header.items() if value is not None}
    name = f"{serial}/{date}/{serial}_{number}_{kind}.fits"
    document = {
        "_id": name,
        "root": "raw",
        "path": name,
        "date": date,
        "kind": kind,
        "profile": profile,
        "camera": serial,
        "header": header,
        "arrays": {"sci": {"shape": [24, 32], "dtype": "uint16"}} if sci else {},
        "qc": {"flags": []},
    }
    document |= {key: value for key, value in more.items() if not key.isupper()}
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
    headers.insert_many([frame(n, EXPTIME=time) for n, time in enumerate([6.0, 6.0, 6.01, 9, 9.0, 9.0])])
    answer = groups(headers, "dark", date=NIGHT)
    assert outline(answer, "serialno", "exptime") == [("T1", 6.0, 3, "ready"), ("T1", 9.0, 3, "ready")]
    assert answer[0]["ids"] == [f"T1/{NIGHT}/T1_{n}_dark.fits" for n in (0, 1, 2)]
    assert answer[0]["spread"] == {"exptime": 0.01, "temperature": 0.0}
    assert answer[0]["reason"] is None


@pytest.mark.parametrize(
    ("kind", "key", "values"),
    [
        ("dark", "SERIALNO", ("T1", "T2")),
        ("dark", "EXPTIME", (9.0, 9.2)),
        ("dark", "TEMPERAT", (-10.0, -12.0)),
        ("dark", "GAIN", (1, 2)),
        ("dark", "OFFSET", (10, 20)),
        ("dark", "READOUTM", ("fast", "slow")),
        ("dark", "XBINNING", (1, 2)),
        ("dark", "XORGSUBF", (0, 100)),
        ("flat", "FILTER", ("G", "R")),
        ("dark", "date", (NIGHT, "2024-02-21")),
        ("flat", "flat_time", ("evening", "morning")),
        ("dark", "arrays", (arrays([24, 32]), arrays([12, 32]))),
        ("dark", "arrays", (arrays([24, 32]), arrays([24, 32], dtype="float32"))),
        ("dark", "arrays", (arrays([24, 32], scale={"slope": 2.0}), arrays([24, 32], scale={"slope": 1.5}))),
    ],
)  # fmt: skip
def test_every_key_tells_groups_apart(headers, kind, key, values):
    headers.insert_many([frame(n, kind, **{key: values[n % 2]}) for n in range(10)])
    answer = groups(headers, kind)
    assert [row["count"] for row in answer] == [5, 5]
    assert all(row["status"] == "ready" for row in answer)
    assert {tuple(sorted(row["ids"])) for row in answer} == {
        tuple(sorted(d["_id"] for d in headers.find({}) if d["_id"].split("_")[1] in map(str, range(p, 10, 2))))
        for p in (0, 1)
    }


def test_a_drift_of_temperature_does_not_chain(headers):
    headers.insert_many([frame(n, TEMPERAT=-10 + n / 10) for n in range(41)])
    answer = groups(headers, "dark")
    assert len(answer) > 3
    assert all(row["spread"]["temperature"] <= 1.0 for row in answer)
    assert sum(row["count"] for row in answer) == 41


def test_what_is_missing_is_a_group_apart_with_its_reason(headers):
    headers.insert_many([frame(n) for n in range(10, 13)])
    headers.insert_many([frame(n, TEMPERAT=None) for n in range(13, 16)])
    headers.insert_many([frame(n, EXPTIME=None) for n in range(16, 19)])
    headers.insert_many([frame(n, TEMPERAT="-10.0.0") for n in range(19, 22)])
    headers.insert_many([frame(n, sci=False) for n in range(22, 25)])
    headers.insert_many([frame(n, date=None) for n in range(25, 28)])
    rows = {row["ids"][0].split("_")[1]: row for row in groups(headers, "dark")}
    assert {number: row["count"] for number, row in rows.items()} == dict.fromkeys(
        ["10", "13", "16", "19", "22", "25"], 3
    )
    assert rows["10"]["status"] == "ready"
    assert {row["status"] for number, row in rows.items() if number != "10"} == {"incomplete"}
    assert "temperature missing: no header.TEMPERAT" in rows["13"]["reason"]
    assert "exptime missing" in rows["16"]["reason"]
    assert "temperature is no number: '-10.0.0'" in rows["19"]["reason"]
    assert "shape missing" in rows["22"]["reason"]
    assert "no night" in rows["25"]["reason"]


def test_an_optional_key_that_only_some_frames_state_is_said(headers):
    headers.insert_many([frame(n, GAIN=1 if n < 3 else None) for n in range(6)])
    headers.insert_many([frame(n, serial="T2") for n in range(3)])
    found = {(row["serialno"], row["gain"]): row for row in groups(headers, "dark")}
    assert found["T1", 1]["status"] == "ready"
    assert found["T1", None]["status"] == "incomplete"
    assert "gain missing, which other frames of this camera state" in found["T1", None]["reason"]
    assert found["T2", None]["status"] == "ready"  # this camera never states it


def test_too_few_say_so_and_what_they_could_borrow(headers):
    headers.insert_many([frame(n) for n in range(2)])
    headers.insert_many([frame(n, date="2024-02-23", EXPTIME=9.005) for n in range(2)])
    headers.insert_many([frame(9, date="2024-02-21", TEMPERAT=-10.4)])
    headers.insert_many([frame(n, date="2024-02-22", EXPTIME=14.0) for n in range(2)])
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
    assert "1 judged bad" in row["reason"]


def test_more_than_a_master_takes_is_said(headers):
    headers.insert_many([frame(n) for n in range(51)])
    (row,) = groups(headers, "dark")
    assert (row["count"], row["status"]) == (51, "ready")
    assert "51 frames, of which a master takes 50" in row["reason"]


def test_the_ancestors_question_is_answered_first_and_unchanged(headers):
    headers.insert_many([frame(n, serial=f"T{n % 2}", EXPTIME=float(6 + n % 3)) for n in range(18)])
    plain, full = questions.dark_groups(headers, NIGHT), dark_groups(headers, date=NIGHT)
    assert plain.columns == ("serialno", "exptime", "count", "darks") == full.columns[:4]
    assert [tuple(row.values()) for row in plain] == [tuple(row[c] for c in plain.columns) for row in full]
    headers.insert_many([frame(n, "flat", flat_time="morning") for n in range(5)])
    assert flat_groups(headers).columns[:5] == ("serialno", "filter", "flat_time", "count", "flats")
    assert list(dark_groups(headers).to_pandas().columns) == list(full.columns)
    assert dark_groups(headers).to_table()["count"].sum() == 18


def test_two_profiles_are_never_one_group(headers):
    headers.insert_many([frame(n) for n in range(3)])
    headers.insert_many([frame(n, serial="T1b", profile="generic", camera="T1") for n in range(3)])
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
    "EXPTIME": st.sampled_from([6, 6.0, 6.01, 6.02, 6.03, 8.0, 0, 0.0, None, "6"]),
    "TEMPERAT": st.sampled_from([-10.0, -10.3, -9.6, -9.2, -8.8, -5, None, True, "cold"]),
    "GAIN": st.sampled_from([None, 1, 2, 1.0, "high"]),
    "READOUTM": st.sampled_from([None, "fast"]),
}
nights = st.lists(
    st.fixed_dictionaries(
        {
            **values,
            "serial": st.sampled_from(["A", "B"]),
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
    for n, given_values in enumerate(night):
        shape, serial, date = given_values["shape"], given_values["serial"], given_values["date"]
        cards = {key: given_values[key] for key in values}
        document = frame(n, serial=serial, **cards, sci=shape is not None)
        document["date"] = date
        if shape is not None:
            document["arrays"]["sci"]["shape"] = shape
        documents.append(document)
    answers = []
    for seed in (0, 1):
        mixed = list(documents)
        random.Random(seed + shuffler.randint(0, 9)).shuffle(mixed)
        with connect(tmp_path_factory.mktemp("c") / "catalog.db") as catalog:
            if mixed:
                catalog.headers.insert_many(mixed)
            answers.append(groups(catalog.headers, "dark"))
    assert answers[0].rows == answers[1].rows
    assert {frozenset(row["ids"]) for row in answers[0]} == groups_of(documents, DARKS)
    assert sum(row["count"] for row in answers[0]) == len(documents)
