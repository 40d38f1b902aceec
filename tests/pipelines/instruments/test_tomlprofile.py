"""Profiles as TOML: fields, words, site, claims; each mistake is named with its file."""

import textwrap

import pytest

from pipelines.errors import UsageError
from pipelines.instruments import choose, identify, profiles

GOOD = """
name = "roof"
saturation = 60000
keys = ["FOCMODE"]
irrelevant = ["FOCUSPOS"]
[[claims]]
header.INSTRUME = "ST-7.*"
[fields]
exptime = ["SHUTTIME", "EXPTIME"]
kind = "SHUTTER"
[words.kind]
"closed" = "dark"
[values]
camera = "ST-7 on the roof"
[site]
longitude = -79.4
latitude = 43.7
"""


@pytest.fixture
def written(tmp_path, monkeypatch):
    def write(text, name="roof"):
        (tmp_path / f"{name}.toml").write_text(textwrap.dedent(text))
        monkeypatch.setenv("DARKROOM_PROFILES", str(tmp_path))
        return profiles()

    return write


def test_a_profile_reads_what_the_dialects_do_not(written, hdu, tmp_path):
    known = written(GOOD)
    header = {"INSTRUME": "ST-7XE", "SHUTTER": "Closed", "SHUTTIME": 12.5, "EXPTIME": 0.0}
    hdus = [hdu(header | {"DATE-OBS": "2013-10-09T00:57:00"}, (4, 4))]
    profile = choose(tmp_path / "a.fits", hdus, profiles=known)
    seen = identify(profile, tmp_path / "a.fits", hdus)
    assert (profile.name, seen.kind, seen.date, seen.camera) == ("roof", "dark", "2013-10-08", "ST-7 on the roof")
    assert (seen.obs["exptime"], seen.obs_from["exptime"]) == (12.5, "SHUTTIME@0")
    assert profile.calibration.limits.saturation == 60000
    assert "FOCUSPOS" in profile.calibration.irrelevant
    assert "focmode" in {key.name for key in profile.calibration.rule("dark").keys}


def test_an_edited_file_counts_at_once(written):
    import os

    assert written(GOOD)["roof"].title == "a file as roof.toml describes"
    changed = written(GOOD.replace("saturation", "title = 'The roof'\nsaturation"))
    assert changed["roof"].title in ("The roof", "a file as roof.toml describes")  # within one tick of the clock
    os.utime(os.path.join(os.environ["DARKROOM_PROFILES"], "roof.toml"), (1e9, 1e9))
    assert profiles()["roof"].title == "The roof"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = 'roof'\n[[claims]]\n", "line 2: a claim that takes every file"),
        ("name = 'roof'\n", "no .*claims"),
        (GOOD + "[extra]\n", "line 18: .*no field 'extra'"),
        (GOOD.replace("exptime", "exptme"), "line 9: .*no field 'exptme'"),
        (GOOD.replace("ST-7.*", "ST-7("), "line 7: .*does not compile"),
        (GOOD.replace("-79.4", "400"), "line 16: .*not on the globe"),
        (GOOD.replace("latitude = 43.7", ""), "without a latitude"),
        (GOOD.replace("longitude = -79.4", "zone = 'Mars'"), "no time zone 'Mars'"),
        (GOOD.replace('"roof"', '"generic"', 1), "has the name of one of Darkroom itself"),
        (GOOD.replace('"roof"', '"The Roof"', 1), "lower-case identifier"),
        (GOOD.replace("60000", "-3"), "no level of pixels"),
        ("name = = 3\n", "is not TOML: .*line 1"),
        ("name = 'roof'\n[[claims]]\npath = '.*'\n", "line 2: a claim that takes every file"),
        ("name = 'roof'\n[[claims]]\nheader.SIMPLE = '.*'\n", "a claim that takes every file"),
        ("name = 'roof'\n[[claims]]\nheader.OBSERVER = 7\n", "line 3: OBSERVER of .* is a regular expression"),
        (GOOD.replace('"dark"', '"drak"'), "line 12: 'drak' is no kind of frame; there are bias, dark"),
        (GOOD.replace('"FOCUSPOS"', '"FOCMODE"'), "FOCMODE is among keys and irrelevant"),
        (GOOD.replace('camera = "ST-7 on the roof"', "camera = 7"), "line 14: camera of .values. is a word"),
        (GOOD.replace("60000", "nan"), "line 3: saturation = nan is no level"),
        (GOOD.replace("-79.4", "nan"), "line 16: longitude = nan is not on the globe"),
    ],
)
def test_a_mistake_is_named_with_its_file(written, text, said):
    with pytest.raises(UsageError, match=said) as caught:
        written(text)
    assert "roof.toml" in str(caught.value)


def test_words_of_a_profile_stand_beside_those_of_the_dialects(written, hdu, tmp_path):
    """Those of the table count first; what neither knows is flagged, and a file without the keyword is read as any."""
    known = written(GOOD.replace('kind = "SHUTTER"\n', "").replace('"closed" = "dark"', '"curtain" = "darkflat"'))
    seen = {}
    for word in ("curtain", "Zero", "boring", None):
        header = {"INSTRUME": "ST-7XE", "IMAGETYP": word, "OBSTYPE": "FLAT"}
        hdus = [hdu({name: value for name, value in header.items() if value is not None}, (4, 4))]
        one = identify(known["roof"], tmp_path / "a.fits", hdus)
        seen[word] = one.kind, one.obs.get("kind_note"), [flag for flag in one.flags if "kind" in flag]
    assert seen == {
        "curtain": ("dark", "darkflat", []),
        "Zero": ("bias", None, []),
        "boring": ("flat", None, []),
        None: ("flat", None, []),
    }
    only = identify(known["roof"], tmp_path / "a.fits", [hdu({"INSTRUME": "ST-7XE", "IMAGETYP": "boring"}, (4, 4))])
    assert (only.kind, "kind-unknown" in only.flags) == ("boring", True)


def test_two_profiles_of_one_name(written):
    written(GOOD)
    with pytest.raises(UsageError, match=r"second.toml: the profile 'roof' has the name of one of .*roof.toml"):
        written(GOOD, name="second")
