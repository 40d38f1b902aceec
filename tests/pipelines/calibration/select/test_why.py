"""Choosing, and saying why: one table of criteria, each with its distance, and a plain second opinion."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.calibration.select.certify import certify
from pipelines.calibration.select.choose import choose
from pipelines.calibration.select.criteria import Rules
from pipelines.calibration.select.needs import calibration_needs
from pipelines.calibration.select.why import why
from pipelines.errors import UnknownDocument, UsageError
from tests.pipelines.calibration.conftest import of

TIME = datetime(2024, 2, 21, 1, tzinfo=UTC)
FRAME = {
    "_id": "frame", "profile": "dragonfly", "instrument": "dragonfly", "camera": "T1", "kind": "flat",
    "timestamp": TIME,
    "header": {}, "obs": {"camera": "T1", "exptime": 9.0, "temperature": -10.0, "filter": "G"},
    "arrays": {"sci": {"shape": [4, 5], "dtype": "uint16"}},
}  # fmt: skip
KEY = {"camera": "T1", "exptime": 9.0, "temperature": -10.0, "shape": [4, 5], "filter": "G"}


def master(name="m", *, days=0.0, status="verified", validity=(), key=None, **more):
    return {
        "_id": name, "kind": "dark", "instrument": "dragonfly", "camera": "T1", "profile": "dragonfly",
        "date": "2024-02-20",
        "timestamp": TIME + timedelta(days=days), "key": {**KEY, **(key or {})}, "flat_time": None, "status": status,
        "validity": list(validity), "inputs": [], "recalled": {}, "stale": {}, "acceptance": {}, **more,
    }  # fmt: skip


masters = st.builds(
    master,
    days=st.integers(-50, 50).map(lambda n: n / 2),
    status=st.sampled_from(["certified", "verified", "proposed", "withdrawn", "set-aside"]),
    validity=st.lists(
        st.integers(-30, 30).map(lambda n: {"since": TIME + timedelta(days=n), "until": TIME + timedelta(days=n + 20)}),
        max_size=1,
    ),
    key=st.fixed_dictionaries(
        {},
        optional={
            "exptime": st.sampled_from([9.0, 9.01, 6.0]),
            "temperature": st.sampled_from([-10.0, -8.5, -8.4, -7.0, None]),
        },
    ),
    stale=st.sampled_from([{}, {}, {"run": {"why": "bad"}}]),
    superseded_by=st.sampled_from([None, None, "other"]),
)


def second_opinion(candidates, rules):
    """The choice in one plain loop."""
    kept = []
    for m in candidates:
        apart = (m["timestamp"] - TIME).total_seconds() / 86400
        valid = any(v["since"] <= TIME < v["until"] for v in m["validity"])
        if (
            m["status"] in ("certified", "verified")
            and (m["status"] != "certified" or valid)
            and not m["stale"]
            and not m["superseded_by"]
            and abs(m["key"]["exptime"] - 9.0) <= 0.09
            and m["key"]["temperature"] is not None
            and abs(m["key"]["temperature"] + 10.0) <= 1.5
            and abs(apart) <= rules.max_age.days
            and (rules.order == "nearest" or apart <= 0)
        ):
            kept.append((m["status"] != "certified", abs(apart), -apart, m["_id"]))
    return min(kept)[3] if kept else None


@settings(max_examples=25)
@given(found=st.lists(masters, max_size=6), order=st.sampled_from(["nearest", "before"]), age=st.sampled_from([5, 30]))
def test_choosing_agrees_with_a_second_opinion_and_why_with_choosing(archive, found, order, age):
    archive.session.masters.delete_many({})
    archive.session.headers.delete_many({})
    found = [{**m, "_id": f"m{n}"} for n, m in enumerate(found)]
    for document in found:
        archive.session.masters.insert_one(document)
    archive.session.headers.insert_one({**FRAME, "root": "r", "path": "p"})
    rules = Rules(order=order, max_age=timedelta(days=age))
    chosen = choose(FRAME, "dark", catalog=archive.catalog, rules=rules)
    expected = second_opinion(found, rules)
    assert (None if chosen is None else chosen["_id"]) == expected
    answer = why(archive.session, "frame", "dark", rules=rules)
    assert answer.master == expected
    assert (answer.nearest_miss is None) == (expected is not None or not found)
    assert len(answer.table) == len(found)
    for row in answer.table:
        assert (row["failed"] > 0) == any(isinstance(v, str) and v.startswith("✗") for v in row.values())


CASES = {
    "exptime": (master(key={"exptime": 6.0}), "6, wanted 9: 3 off, 0.09 allowed"),
    "temperature": (master(key={"temperature": -7.0}), "-7, wanted -10: 3 off, 1.5 allowed"),
    "shape": (master(key={"shape": [8, 5]}), "8 × 5, wanted 4 × 5"),
    "gain_setting": (master(key={"gain_setting": 2.0}), "2.0, wanted nothing"),
    "gain": (master(key={"gain": 2.0}), "the frame does not say: 2.0, wanted nothing"),
    "mode": (master(key={"mode": "fast"}), "fast, wanted nothing"),
    "binning": (master(key={"binning": [2, 2]}), "2 × 2, wanted nothing"),
    "status": (
        master(status="set-aside", acceptance={"reason": "worse"}),
        "set-aside, wanted certified or verified (worse)",
    ),
    "current": (master(recalled={"r": {"why": "light leak"}}), "recalled: light leak"),
    "validity": (
        master(status="certified", validity=[{"since": TIME + timedelta(days=1), "until": None}]),
        "valid 2024-02-22 01:00 to …; the frame is of 2024-02-21 01:00",
    ),
    "age": (master(days=-45), "45.0 d, at most 30"),
}


@pytest.mark.parametrize("criterion", CASES)
def test_each_criterion_fails_by_itself_with_its_distance(archive, criterion):
    document, text = CASES[criterion]
    archive.session.masters.insert_one(document)
    archive.session.headers.insert_one({**FRAME, "root": "r", "path": "p"})
    answer = why(archive.session, "frame", "dark")
    (row,) = answer.table
    assert (row["failed"], row[criterion]) == (1, f"✗ {text}")
    assert answer.nearest_miss == "m"
    assert text in answer.reason
    assert answer.needs


def test_the_nearest_miss_is_the_one_that_fails_least(archive):
    archive.session.headers.insert_one({**FRAME, "root": "r", "path": "p"})
    for name, temperature, exptime in (("far", -2.0, 9.0), ("near", -8.2, 9.0), ("two", -8.2, 6.0)):
        archive.session.masters.insert_one(master(name, key={"temperature": temperature, "exptime": exptime}))
    answer = why(archive.session, "frame")
    assert answer.nearest_miss == "near"
    assert [row["master"] for row in answer.table] == ["near", "far", "two"]
    assert "3 darks or more with camera T1, exptime 9, temperature -10" in answer.needs


def test_what_only_lacks_a_word_is_to_be_looked_at_not_shot(archive):
    archive.session.headers.insert_one({**FRAME, "root": "r", "path": "p"})
    archive.session.masters.insert_one(master(status="proposed"))
    assert "darkroom masters certify" in why(archive.session, "frame").needs


def test_a_certified_master_is_preferred_in_its_interval_and_only_there(made):
    darks = {"kind": "dark", "camera": "T13060400", "key.exptime": 9.0}
    tonight = of(made, **darks)
    earlier = {**tonight, "_id": "masters/earlier", "timestamp": tonight["timestamp"] - timedelta(days=3)}
    made.session.masters.insert_one(earlier)
    flat = made.headers.find_one({"kind": "flat", "camera": "T13060400", "header.EXPTIME": 9.0})
    assert choose(flat, "dark", catalog=made.catalog)["_id"] == tonight["_id"]
    certify(made.session, "masters/earlier", why="test")
    assert choose(flat, "dark", catalog=made.catalog)["_id"] == "masters/earlier"
    answer = why(made.session, flat["_id"])
    assert answer.table[0]["chosen"]
    assert "certified" in answer.reason


def test_a_light_has_the_combined_flat_and_no_dark(made_readonly):
    light = made_readonly.headers.find_one({"kind": "light"})["_id"]
    assert "combined" in why(made_readonly.session, light, "flat").master
    answer = why(made_readonly.session, light, "dark")
    assert answer.master is None
    assert "exptime 600" in answer.needs
    assert "<table>" in answer._repr_mimebundle_()["text/html"]
    assert list(answer.to_pandas()["failed"]) == [1] * 5


def test_calibration_needs_lists_what_is_missing_by_gain_per_minute(made_readonly):
    rows = list(calibration_needs(made_readonly.session, "2024-02-20"))
    gains = [row["gain_per_minute"] for row in rows]
    assert gains == sorted(gains, reverse=True)
    missing = [row for row in rows if not row["have"]]
    assert {(row["camera"], row["kind"], row["exptime"]) for row in missing} == {
        (camera, "dark", 600.0) for camera in ("T13060400", "T13070459")
    }
    for row in missing:
        assert row["gain_per_minute"] == pytest.approx(row["waiting"] * 10 / row["minutes"], rel=0.01)
    full = next(row for row in rows if row["kind"] == "dark" and row["have"] == 3 and row["exptime"] == 14)
    gain = (1 / 3 - 1 / 6) / (1 + 1 / 3) * full["waiting"] * 14 / 60
    assert full["gain_per_minute"] == pytest.approx(gain / full["minutes"], rel=0.02)


def test_what_cannot_be_asked(made_readonly):
    with pytest.raises(UnknownDocument):
        why(made_readonly.session, "no frame")
    light = made_readonly.headers.find_one({"kind": "light"})["_id"]
    with pytest.raises(UsageError, match="no kind"):
        why(made_readonly.session, light, "drak")
