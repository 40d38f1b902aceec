"""Clock errors: found as they were simulated, with honest uncertainties, and a reason where none can be found."""

import socket
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import connect
from pipelines.calibration.times.clock import camera_clocks, clock_errors
from pipelines.errors import UsageError
from tests.pipelines.calibration.nights import DAWN, DUSK, NIGHT, document, shots

FIVE = ["A", "B", "C", "D", "E"]


@pytest.fixture
def headers(tmp_path):
    with connect(tmp_path / "catalog.db") as catalog:
        yield catalog.headers


def clocks(documents):
    return camera_clocks(documents, 5.0)


def test_a_clock_that_is_hours_ahead_is_found_and_its_dates_doubted(headers):
    headers.insert_many(shots(FIVE, first=1, count=20, start=DUSK, errors={"C": 39600.0}))
    headers.insert_many(shots(FIVE, first=30, count=5, start=DAWN, kind="flat", errors={"C": 39600.0}))
    rows = {row["camera"]: row for row in clock_errors(headers, NIGHT)}
    assert {camera: row["verdict"] for camera, row in rows.items()} == {**dict.fromkeys("ABDE", "right"), "C": "wrong"}
    assert rows["C"]["offset"] == pytest.approx(39600, abs=0.5)
    assert rows["C"]["shared"] == 25
    assert rows["C"]["reason"] == "11:00:00 ahead of the telescope array"
    # At dawn eleven hours ahead is the afternoon after: another night.
    assert rows["C"]["doubtful"] == [f"D/{NIGHT}/C_{n}_flat.fits" for n in range(30, 35)]
    assert all(rows[camera]["doubtful"] == [] for camera in "ABDE")


@settings(max_examples=30)
@given(
    st.floats(-90_000, 90_000),
    st.floats(-2e-3, 2e-3),
    st.integers(5, 40),
    st.integers(3, 12),
)
def test_offset_and_drift_are_those_simulated_within_their_uncertainty(offset, drift, count, cameras):
    middle = DUSK + timedelta(seconds=150.0 * (count - 1))

    def error(taken):
        return offset + drift * (taken - middle).total_seconds()

    array = [f"K{n}" for n in range(cameras)]
    found = clocks(shots(array, first=1, count=count, start=DUSK, every=300.3, errors={"K0": error}))["K0"]
    assert found.shared == count
    if abs(offset) < 5 or abs(drift) * 300 * count > 5000:
        return
    # Seconds are cut off, from the camera's time and from the array's: never more than a second together.
    assert found.offset == pytest.approx(offset, abs=1 + 5 * found.offset_sigma)
    assert found.drift == pytest.approx(drift, abs=8 * found.drift_sigma + 1e-5)


def test_a_drift_is_told_from_an_offset():
    found = clocks(
        shots(FIVE, first=1, count=40, start=DUSK, every=600, errors={"B": lambda t: (t - DUSK).seconds * 1e-3})
    )
    assert found["B"].verdict in ("drifts", "wrong")
    assert found["B"].drift == pytest.approx(1e-3, rel=0.05)
    slow = clocks(
        shots(FIVE, first=1, count=40, start=DUSK, every=600, errors={"B": lambda t: (t - DUSK).seconds * 1e-3 - 12})
    )
    assert slow["B"].verdict == "drifts"
    assert "gained in the night" in slow["B"].reason


def test_one_wild_time_spoils_nothing():
    documents = shots(FIVE, first=1, count=20, start=DUSK)
    documents[7]["timestamp"] += timedelta(days=365)
    found = clocks(documents)
    assert {clock.verdict for clock in found.values()} == {"right"}
    assert abs(found["C"].offset) < 1


def test_a_clock_that_was_set_in_the_night_jumps():
    found = clocks(
        shots(
            FIVE, first=1, count=20, start=DUSK, every=600, errors={"D": lambda t: 3600.0 * ((t - DUSK).seconds > 6000)}
        )
    )
    assert found["D"].verdict == "jumps"
    assert "was it set in the night?" in found["D"].reason


def test_whole_seconds_are_not_known_better_than_that():
    clock = clocks(shots(FIVE, first=1, count=4, start=DUSK))["A"]
    assert clock.scatter == 0
    assert clock.offset_sigma == pytest.approx(1.2533 / 12**0.5 / 2, rel=1e-3)
    assert clock.drift is None  # ninety seconds are too short for one


@pytest.mark.parametrize(
    ("documents", "says"),
    [
        (shots(["A"], first=1, count=5, start=DUSK), "no other camera shares"),
        (shots(["A"], first=1, count=5, start=DUSK) + shots(["B"], first=10, count=5, start=DUSK), "no other camera"),
        (shots(["A", "B"], first=1, count=5, start=DUSK, errors={"A": 7200.0}), "do most cameras agree"),
        (shots(["A", "B", "C", "D"], first=1, count=5, start=DUSK, errors={"A": 7200.0, "B": 7200.0}), "do most"),
        ([document("A", None, "dark", DUSK), document("B", None, "dark", DUSK)], "both a time and an exposure number"),
        ([document("A", 1, "dark", None), document("B", 1, "dark", None)], "both a time and an exposure number"),
    ],
)
def test_what_cannot_be_known_is_said(documents, says):
    found = clocks(documents)
    assert {clock.verdict for clock in found.values()} == {"unknown"}
    assert says in found["A"].reason


def test_a_number_that_a_camera_used_twice_is_compared_without_it():
    documents = shots(FIVE, first=1, count=3, start=DUSK)
    again = document("A", 1, "dark", DUSK + timedelta(hours=5))
    found = clocks([*documents, {**again, "_id": "again"}])
    assert found["A"].shared == 2
    assert found["B"].shared == 3


def test_near_noon_a_date_is_doubtful_within_the_uncertainty(headers):
    noon = datetime(2024, 2, 21, 19, 0, tzinfo=UTC)  # 12:00 in Mayhill
    documents = shots(FIVE, first=1, count=4, start=noon - timedelta(hours=1), errors={"E": -7200.0})
    documents += shots(FIVE, first=9, count=1, start=noon, errors={"E": -7200.0})
    headers.insert_many(documents)
    rows = {row["camera"]: row for row in clock_errors(headers, NIGHT)}
    assert rows["E"]["doubtful"] == [f"D/{NIGHT}/E_9_dark.fits"]


def test_a_night_without_frames_is_no_error_and_nothing_asks_the_network(headers, monkeypatch):
    monkeypatch.setattr(socket, "socket", None)
    assert len(clock_errors(headers, "1999-01-01")) == 0


def test_other_instruments_of_the_same_day_are_no_part_of_the_array(headers):
    headers.insert_many(shots(FIVE, first=1, count=5, start=DUSK))
    others = shots(["X", "Y", "Z"], first=1, count=5, start=DUSK + timedelta(minutes=20), profile="generic")
    headers.insert_many([{**document("", 1, "uncal", DUSK), "profile": "miri", "obs": {}}, *others])
    verdicts = {row["camera"]: row["verdict"] for row in clock_errors(headers, NIGHT)}
    assert verdicts == dict.fromkeys([*FIVE, "X", "Y", "Z"], "right")
    headers.insert_one(document("Q", 1, "dark", DUSK, profile="gone"))
    with pytest.raises(UsageError, match="no profile 'gone' any more"):
        clock_errors(headers, NIGHT)
