"""Identify again: by a site, by a corrected value, by a profile asked for; recorded, undone, rebuilt."""

import numpy as np
import pytest
from astropy.io import fits

from pipelines import open_archive
from pipelines.errors import UnknownDocument, UsageError
from pipelines.upkeep.check import check
from pipelines.upkeep.rebuild import rebuild


@pytest.fixture
def night(archive, raw):
    """Four darks, three of one night in Hawaii and one of the next."""
    for number, time in enumerate(("20T09:30:00", "20T12:00:00", "20T19:30:00", "20T23:00:00")):
        header = fits.Header(
            {"IMAGETYP": "Dark Frame", "INSTRUME": "ST-7", "EXPTIME": 30.0, "DATE-OBS": f"2024-02-{time}"}
        )
        pixels = np.full((8, 8), 100 + number, np.uint16)
        fits.PrimaryHDU(pixels, header).writeto(raw / f"dark_{number}.fits")
    archive.ingest(raw)
    return archive


def dates(archive):
    return [doc["date"] for doc in archive.headers.find().sort("_id", 1)]


def test_nothing_changes_where_nothing_is_new(night):
    before = list(night.headers.find())
    report = night.identify(everything=True)
    assert (report.documents, report.changed, report.run) == (4, 0, None)
    assert list(night.headers.find()) == before


def test_a_site_gives_every_frame_its_night_and_can_be_taken_back(night):
    assert dates(night) == ["2024-02-20"] * 4
    night.session.home.joinpath("darkroom.toml").write_text("[site]\nlongitude = -155.5\n")
    foreseen = night.identify(everything=True, dry_run=True)
    assert (foreseen.changed, foreseen.fields["date"]) == (4, 3)
    assert dates(night) == ["2024-02-20"] * 4
    done = night.identify(everything=True)
    assert dates(night) == ["2024-02-19", "2024-02-19", "2024-02-19", "2024-02-20"]
    assert {doc["obs_from"]["night"] for doc in night.headers.find()} == {"darkroom.toml"}
    assert check(night.session).clean
    night.upkeep.undo(done.run, why="the wrong island")
    assert dates(night) == ["2024-02-20"] * 4
    assert all("site" not in doc["obs"] for doc in night.headers.find())


def test_rebuild_gives_what_was_there_whatever_this_machine_would_say(night, tmp_path):
    night.session.home.joinpath("darkroom.toml").write_text("[site]\nlongitude = -155.5\n")
    night.identify(everything=True)
    with open_archive(catalog=str(tmp_path / "new.db"), store=night.store.url) as new:
        assert rebuild(new.session).observed == 0
        assert {doc["_id"]: doc for doc in new.headers.find()} == {doc["_id"]: doc for doc in night.headers.find()}


def test_a_corrected_value_counts_and_the_card_stays(night, raw, tmp_path):
    (name,) = (doc["_id"] for doc in night.headers.find({"_id": {"$regex": "dark_0"}}))
    report = night.correct(name, ["EXPTIME=31.5", "DATE-OBS=2024-02-21T09:30:00"], why="the log of the night says so")
    document = night.document(name)
    assert document["obs"]["exptime"] == 31.5
    assert document["date"] == "2024-02-21"
    assert night.export(name, tmp_path / "out.fits").exported == document["file"]["sha256"]
    assert night.identify(everything=True).changed == 0
    night.upkeep.undo(report.run, why="it was right")
    assert night.document(name)["obs"]["exptime"] == 30.0


def test_what_another_verb_set_stays(night):
    from pipelines.documents.changes import change
    from pipelines.documents.edits import Edit

    name = night.headers.find_one()["_id"]
    change([Edit(name, {"date": "2024-02-18"})], catalog=night.catalog, store=night.store, why="by hand")
    night.identify(everything=True)
    assert night.document(name)["date"] == "2024-02-18"


@pytest.mark.parametrize("values", [["EXPTIME"], ["=3"], ["EXPTIME@7=3"], ["EXPTIME=30.0"]])
def test_a_senseless_correction_changes_nothing(night, values):
    before = list(night.headers.find())
    with pytest.raises(UsageError):
        night.correct(before[0]["_id"], values, why="?")
    assert list(night.headers.find()) == before


def test_words_that_choose_no_document(night):
    with pytest.raises(UsageError, match="one of them"):
        night.identify()
    with pytest.raises(UnknownDocument):
        night.identify("nothing.fits")
    with pytest.raises(UsageError, match="no instrument profile"):
        night.identify(everything=True, profile="nothing")
    assert night.identify(night="2031-01-01").exit_code == 1


def test_a_profile_asked_for_reaches_known_files(night, raw, third_party_profile):
    third_party_profile(
        """
        from pipelines.instruments import Claim, Clock, Profile, Take
        PROFILE = Profile(name="mine", title="mine", claims=(Claim(path="never"),), kind=Take(constant="dark"),
                          keywords=(("telescope", ("INSTRUME",)),), clock=Clock(nightly=False))
        """,
        name="mine",
    )
    report = night.ingest(raw, profile="mine")
    assert (report.unchanged, report.identified) == (4, 4)
    assert {doc["profile"] for doc in night.headers.find()} == {"mine"}
    # Asked for once, it is kept to.
    assert night.identify(everything=True).changed == 0


def test_a_site_off_the_globe_is_refused_by_file_and_value(night):
    file = night.session.home / "darkroom.toml"
    for text, said in (
        ("[site]\nlongitude = 400\n", "longitude = 400 is not on the globe"),
        ("[site]\nzone = 'Mars/Olympus'\n", "no time zone 'Mars/Olympus'"),
        ("[sight]\n", "no field 'sight'"),
        ("[site]\nlon = 3\n", "no field 'lon'"),
        ("[site\n", "is not TOML: .*line 1"),
    ):
        file.write_text(text)
        with pytest.raises(UsageError, match=said) as caught:
            night.identify(everything=True)
        assert str(file) in str(caught.value)


def test_reread_finds_bytes_that_changed_behind_an_old_time(night, raw):
    import os

    file = raw / "dark_0.fits"
    info = file.stat()
    data = bytearray(file.read_bytes())
    data[2880] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert night.ingest(raw).revised == 0
    assert night.ingest(raw, reread=True).revised == 1
