"""Frames checked before combining: simulated troubles are found, nothing else is, and every verdict says why."""

import json
from functools import partial

import numpy as np
import pytest

from pipelines import open_archive
from pipelines.calibration.groups.groups import groups
from pipelines.calibration.quality.checks import check_frames, frame_checks
from pipelines.calibration.quality.criteria import Peers, judge, verdict_of
from pipelines.calibration.quality.measure import Stats
from pipelines.demo.simulate import TROUBLES, simulate_night
from pipelines.documents.changes import Edit, change
from pipelines.documents.undoing import undo
from pipelines.instruments import FrameLimits
from tests.pipelines import command

NIGHT = "2024-02-20"


@pytest.fixture(scope="module")
def troubled(tmp_path_factory):
    """An archive with a night in which each trouble befell one dark, checked."""
    folder = tmp_path_factory.mktemp("night")
    night = simulate_night(folder / "raw", units=5, shape=(128, 160), lights=0, troubles=TROUBLES)
    with open_archive(folder / "home") as archive:
        archive.ingest(folder / "raw", jobs=1)
        answer = check_frames(archive.session, NIGHT)
        yield archive, night, answer


def test_the_simulated_troubles_are_found_and_nothing_else(troubled):
    _, night, answer = troubled
    assert len(answer) == 5 * 25 + 1
    unfit = {row["id"]: row for row in answer if row["verdict"] != "good"}
    assert set(unfit) == set(night.troubles.values())
    assert set(night.troubles) == set(TROUBLES)
    assert "light leak" in unfit[night.troubles["light-leak"]]["reasons"][0]
    assert "from the median of the camera's night" in "".join(unfit[night.troubles["warm"]]["reasons"])
    assert "the same pixels as" in unfit[night.troubles["duplicate"]]["reasons"][0]


def test_measurements_are_those_of_the_cameras(troubled):
    _, night, answer = troubled
    for camera in night.cameras:
        darks = [
            row for row in answer if row["camera"] == camera.serial and row["exptime"] == 6.0 and row["kind"] == "dark"
        ]
        for row in darks:
            assert row["level"] == pytest.approx(camera.bias + 6 * camera.dark_rate, abs=3)
            assert row["noise"] == pytest.approx(
                np.sqrt(camera.read_noise**2 + 6 * camera.dark_rate / camera.gain), rel=0.1
            )
            assert row["temperature"] == pytest.approx(-10, abs=0.3)
            assert abs(row["hot"] - len(camera.hot)) <= 3


def test_verdict_and_measurements_stay_in_the_document(troubled):
    archive, night, answer = troubled
    document = archive.document(night.troubles["warm"])
    assert document["qc"]["verdict"] == "bad"
    told = {check["check"]: check for check in document["qc"]["checks"]}
    assert told["temperature"]["verdict"] == "bad"
    assert told["temperature"]["value"] == pytest.approx(7, abs=0.3)
    assert told["distance"] == {"check": "distance", "verdict": "not compared", "reason": "there is no previous master"}
    assert document["stats"]["temperature"] == pytest.approx(-3, abs=0.3)
    assert document["qc"]["flags"] == []
    assert frame_checks(archive.headers, NIGHT).rows == answer.rows
    entry = archive.history.find_one({"document": document["_id"]})
    assert "checked before combining" in entry["why"]


def test_again_nothing_is_measured_and_nothing_changes(troubled, monkeypatch):
    archive, _, answer = troubled
    before = archive.history.count_documents({})
    monkeypatch.setattr("pipelines.calibration.quality.measure.measure", None)
    again = check_frames(archive.session, NIGHT)
    assert again.rows == answer.rows
    assert archive.history.count_documents({}) == before


def test_groups_leave_out_what_is_bad(troubled):
    archive, night, _ = troubled
    left = [name for row in groups(archive.headers, "dark", date=NIGHT) for name in row["left_out"]]
    assert sorted(left) == sorted(night.troubles.values())


@pytest.fixture
def frames(archive, raw, write_frame):
    """Write, ingest and check frames; return their rows by exposure number."""

    def make(*many):
        for number, given in enumerate(many, 1):
            kind = given.pop("kind", "dark")
            write_frame(f"Dragonfly101/{NIGHT}/T1_{number}_{kind}.fits", seed=number, **given)
        archive.ingest(raw, jobs=1)
        rows = check_frames(archive.session, NIGHT)
        return {row["exposure_number"]: row for row in rows}

    return make


def pixels(level=1000.0, noise=10.0, shape=(96, 128), seed=0, dtype=np.uint16):
    return np.clip(np.random.default_rng(seed).normal(level, noise, shape), 0, 65535).astype(dtype)


def test_flats_too_dark_too_bright_saturated_or_noisy(frames):
    half = pixels(20_000, 100)
    half[:10] = 65535
    found = frames(
        {"kind": "flat", "pixels": pixels(20_000, 200, seed=1)},
        {"kind": "flat", "pixels": pixels(2_000, 20, seed=2)},
        {"kind": "flat", "pixels": pixels(55_000, 300, seed=3)},
        {"kind": "flat", "pixels": half},
        {"kind": "flat", "pixels": pixels(20_000, 900, seed=4)},
        {"kind": "flat", "pixels": (pixels(20_000, 200, seed=5) * np.linspace(0.5, 1.5, 128)).astype(np.uint16)},
        {"kind": "flat", "pixels": np.full((96, 128), 65535, np.uint16)},
    )
    verdicts = {number: row["verdict"] for number, row in found.items()}
    assert verdicts == {1: "good", 2: "bad", 3: "bad", 4: "bad", 5: "bad", 6: "bad", 7: "bad"}
    reasons = {number: " / ".join(row["reasons"]) for number, row in found.items()}
    assert "at least 10000" in reasons[2]
    assert "at most 45000" in reasons[3]
    assert "10.4% of the pixels are saturated" in reasons[4]
    assert "times the noise" in reasons[5]
    assert "a slope from edge to edge" in reasons[6]
    assert "100.0% of the pixels are saturated" in reasons[7]
    assert "no noise at all" in reasons[7]


def test_exposure_zero_and_missing_temperature_are_doubtful_not_bad(frames):
    found = frames(
        {"EXPTIME": 0.0, "pixels": pixels(seed=1)},
        {"EXPTIME": None, "pixels": pixels(seed=2)},
        {"TEMPERAT": None, "pixels": pixels(seed=3)},
        {"TEMPERAT": "cold", "pixels": pixels(seed=4)},
        {"TEMPERAT": -9.2, "pixels": pixels(seed=5)},
        *({"pixels": pixels(seed=n)} for n in range(6, 12)),
    )
    assert [found[n]["verdict"] for n in range(1, 12)] == ["doubtful"] * 5 + ["good"] * 6
    assert found[1]["reasons"] == ["an exposure of 0 s is no dark; is it a bias?"]
    assert "missing" in found[2]["reasons"][0]
    assert "missing or no number" in found[3]["reasons"][0]
    assert "missing or no number" in found[4]["reasons"][0]
    assert "0.8 C from the median" in found[5]["reasons"][0]


def test_a_camera_without_a_thermometer_has_no_doubtful_frames(frames):
    found = frames(*({"TEMPERAT": None, "pixels": pixels(seed=n)} for n in range(6)))
    assert {row["verdict"] for row in found.values()} == {"good"}


def test_a_set_point_is_what_a_temperature_is_held_against(frames):
    cards = {"SET-TEMP": -10.0}
    found = frames({"TEMPERAT": -10.2, **cards}, {"TEMPERAT": -9.4, **cards}, {"TEMPERAT": -7.0, **cards})
    assert [row["verdict"] for row in found.values()] == ["good", "doubtful", "bad"]
    assert "from its set point" in found[3]["reasons"][0]


def test_a_glow_that_all_darks_have_is_no_leak_and_alone_it_asks_for_a_look(frames, archive):
    glow = np.zeros((96, 128))
    glow[:, :20] = 60
    dark = [(pixels(seed=n) + glow).astype(np.uint16) for n in range(4)]
    found = frames(*({"pixels": one} for one in dark))
    assert {row["verdict"] for row in found.values()} == {"good"}
    lone = frames(*({"pixels": one} for one in dark), {"pixels": dark[0] + 1, "EXPTIME": 14.0})
    assert lone[5]["verdict"] == "doubtful"
    assert "too few to compare" in lone[5]["reasons"][0]


def test_a_level_above_that_of_its_like_is_a_leak_without_shape(frames):
    found = frames(*({"pixels": pixels(1000 + 40 * (n == 3), seed=n)} for n in range(5)))
    assert [row["verdict"] for row in found.values()] == ["good", "good", "good", "bad", "good"]
    assert "above comparable frames" in found[4]["reasons"][0]


def test_mixed_shapes_and_scales_are_measured_each_for_itself(frames):
    found = frames(
        {"pixels": pixels(seed=1)},
        {"pixels": pixels(seed=2, shape=(64, 96))},
        {"pixels": pixels(seed=3).astype(np.float32)},
        {"pixels": pixels(seed=4)[:3, :5]},
        {"pixels": np.zeros((2, 16, 16), np.uint16)},
    )
    assert [found[n]["verdict"] for n in range(1, 6)] == ["good"] * 4 + ["not checked"]
    assert "no picture" in found[5]["reasons"][0]


def test_pixels_not_ingested_or_lost_are_said_and_not_written(archive, raw, write_frame, tmp_path):
    write_frame(pixels=pixels())
    archive.ingest(raw, jobs=1, headers_only=True)
    (row,) = check_frames(archive.session, NIGHT)
    assert (row["verdict"], row["level"]) == ("not checked", None)
    assert "--headers-only" in row["reasons"][0]
    archive.ingest(raw, jobs=1)
    document = archive.headers.find_one({})
    for file in (tmp_path / "home" / "store" / "objects").rglob("*"):
        if file.is_file():
            file.unlink()
    (row,) = check_frames(archive.session, NIGHT)
    assert row["verdict"] == "unreadable"
    assert "verdict" not in archive.document(document["_id"])["qc"]


def test_whoever_recalled_a_frame_is_believed_and_can_be_undone(archive, raw, write_frame):
    for number in (1, 2, 3):
        write_frame(f"Dragonfly101/{NIGHT}/T1_{number}_dark.fits", pixels=pixels(seed=number))
    archive.ingest(raw, jobs=1)
    check_frames(archive.session, NIGHT)
    name = f"Dragonfly101/{NIGHT}/T1_2_dark.fits"
    marked = {"recalled.r1": {"why": "clouds"}, "qc.verdict": "bad"}
    change([Edit(name, set=marked)], why="clouds", run="r1", catalog=archive.catalog, store=archive.store)
    rows = check_frames(archive.session, NIGHT)
    assert [(row["verdict"], row["reasons"]) for row in rows] == [
        ("good", []),
        ("bad", ["recalled: clouds"]),
        ("good", []),
    ]
    undo("r1", why="it was clear", catalog=archive.catalog, store=archive.store)
    assert {row["verdict"] for row in check_frames(archive.session, NIGHT)} == {"good"}


STATS = Stats(1000.0, 10.0, 0.0, 65535.0, 3, 1.0, 1.0, 1.0, 0.3, 0)
DARK = {"_id": "d", "kind": "dark", "obs": {"exptime": 9.0, "temperature": -10.0}}


@pytest.mark.parametrize(
    ("away", "verdict"), [(None, "not compared"), (0.0, "good"), (0.05, "good"), (0.051, "bad"), (1.0, "bad")]
)
def test_distance_from_the_previous_master_and_no_master_is_never_bad(away, verdict):
    checks = judge(DARK, STATS, Peers(distance=away), FrameLimits())
    (found,) = [check for check in checks if check.check == "distance"]
    assert found.verdict == verdict
    assert verdict_of(checks) == ("bad" if verdict == "bad" else "good")


def test_a_frame_is_compared_with_the_master_of_the_night_before(archive, raw):
    shape = {"units": 1, "shape": (96, 128), "lights": 0}
    simulate_night(raw, night="2024-02-19", **shape)
    night = simulate_night(raw, troubles=["light-leak"], **shape)
    archive.ingest(raw, jobs=1)

    def distances(date):
        rows = check_frames(archive.session, date, kinds=("dark",))
        checks = {row["id"]: archive.document(row["id"])["qc"]["checks"] for row in rows}
        return {name: next(c for c in some if c["check"] == "distance") for name, some in checks.items()}

    assert {check["verdict"] for check in distances("2024-02-19").values()} == {"not compared"}
    archive.calibration.make_masters("2024-02-19", kinds=("dark",))
    found = distances(NIGHT)
    assert {name for name, check in found.items() if check["verdict"] == "bad"} == {night.troubles["light-leak"]}
    assert found[night.troubles["light-leak"]]["value"] > 0.05
    assert all(check["value"] < 0.01 for name, check in found.items() if name not in night.troubles.values())
    # A frame that the master was made of is not judged by it.
    assert {check["verdict"] for check in distances("2024-02-19").values()} == {"not compared"}


def test_the_command_checks_shows_and_filters(troubled, tmp_path):
    _, night, _ = troubled
    darkroom = partial(command.darkroom, env={"DARKROOM_HOME": str(night.folder.parent / "home")})
    bad = json.loads(darkroom("frames", NIGHT, "--bad", "--json").stdout)["rows"]
    assert {row["id"] for row in bad} == set(night.troubles.values())
    done = darkroom("frames", NIGHT, "--check", "--kind", "dark", "--bad")
    assert (done.returncode, done.stderr) == (0, "")
    assert "light leak" in done.stdout
    picture = tmp_path / "trends.png"
    done = darkroom("trends", "--camera", night.cameras[0].serial, "--plot", str(picture), "--json")
    assert {row["camera"] for row in json.loads(done.stdout)["rows"]} == {night.cameras[0].serial}
    assert picture.read_bytes().startswith(b"\x89PNG")
    (clock,) = [
        row for row in json.loads(darkroom("clock", NIGHT, "--json").stdout)["rows"] if row["verdict"] != "right"
    ]
    assert clock["camera"] == night.wrong_clock
    left_out = [row["left_out"] for row in json.loads(darkroom("groups", "dark", NIGHT, "--json").stdout)["rows"]]
    assert sum(map(len, left_out)) == 3
    assert "none" in darkroom("trends", "--fleet", NIGHT).stdout
    dated = darkroom("clock", NIGHT, "--fix")
    assert "5 frames changed" in dated.stdout
    assert "nothing to change" in darkroom("clock", NIGHT, "--fix").stdout
    assert "5 frames put back as before" in darkroom("clock", NIGHT, "--undo").stdout
    fixed = darkroom("flats", NIGHT, "--fix")
    assert "10 flats changed" in fixed.stdout
    assert "10 flats put back as before" in darkroom("flats", NIGHT, "--undo").stdout
    assert darkroom("flats", "--fix").returncode == 2


def test_frames_of_another_setup_or_of_no_known_camera_are_no_measure(archive, raw):
    """Two offsets of one camera, and frames that name no camera: each level is right among its like."""
    from astropy.io import fits

    rng = np.random.default_rng(8)
    for number in range(12):
        level, cards = (500, {"OFFSET": 50}) if number % 2 else (900, {"OFFSET": 90})
        named = {"INSTRUME": "ASI2600", "SERIALNO": "CAM-1", "GAIN": 100, **cards} if number < 8 else {}
        header = fits.Header({"IMAGETYP": "DARK", "EXPTIME": 9.0, "CCD-TEMP": -10.0, **named})
        header["DATE-OBS"] = f"2024-02-20T20:{number:02d}:00"
        pixels = rng.normal(level, 4, (64, 64)).round().astype(np.uint16)
        fits.PrimaryHDU(pixels, header).writeto(raw / f"d{number:02d}.fits")
    archive.ingest(raw, progress=False)
    answer = archive.calibration.check_frames("2024-02-20", progress=False)
    assert {row["verdict"] for row in answer} == {"good"}


@pytest.mark.parametrize(
    ("kind", "levels", "bad"),
    [
        ("bias", [500, 505, 510, 515, 520, 525], set()),  # it drifts by half the noise from frame to frame
        ("bias", [500, 501, 499, 550, 551], {550, 551}),
        ("bias", [500, 501, 499, 550, 551, 549], set()),  # of two halves nobody knows which is right
        ("dark", [500.0, 503.1, 506.0, 509.2, 512.1, 515.0], set()),
        ("dark", [500.0, 500.2, 499.9, 500.1, 508.0], {508.0}),  # by less than a step of a drift, and alone
    ],
)
def test_a_level_that_drifts_is_no_leak_and_one_that_stands_apart_is(kind, levels, bad):
    found = set()
    for level in levels:
        stats = Stats(level, 10.0, 0.0, 65535.0, 3, 1.0, 1.0, 1.0, 0.3, 0)
        peers = Peers(levels=levels, structures=[1.0] * len(levels))
        checks = judge({"kind": kind, "obs": {"exptime": 60.0}}, stats, peers, FrameLimits())
        if "bad" in {check.verdict for check in checks if check.check == "leak"}:
            found.add(level)
    assert found == bad
