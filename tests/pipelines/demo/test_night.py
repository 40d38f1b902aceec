"""The simulated night: what the files say is what the summary says, and true to the array's habits."""

import warnings
from collections import Counter
from datetime import timedelta
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from astropy.io import fits

from pipelines.demo.simulate import FAULTS, TROUBLES, cameras, simulate_night
from pipelines.fits import open_fits
from pipelines.instruments import choose, identify, profiles
from pipelines.instruments.nights import night_of, time_of_day

CARDS = [
    "SIMPLE",
    "BITPIX",
    "NAXIS",
    "NAXIS1",
    "NAXIS2",
    "EXTEND",
    "BSCALE",
    "BZERO",
    "DATE",
    "EXPTIME",
    "IMAGETYP",
    "SERIALNO",
    "FILTER",
    "FILTNUM",
    "TARGET",
    "RA",
    "DEC",
    "OBJCTRA",
    "OBJCTDEC",
    "EPOCH",
    "ALTITUDE",
    "AZIMUTH",
    "TEMPERAT",
    "BIRGERSN",
    "CANONSN",
    "FWHM",
    "FWHMRMS",
    "MEAN",
    "NOBJ",
    "EXTRA",
    "COMMENT",
]


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    return simulate_night(tmp_path_factory.mktemp("raw"), units=4, shape=(60, 80), lights=2, faults=tuple(FAULTS))


@pytest.fixture(scope="module")
def read(night):
    """Header and pixels of every good frame, by id, as astropy reads them."""
    frames = {}
    for frame in night.frames:
        with fits.open(night.folder / frame.id) as hdus:
            hdus.verify("exception")
            frames[frame.id] = (hdus[0].header, np.array(hdus[0].data))
    return frames


def test_the_files_are_those_of_the_summary(night):
    files = {path.relative_to(night.folder).as_posix(): path for path in night.folder.rglob("*.fits")}
    assert set(files) == {frame.id for frame in night.frames} | set(night.faults.values())
    assert sum(path.stat().st_size for path in files.values()) == night.nbytes
    assert Counter(frame.kind for frame in night.frames) == {"flat": 4 * 10, "dark": 4 * 15, "light": 4 * 2}


def test_headers_have_the_cards_of_the_array(night, read):
    for frame in night.frames:
        header, pixels = read[frame.id]
        assert list(header) == CARDS
        assert pixels.shape == (60, 80)
        assert pixels.dtype == np.uint16
        assert (header["IMAGETYP"], header["EXPTIME"], header["SERIALNO"]) == (
            frame.kind,
            frame.exptime,
            frame.camera,
        )
        assert header["DATE"] == f"{frame.stamped:%Y-%m-%dT%H:%M:%S}"
        assert (header["EPOCH"], header["EXTRA"], header["MEAN"]) == ("JNOW", "", 0.0)


def test_the_profile_reads_what_was_simulated(night):
    known = profiles()
    for frame in night.frames:
        path = PurePosixPath(night.folder / frame.id)
        with open_fits(path) as file:
            assert choose(path, file.hdus, profiles=known).name == "dragonfly"
            identity = identify(known["dragonfly"], path, file.hdus)
        assert "/".join(path.parts[-3:]) == frame.id
        assert (identity.camera, identity.kind, identity.exposure_number) == (
            frame.camera,
            frame.kind,
            frame.number,
        )
        assert identity.timestamp == frame.stamped
        expected = night_of(frame.stamped, "America/Denver").isoformat()
        assert identity.date == expected
        assert ("night-conflict" in identity.flags) is (expected != night.night)
        if frame.camera != night.wrong_clock:
            assert identity.flat_time == frame.twilight
            assert identity.flags == ()


def test_darks_come_in_threes_for_every_time_and_camera(night):
    groups = night.dark_groups()
    assert set(groups) == {(camera.serial, time) for camera in night.cameras for time in (6.0, 8.0, 9.0, 10.0, 14.0)}
    assert {len(ids) for ids in groups.values()} == {3}


def test_flats_are_of_the_evening_and_of_the_morning_and_one_clock_says_otherwise(night):
    assert set(night.twilights().values()) == {"evening", "morning"}
    assert night.wrong_clock == night.cameras[2].serial
    votes = {}
    for frame in night.frames:
        if frame.kind == "flat" and night_of(frame.stamped, "America/Denver").isoformat() == night.night:
            votes.setdefault(frame.number, Counter())[time_of_day(frame.stamped, "America/Denver")] += 1
    evening = [number for number, twilight in night.twilights().items() if twilight == "evening"]
    assert len(evening) == 5
    assert all(votes[number] == {"evening": 3, "morning": 1} for number in evening)
    # The morning flats of that camera are stamped with the next evening, and so with another night.
    assert all(votes[number] == {"morning": 3} for number in night.twilights() if number not in evening)
    assert all(
        frame.stamped - frame.taken == timedelta(hours=11)
        for frame in night.frames
        if frame.camera == night.wrong_clock
    )


@pytest.mark.parametrize("date", ["2023-12-30", "2024-03-09", "2024-06-20", "2024-11-02"])
def test_true_twilights_are_right_in_every_season(tmp_path, date):
    night = simulate_night(tmp_path, night=date, units=1, shape=(32, 32), lights=1)
    assert night.wrong_clock is None
    for frame in night.frames:
        assert frame.taken == frame.stamped
        assert night_of(frame.taken, "America/Denver").isoformat() == date
        assert frame.twilight in (None, time_of_day(frame.taken, "America/Denver"))
    assert [frame.taken for frame in night.frames] == sorted(frame.taken for frame in night.frames)


def test_pixels_are_those_of_the_camera(night, read):
    for camera in night.cameras:
        darks = [read[id_][1].astype(float) for id_ in night.dark_groups()[camera.serial, 14.0]]
        master = np.median(darks, axis=0)
        assert np.median(master) == pytest.approx(camera.bias + 14 * camera.dark_rate, abs=3)
        noise = np.median(np.abs(darks[0] - darks[1])) / 0.6745 / np.sqrt(2)
        assert noise == pytest.approx(np.sqrt(camera.read_noise**2 + 14 * camera.dark_rate / camera.gain), rel=0.15)
        assert len(camera.hot) == 60 * 80 // 2500
        assert all(master[place] > np.median(master) + 200 for place in camera.hot)
        assert (master > np.median(master) + 200).sum() <= len(camera.hot) + 1


def test_lights_have_stars_and_flats_a_level(night, read):
    for frame in night.frames:
        pixels = read[frame.id][1]
        if frame.kind == "light":
            assert (pixels > np.median(pixels) + 500).sum() > 20
        elif frame.kind == "flat":
            assert 15_000 < np.median(pixels) < 26_000


def test_the_same_arguments_give_the_same_files_and_a_camera_its_pixels(tmp_path):
    first = simulate_night(tmp_path / "a", units=1, shape=(32, 40), lights=1)
    again = simulate_night(tmp_path / "b", units=1, shape=(32, 40), lights=1)
    other = simulate_night(tmp_path / "c", units=2, shape=(32, 40), lights=1, night="2024-02-21")
    assert all(
        (first.folder / frame.id).read_bytes() == (again.folder / frame.id).read_bytes() for frame in first.frames
    )
    assert first.cameras[0] == other.cameras[0]
    dark = next(frame.id for frame in first.frames if frame.kind == "dark")
    later = next(frame.id for frame in other.frames if frame.kind == "dark")
    assert (first.folder / dark).read_bytes() != (other.folder / later).read_bytes()


def test_forty_eight_cameras_have_names_of_their_own():
    array = [sensor.camera for sensor in cameras(48, (8, 8), seed=1)]
    assert len({camera.serial for camera in array}) == 48
    assert [array[0].unit, array[23].unit, array[24].unit, array[47].unit] == [
        "Dragonfly101", "Dragonfly124", "Dragonfly201", "Dragonfly224",
    ]  # fmt: skip


def test_faults_are_faults_and_only_those_asked_for(night, tmp_path):
    def header(fault):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return fits.getheader(night.folder / night.faults[fault])

    size = (night.folder / night.frames[0].id).stat().st_size
    assert list(night.faults) == list(FAULTS)
    assert 2880 < (night.folder / night.faults["truncated"]).stat().st_size < size
    assert (night.folder / night.faults["empty"]).stat().st_size == 0
    assert "DATE" not in header("no-date")
    assert header("duplicate-card").count("TARGET") == 2
    with pytest.raises(fits.VerifyError):
        _ = header("bad-card")["TEMPERAT"]
    for fault in ("not-fits", "no-end"):
        with pytest.raises(OSError):
            header(fault)
    assert simulate_night(tmp_path, units=1, shape=(32, 32), lights=0).faults == {}


def test_troubles_befall_one_dark_each_and_leave_the_others_as_they_were(tmp_path):
    calm = simulate_night(tmp_path / "calm", units=4, shape=(32, 40), lights=0)
    night = simulate_night(tmp_path / "troubled", units=4, shape=(32, 40), lights=0, troubles=TROUBLES)
    assert set(night.troubles) == set(TROUBLES)
    assert len({Path(name).parts[0] for name in night.troubles.values()}) == 3
    plain = {frame.id for frame in calm.frames}
    assert {frame.id for frame in night.frames} - plain == {night.troubles["duplicate"]}

    def read(truth, name):
        with fits.open(truth.folder / name) as hdus:
            return hdus[0].header["TEMPERAT"], np.median(hdus[0].data.astype(float)), np.median(hdus[0].data[:, :4])

    cold, level, edge = read(calm, night.troubles["light-leak"])
    assert read(night, night.troubles["light-leak"])[2] > edge + 80
    cold, level, _ = read(calm, night.troubles["warm"])
    warm, above, _ = read(night, night.troubles["warm"])
    assert warm == pytest.approx(cold + 7)
    assert above > level
    again = (night.folder / night.troubles["duplicate"]).read_bytes()
    assert sum((night.folder / frame.id).read_bytes() == again for frame in night.frames) == 2
    assert calm.troubles == {}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"units": 0}, "48 cameras"),
        ({"units": 49}, "48 cameras"),
        ({"faults": ["rust"]}, "no fault rust"),
        ({"troubles": ["fog"]}, "no fault fog"),
        ({"night": "soon"}, "isoformat"),
    ],
)
def test_what_cannot_be_simulated_is_said_before_anything_is_written(tmp_path, arguments, says):
    with pytest.raises(ValueError, match=says):
        simulate_night(tmp_path / "x", **arguments)
    assert not (tmp_path / "x").exists()
