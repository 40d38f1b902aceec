"""What a file is, field by field; what looks like setup and was not used; and a draft of a profile from it."""

import numpy as np
import pytest
from astropy.io import fits

from pipelines.errors import UsageError
from pipelines.instruments import profiles
from pipelines.instruments.draft import write_draft
from pipelines.instruments.explain import checked, explain, varying
from pipelines.instruments.sites import Place
from pipelines.instruments.tomlprofile import read_profile

CARDS = {
    "INSTRUME": 'Alta (roof) "2"',
    "DATE-OBS": "2024-02-20T03:00:00",
    "EXPTIME": 12.5,
    "EXPOSURE": 12.5,
    "XBINNING": 2,
    "YBINNING": 2,
    "PRTGAIN": "high",
    "HUMIDITY": 40.0,
    "FRAMTYPE": "closed",
}


@pytest.fixture
def write(tmp_path):
    def write(name, **cards):
        hdu = fits.PrimaryHDU(np.zeros((4, 4), np.uint16))
        hdu.header.update({key.replace("_", "-") if key == "DATE_OBS" else key: v for key, v in cards.items()})
        hdu.writeto(tmp_path / name)
        return tmp_path / name

    return write


def test_fields_with_their_keywords_and_what_was_not_used(write):
    rows = explain(write("a.fits", **CARDS)).rows
    found = {row["field"]: (row["value"], row["from"]) for row in rows if row["field"] != "not used"}
    assert found["exptime"] == (12.5, "EXPTIME@0")
    assert found["binning"] == ([2, 2], "XBINNING@0")
    loose = [(row["from"], row["value"]) for row in rows if row["field"] == "not used"]
    # Not EXPOSURE, which says what EXPTIME says, nor YBINNING, which is read beside XBINNING, nor the weather.
    assert loose == [("PRTGAIN@0", "high")]


def test_keywords_taken_as_varying_are_shown_with_what_they_are(write):
    rows = {row["keyword"]: row["subject"] for row in varying(write("a.fits", **CARDS))}
    assert rows["HUMIDITY"] == "weather and surroundings"
    assert rows["DATE-OBS"] == "time"
    assert "PRTGAIN" not in rows


def test_a_site_beside_the_header_counts(write):
    row = next(
        row for row in explain(write("a.fits", **CARDS), site=Place(-79.4, source="x")) if row["field"] == "night"
    )
    assert (row["value"], row["from"]) == ("2024-02-19", "x")


def test_a_draft_is_a_profile_that_claims_the_files_it_was_made_from(write, tmp_path, monkeypatch):
    files = [
        write("a.fits", **CARDS, IMAGETYP="Dark Frame"),
        write("b.fits", **CARDS | {"PRTGAIN": "low"}, IMAGETYP="cap on"),
    ]
    monkeypatch.setenv("DARKROOM_PROFILES", str(tmp_path / "profiles"))
    made = write_draft("roof", files, folder=tmp_path / "profiles")
    text = made.read_text()
    assert '# keys = ["PRTGAIN"]' in text
    assert '# "cap on" = "dark"' in text
    assert "nothing tells where the camera stands" in text
    assert all(row["claimed"] for row in checked("roof", files))
    with pytest.raises(UsageError, match="already"):
        write_draft("roof", files, folder=tmp_path / "profiles")
    # The suggestions hold when they are taken.
    edited = text.replace('# keys = ["PRTGAIN"]', 'keys = ["PRTGAIN"]').replace('# "cap on"', '"cap on"')
    for name in ("longitude", "latitude", "camera"):
        edited = edited.replace(f"# {name} = ", f"{name} = ")
    edited = edited.replace("# [site] ", "[site] ")
    made.write_text(edited)
    profile = read_profile(made)
    assert (profile.site.longitude, profile.camera.constant) == (-79.4, CARDS["INSTRUME"])
    assert {row["kind"] for row in checked("roof", files)} == {"dark"}
    assert "not used" not in {row["field"] for row in explain(files[0])}
    assert profiles()["roof"].name == "roof"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("The Roof", "is no name of a profile"),
        ("generic", "already"),
        ("../roof", "is no name"),
        ("there", "overwritten"),
    ],
)
def test_a_draft_that_cannot_be_is_refused_and_nothing_written(write, tmp_path, name, said):
    (tmp_path / "there.toml").write_text("# mine\n")
    with pytest.raises(UsageError, match=said):
        write_draft(name, [write("a.fits", **CARDS)], folder=tmp_path)
    assert sorted(path.name for path in tmp_path.glob("**/*.toml")) == ["there.toml"]
    assert (tmp_path / "there.toml").read_text() == "# mine\n"


def test_files_that_name_no_camera_are_claimed_by_their_folder_or_refused(write, tmp_path):
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
    files = [write(f"{place}/a.fits", EXPTIME=1.0) for place in ("one", "two")]
    with pytest.raises(UsageError, match="in common"):
        write_draft("roof", files, folder=tmp_path)
    made = write_draft("roof", files[:1], folder=tmp_path)
    assert read_profile(made).claims[0].path == "one/.*"
