"""Completeness of a night: each thing that can be missing or odd is found and named, and a whole night is not."""

import json

import pytest

from pipelines.errors import UsageError
from pipelines.nights.completeness import night
from tests.pipelines.command import darkroom

CAMERAS = ("T1", "T2", "T3")


def place(camera, date, number, kind):
    return f"Dragonfly10{camera[1:]}/{date}/{camera}_{number}_{kind}.fits"


@pytest.fixture
def write_night(raw, write_frame):
    """Write a whole night: three cameras, six exposures each; `leave` out some, and `change` cards of some."""

    def write(date="2024-02-20", *, cameras=CAMERAS, leave=(), change=None, skip_card=None):
        seed = 0
        for camera in cameras:
            for number, kind in enumerate(("flat", "flat", "dark", "dark", "light", "light"), 1):
                seed += 1
                if (camera, number) in leave:
                    continue
                day = f"{date[:-2]}{int(date[-2:]) + 1:02d}"
                cards = {"DATE": f"{day}T01:{number:02d}:11", **((change or {}).get((camera, number), {}))}
                write_frame(place(camera, date, number, kind), seed=seed + 100 * int(date[-2:]), **cards)

    return write


def findings(archive, date="2024-02-20"):
    return {(row["code"], tuple(row["which"])): row for row in night(archive.session, date)}


def codes(archive, date="2024-02-20"):
    return {row["code"] for row in night(archive.session, date)}


def test_a_whole_night_has_no_findings(archive, raw, write_night):
    for date in ("2024-02-18", "2024-02-19", "2024-02-20"):
        write_night(date)
    archive.ingest(raw)
    assert list(night(archive.session, "2024-02-20")) == []
    assert "18 files of 3 cameras" in night(archive.session, "2024-02-20").title


def test_a_night_without_files(archive):
    assert codes(archive) == {"no-files"}


def test_an_exposure_that_one_camera_lacks_and_one_that_all_lack(archive, raw, write_night):
    write_night(leave=[("T2", 3), *((camera, 5) for camera in CAMERAS)])
    archive.ingest(raw)
    found = findings(archive)
    assert (
        found["exposure-missing", ("T2",)]["what"]
        == "camera T2 (Dragonfly102) lacks exposures 3, which most cameras have"
    )
    assert found["exposure-gap", ()]["what"] == "no camera has exposures 5"
    assert not [key for key in found if key[0] == "exposure-missing" and key[1] != ("T2",)]


def test_an_exposure_number_given_twice(archive, raw, write_night, write_frame):
    write_night()
    write_frame("Dragonfly101/2024-02-20/T1_6_dark.fits", DATE="2024-02-21T01:06:11", seed=99)
    archive.ingest(raw)
    assert findings(archive)["exposure-twice", ("T1",)]["what"].startswith(
        "camera T1 (Dragonfly101) has exposures 6 more than once"
    )


def test_a_camera_that_is_missing_and_one_that_is_new(archive, raw, write_night):
    for date in ("2024-02-17", "2024-02-18", "2024-02-19"):
        write_night(date)
    write_night(cameras=("T1", "T3", "T7"))
    archive.ingest(raw)
    found = findings(archive)
    assert found["camera-missing", ("T2",)]["attention"]
    assert found["camera-missing", ("T2",)]["what"].endswith("3 of the last 3 nights")
    assert not found["camera-new", ("T7",)]["attention"]


def test_a_folder_of_one_night_with_files_of_another(archive, raw, write_night):
    write_night(change={("T3", 5): {"DATE": "2024-02-23T03:00:00"}})
    archive.ingest(raw)
    name = "Dragonfly103/2024-02-20/T3_5_light.fits"
    assert "are of 2024-02-22 by their headers" in findings(archive)["night-conflict", (name,)]["what"]
    assert "lie in the folder of another night" in findings(archive, "2024-02-22")["night-conflict", (name,)]["what"]


def test_flats_that_disagree(archive, raw, write_night):
    write_night(change={("T3", 1): {"DATE": "2024-02-21T13:00:00"}})
    archive.ingest(raw)
    assert ("flat-conflict", ("Dragonfly103/2024-02-20/T3_1_flat.fits",)) in findings(archive)


def test_lights_and_flats_without_darks_of_their_time(archive, raw, write_night):
    write_night(change={("T1", 5): {"EXPTIME": 600.0}, ("T2", 5): {"EXPTIME": 600.0}, ("T3", 1): {"EXPTIME": 14}})
    archive.ingest(raw)
    found = findings(archive)
    assert "of 600 s" in found["dark-missing", ("T1", "T2")]["what"]
    assert "of 14 s" in found["dark-missing", ("T3",)]["what"]


@pytest.mark.patient
def test_keywords_that_appeared_vanished_or_changed_type(archive, raw, write_night):
    for date in ("2024-02-15", "2024-02-16", "2024-02-17", "2024-02-18", "2024-02-19"):
        write_night(date)
    change = {(camera, n): {"FILTER": None, "NEWWORD": 1} for camera in CAMERAS for n in (3, 4)}
    change |= {("T1", 5): {"TEMPERAT": "cold"}, ("T2", 5): {"FILTER": None}}
    write_night(change=change)
    archive.ingest(raw)
    rows = list(night(archive.session, "2024-02-20"))
    said = {(row["code"], row["what"].split()[1] if row["code"] != "keyword-type" else row["which"][0]) for row in rows}
    assert ("keyword-appeared", "dark") in said
    assert ("keyword-vanished", "dark") in said
    assert ("keyword-type", "TEMPERAT") in said
    assert any(row["what"] == "1 of 6 dragonfly light headers lack FILTER" for row in rows)
    assert not any(row["attention"] for row in rows if row["code"] == "keyword-appeared")


def test_what_is_in_quarantine_of_the_night(archive, raw, write_night):
    write_night()
    broken = raw / place("T1", "2024-02-20", 9, "light")
    broken.write_bytes(b"no")
    (raw / place("T1", "2024-02-21", 9, "light")).parent.mkdir()
    (raw / place("T1", "2024-02-21", 9, "light")).write_bytes(b"no")
    archive.ingest(raw)
    assert ("quarantined", (f"raw:{place('T1', '2024-02-20', 9, 'light')}",)) in findings(archive)
    assert len([row for row in night(archive.session, "2024-02-20") if row["code"] == "quarantined"]) == 1


def test_headers_without_arrays_and_pixels_under_two_names(archive, raw, write_night, write_frame):
    write_night()
    archive.ingest(raw)
    write_frame(place("T1", "2024-02-20", 7, "light"), seed=2005, DATE="2024-02-21T01:07:11")
    archive.ingest(raw, headers_only=True)
    assert ("arrays-pending", (place("T1", "2024-02-20", 7, "light"),)) in findings(archive)
    archive.ingest(raw)
    assert ("pixels-twice", (place("T1", "2024-02-20", 5, "light"), place("T1", "2024-02-20", 7, "light"))) in findings(
        archive
    )


def test_what_is_no_night_is_refused(archive):
    with pytest.raises(UsageError, match="YYYY-MM-DD"):
        night(archive.session, {"$gt": ""})
    with pytest.raises(UsageError, match="YYYY-MM-DD"):
        night(archive.session, "20240220")


def test_the_command_and_its_exit_codes(tmp_path, archive, raw, write_night):
    write_night()
    archive.ingest(raw)
    words = ("--home", tmp_path / "home", "night")
    assert darkroom(*words, "2024-02-20").returncode == 0
    done = darkroom(*words, "2024-02-25", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["rows"][0]["code"] == "no-files"
    assert darkroom(*words, "yesterday").returncode == 2


def test_a_camera_whose_files_are_all_in_quarantine_is_that_and_not_missing(archive, raw, write_night):
    for date in ("2024-02-17", "2024-02-18", "2024-02-19"):
        write_night(date)
    write_night(cameras=("T1", "T3"))
    for number in (1, 2):
        broken = raw / place("T2", "2024-02-20", number, "light")
        broken.parent.mkdir(parents=True, exist_ok=True)
        broken.write_bytes(b"no")
    archive.ingest(raw)
    found = findings(archive)
    assert ("camera-missing", ("T2",)) not in found
    held = found["camera-quarantined", ("T2",)]
    assert held["what"] == "all files of camera T2 (Dragonfly102) are in quarantine: 2 of this night"


def test_other_instruments_are_not_missing_in_an_arrays_night(archive, raw, write_night, tmp_path):
    from astropy.io import fits

    for date in ("2024-02-18", "2024-02-19"):
        other = tmp_path / "elsewhere" / date / "a.fits"
        other.parent.mkdir(parents=True)
        cards = fits.Header(
            {"INSTRUME": "IDS", "SERIALNO": "IDS-1", "IMAGETYP": "BIAS", "DATE-OBS": f"{date}T20:00:00"}
        )
        fits.PrimaryHDU(header=cards).writeto(other)
    archive.ingest(tmp_path / "elsewhere")
    write_night()
    archive.ingest(raw)
    assert not {"camera-missing", "camera-quarantined"} & codes(archive)


def test_a_mixed_group_is_said(archive, raw, write_night, write_frame):
    write_night(change={(camera, n): {"ODDSET": 1} for camera in CAMERAS for n in range(1, 7)})
    for number in range(11, 15):
        write_frame(
            place("T1", "2024-02-20", number, "dark"),
            seed=number,
            DATE=f"2024-02-21T02:{number}:11",
            ODDSET=1 if number < 13 else 4,
        )
    archive.ingest(raw)
    found = [row for row in night(archive.session, "2024-02-20") if row["code"] == "group-mixed"]
    (row,) = found
    assert row["attention"]
    assert "dark frames of camera T1 (Dragonfly101) are mixed: ODDSET (1 x4, 4 x2)" in row["what"]
