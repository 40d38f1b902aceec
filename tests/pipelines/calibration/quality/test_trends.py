"""Trends over nights, and the camera that departs from its fleet."""

import numpy as np
import pytest

from catalog import connect
from pipelines.calibration.quality.drawing import plot
from pipelines.calibration.quality.fleet import fleet_outliers, limit
from pipelines.calibration.quality.trends import trends
from pipelines.errors import UsageError
from tests.pipelines.calibration.nights import DUSK, NIGHT, document

NIGHTS = ["2024-02-20", "2024-02-21", "2024-02-22"]
ARRAY = [f"K{n}" for n in range(8)]


@pytest.fixture
def headers(tmp_path):
    with connect(tmp_path / "catalog.db") as catalog:
        yield catalog.headers


def measured(camera, number, kind="dark", *, date=NIGHT, verdict="good", exptime=9.0, **stats):
    usual = {"level": 1000.0, "noise": 10.0, "hot": 30, "gradient": 1.0, "asymmetry": 1.0, "temperature": -10.0}
    found = document(camera, number, kind, DUSK, exptime=exptime)
    name = f"D/{date}/{camera}_{number}_{kind}.fits"
    qc = {"flags": [], "verdict": verdict}
    return {**found, "_id": name, "path": name, "date": date, "stats": {**usual, **stats}, "qc": qc}


def fleet(kind="dark", *, numbers=(1, 2, 3), odd="K3", seed=0, **how):
    rng = np.random.default_rng(seed)
    level = {"dark": 1000.0, "flat": 20_000.0}[kind]
    natural = {camera: rng.normal(0, 0.03) for camera in ARRAY}
    found = []
    for number in numbers:
        for camera in ARRAY:
            stats = {
                "level": level * (1 + natural[camera]),
                "noise": 10 * (1 + natural[camera]) + rng.normal(0, 0.1),
                "temperature": -10 + round(rng.normal(0, 0.1), 1),
            }
            stats |= {key: value for key, value in how.items() if camera == odd}
            found.append(measured(camera, number, kind, **stats))
    return found


def test_medians_of_each_camera_by_night_and_without_what_is_bad(headers):
    for place, night in enumerate(NIGHTS):
        headers.insert_many(
            [measured("A", n, date=night, level=1000.0 + 10 * place + n, hot=5 * place) for n in range(3)]
        )
        headers.insert_one(measured("A", 9, date=night, verdict="bad", level=9000.0))
        headers.insert_one(measured("B", 1, date=night, level=1100.0))
    headers.insert_one({**measured("A", 30), "stats": None})
    answer = trends(headers, camera="A")
    assert [(row["date"], row["frames"], row["bad"], row["level"], row["hot"]) for row in answer] == [
        (NIGHTS[0], 4, 1, 1001.0, 0),
        (NIGHTS[1], 4, 1, 1011.0, 5),
        (NIGHTS[2], 4, 1, 1021.0, 10),
    ]
    assert len(trends(headers)) == 6
    assert len(trends(headers, date=NIGHTS[:2], kinds=["dark"])) == 4
    assert len(trends(headers, kinds=["flat"])) == 0
    frame = trends(headers).to_pandas()
    assert frame.groupby("camera")["level"].median().to_dict() == {"A": 1011.0, "B": 1100.0}


def test_a_night_of_bad_frames_only_is_still_followed(headers):
    headers.insert_one(measured("A", 1, verdict="bad", level=9000.0, temperature=None))
    (row,) = trends(headers)
    assert (row["frames"], row["bad"], row["level"], row["temperature"]) == (1, 1, 9000.0, None)


def test_the_picture_has_a_panel_for_each_measure_and_a_line_for_each_camera(headers):
    for night in NIGHTS:
        headers.insert_many([measured(camera, 1, date=night) for camera in "ABC"])
    figure = plot(trends(headers))
    assert [len(panel.lines) for panel in figure.axes] == [3] * 5
    assert list(figure.axes[0].lines[0].get_ydata()) == [1000.0] * 3
    assert [panel.get_ylabel() for panel in figure.axes][:2] == ["level (ADU)", "pixel noise (ADU)"]
    assert len({(line.get_marker(), line.get_linestyle()) for line in figure.axes[0].lines}) == 3  # without colour too
    with pytest.raises(UsageError, match="no flat were measured"):
        plot(trends(headers), kind="flat")


def test_exposure_times_are_not_mixed_and_those_left_out_are_said(headers):
    for night in NIGHTS:
        headers.insert_many([measured("A", n, date=night, exptime=t, level=t) for n, t in ((1, 9.0), (2, 300.0))])
    headers.insert_one(measured("A", 3, exptime=300.0, date="2024-02-23", level=300.0))
    (panel, *_) = plot(trends(headers)).axes
    assert [list(line.get_ydata()) for line in panel.lines] == [[300.0] * 4]
    assert "300 s (not drawn: 9 s)" in panel.get_title(loc="left")


def test_one_night_is_drawn_over_its_cameras_and_every_kind_has_a_column(headers):
    headers.insert_many([measured(camera, 1, level=number) for number, camera in enumerate("ABC")])
    headers.insert_many([measured(camera, 2, "flat", level=20_000.0) for camera in "ABC"])
    figure = plot(trends(headers))
    assert len(figure.axes) == 10
    dark, flat = figure.axes[:2]
    assert [text.get_text() for text in figure.axes[-2].get_xticklabels()] == ["A", "B", "C"]
    assert list(dark.lines[0].get_ydata()) == [0, 1, 2]
    assert list(flat.lines[0].get_ydata()) == [20_000.0] * 3


@pytest.mark.parametrize(
    ("measure", "value"),
    [("level", 1600.0), ("noise", 25.0), ("hot", 400), ("gradient", 40.0), ("temperature", -4.0)],
)
def test_the_camera_that_departs_is_named_the_same_night_and_no_other(headers, measure, value):
    headers.insert_many(fleet(**{measure: value}))
    rows = [row for row in fleet_outliers(headers, NIGHT) if row["camera"] is not None]
    assert [(row["camera"], row["measure"]) for row in rows] == [("K3", measure)]
    assert abs(rows[0]["z"]) > rows[0]["limit"]
    assert rows[0]["frames"] == 3


def test_one_odd_frame_makes_no_odd_camera_and_an_ordinary_night_names_none(headers):
    documents = fleet(numbers=(1, 2, 3, 4, 5))
    documents[3]["stats"]["noise"] = 80.0
    headers.insert_many(documents)
    assert len(fleet_outliers(headers, NIGHT)) == 0


def test_a_frame_of_the_wrong_kind_is_suspected(headers):
    headers.insert_many(fleet() + fleet("flat", numbers=(11, 12)))
    swapped = measured("K5", 13, "dark", level=20_100.0)
    headers.insert_many(
        [measured(camera, 13, "flat", level=20_000.0) for camera in ARRAY if camera != "K5"] + [swapped]
    )
    rows = [row for row in fleet_outliers(headers, NIGHT) if row["measure"] == "kind"]
    assert {row["camera"] for row in rows} == {"K5"}
    told = " / ".join(row["reason"] for row in rows)
    assert "exposure 13 is a dark here and a flat for most: is IMAGETYP wrong?" in told
    assert "exposure 13 is called a dark and looks like a flat" in told


def test_a_fleet_too_small_is_said(headers):
    headers.insert_many([measured(camera, 1) for camera in "ABCD"])
    (row,) = fleet_outliers(headers, NIGHT)
    assert row["camera"] is None
    assert "4 cameras took the same dark" in row["reason"]
    assert len(fleet_outliers(headers, "1999-01-01")) == 0


@pytest.mark.parametrize("cameras", [5, 6, 8, 12, 24, 48])
def test_an_ordinary_camera_hardly_ever_departs(cameras):
    values = np.random.default_rng(5).standard_normal((20_000, cameras))
    middle = np.median(values, axis=1, keepdims=True)
    scatter = 1.4826 * np.median(np.abs(values - middle), axis=1, keepdims=True)
    assert np.mean(np.abs(values - middle) / scatter > limit(cameras)) <= 1.2e-3
