"""The hours of a night: every minute of the dark is in one of the sums, and the dark is when the sun is low."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.calibration.times.sun import altitude
from pipelines.instruments import Site
from pipelines.pages.hours import DARK, darkness, hours_of

MAYHILL = Site(longitude=-105.529, latitude=32.903)
NIGHT = "2024-02-20"
DUSK = datetime(2024, 2, 21, 2, 15, tzinfo=UTC)


def frame(minute, seconds=600.0, kind="light", verdict=None, camera="A"):
    return {
        "_id": f"{camera}-{minute}",
        "kind": kind,
        "timestamp": DUSK + timedelta(minutes=minute),
        "obs": {"camera": camera, "exptime": seconds, "site": {"longitude": -105.529, "latitude": 32.903}},
        "qc": {"verdict": verdict},
    }


def test_dark_is_when_the_sun_is_low():
    dark = darkness(NIGHT, MAYHILL)
    assert altitude(dark.begin, MAYHILL) < DARK < altitude(dark.begin - timedelta(minutes=1), MAYHILL)
    assert altitude(dark.end - timedelta(minutes=1), MAYHILL) < DARK <= altitude(dark.end, MAYHILL)


def test_a_summer_without_darkness_is_said():
    light = [{**frame(0), "obs": {"camera": "A", "exptime": 1.0, "site": {"longitude": 25.0, "latitude": 65.0}}}]
    hours = hours_of("2024-06-20", light)
    assert hours.dark is None
    assert "did not sink" in hours.unknown
    assert "no frame says" in hours_of(NIGHT, [{**frame(0), "obs": {}}]).unknown


exposures = st.lists(
    st.builds(
        frame,
        st.integers(-120, 700),
        st.sampled_from([0.0, 30.0, 600.0, 1800.0]),
        st.sampled_from(["light", "dark", "flat"]),
        st.sampled_from([None, "good", "bad"]),
    ),
    max_size=40,
)


@given(exposures)
def test_every_minute_of_the_dark_is_counted_once(frames):
    hours = hours_of(NIGHT, [frame(-600), *frames])
    (camera,) = hours.cameras
    total = camera.exposed + camera.bad + camera.other + camera.pauses + camera.idle
    assert total == pytest.approx(hours.dark.hours, abs=1e-6)
    assert all(gap.hours * 60 >= 5 for gap in camera.gaps)


def test_lost_is_what_was_judged_bad_and_the_gaps():
    (camera,) = hours_of(NIGHT, [frame(0), frame(11, verdict="bad"), frame(60, kind="dark")]).cameras
    assert (camera.exposed, camera.bad, camera.other) == pytest.approx((1 / 6, 1 / 6, 1 / 6))
    assert camera.pauses == pytest.approx(1 / 60)
    assert round(camera.gaps[0].hours * 60) == 39


def test_frames_of_a_wrong_clock_are_put_where_they_belong():
    late = [{**one, "timestamp": one["timestamp"] + timedelta(hours=11)} for one in (frame(0), frame(10))]
    (camera,) = hours_of(NIGHT, late, offsets={"A": 39600.0}).cameras
    assert camera.exposed == pytest.approx(1 / 3)
    (wrong,) = hours_of(NIGHT, late).cameras
    assert wrong.exposed == 0


def test_a_frame_without_a_time_is_counted_as_such():
    (camera,) = hours_of(NIGHT, [frame(0), {**frame(20), "timestamp": None}]).cameras
    assert camera.untimed == 1
