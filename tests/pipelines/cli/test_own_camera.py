"""A camera that no table knows, as its owner meets it: from a folder of frames to groups that are ready."""

import json
import re
import shlex
import sys
from datetime import datetime, timedelta

import numpy as np
import pytest
from astropy.io import fits

from pipelines.cli import main

START = datetime(2024, 2, 20, 3)


@pytest.fixture
def frames(tmp_path):
    """Six darks of two clock phases, and six flats, of a camera with words of its own."""
    rng = np.random.default_rng(5)
    folder = tmp_path / "roof"
    folder.mkdir()
    for number in range(12):
        word = "capped" if number < 6 else "screen"
        hdu = fits.PrimaryHDU(rng.integers(900, 1100, (16, 16)).astype(np.uint16))
        hdu.header.update({"INSTRUME": "Roof camera", "SERIAL": "RC-0042", "STATE": word, "TINT": 30.0})
        hdu.header.update({"DATE-OBS": (START + number * timedelta(minutes=1)).isoformat(), "FILTER": "R"})
        hdu.header.update({"SKEW": "left" if number % 2 else "right"})
        hdu.header["HIERARCH ROOF CLOCK PHASE"] = 1 + (number % 6) // 3
        hdu.writeto(folder / f"f{number:02d}.fits")
    return folder


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run a command line on an archive in ``home`` and return its exit code, what it printed, and its errors."""

    def run(line):
        monkeypatch.setenv("DARKROOM_HOME", str(tmp_path / "home"))
        monkeypatch.setattr(sys, "argv", ["darkroom", *shlex.split(line)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return run


def rows(said):
    return json.loads(said[1])["rows"]


def test_from_a_folder_of_frames_to_ready_groups_with_ten_lines_of_toml(command, frames, tmp_path):
    assert "kind-missing: 12 files" in command(f"ingest {frames} --dry-run")[1]
    assert command(f"profile new roof {frames}/f00.fits {frames}/f03.fits {frames}/f06.fits")[0] == 0
    toml = tmp_path / "home" / "profiles" / "roof.toml"
    draft = toml.read_text()
    assert "nothing tells it" in draft
    words = '[words.kind]\n"capped" = "dark"\n"screen" = "flat"\n'
    written = (
        draft.partition("[words.kind]")[0].replace("[fields]", '[fields]\nkind = "STATE"\nexptime = "TINT"') + words
    )
    toml.write_text(written + "[site]\nlongitude = 10.0\nlatitude = 45.0\n")
    assert command(f"profile check roof {frames}/f00.fits {frames}/f06.fits")[0] == 0
    assert command(f"ingest {frames}")[0] == 0
    (dark,) = rows(command("groups dark --json"))
    assert dark["status"] == "mixed"
    assert "SKEW (right x3, left x3), ROOF CLOCK PHASE (1 x3, 2 x3)" in dark["reason"]
    added = 'keys = ["HIERARCH ROOF CLOCK PHASE"]\nirrelevant = ["skew"]\n\n[[claims]]'
    toml.write_text(toml.read_text().replace("[[claims]]", added))
    assert command("identify --all")[0] in (0, 1)
    found = rows(command("groups dark --json"))
    assert [(row["status"], row["count"]) for row in found] == [("ready", 3), ("ready", 3)]
    flats = rows(command("groups flat --json"))
    assert [(row["status"], row["count"]) for row in flats] == [("too few", 3), ("too few", 3)]
    assert rows(command("groups all --left --json")) == []


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("profiles/x.toml", 'name = "x"\n[[claims]]\nheader.A = "("\n', "x.toml, line 3: the expression"),
        ("profiles/x.toml", "[[claims]]\nheader.A = 'a'\n[fields]\nexptme = 'T'\n", "x.toml, line 4: .fields. has no"),
        ("darkroom.toml", "[site]\nlongitude = 400\n", "darkroom.toml, line 2: longitude = 400 is not on the globe"),
        ("darkroom.toml", "[site]\nzone = 'Mars'\n", "darkroom.toml, line 2: no time zone 'Mars'"),
        ("darkroom.toml", "[sight]\n", "darkroom.toml, line 1: the file has no field 'sight'; there are site"),
    ],
)
def test_a_mistake_in_a_file_of_settings_changes_nothing(command, frames, tmp_path, file, text, said):
    (tmp_path / "home" / "profiles").mkdir(parents=True)
    (tmp_path / "home" / file).write_text(text)
    code, _, errors = command(f"ingest {frames}")
    assert code == 2
    assert re.search(said, errors)
    assert not (tmp_path / "home" / "catalog.db").exists()
    assert not (tmp_path / "home" / "store").exists()


def test_thousands_of_keywords_and_hostile_values_are_taken_and_shown_harmlessly(command, tmp_path):
    (tmp_path / "odd").mkdir()
    many = fits.PrimaryHDU(np.zeros((4, 4), np.uint16))
    many.header.extend([(f"K{number:07d}", number) for number in range(10_000)], end=True)
    many.header.update({"IMAGETYP": "dark", "INSTRUME": "MANY", "DATE-OBS": "2024-02-20T03:00:00"})
    many.writeto(tmp_path / "odd" / "many.fits")
    content = (tmp_path / "odd" / "many.fits").read_bytes().replace(b"'MANY    '", b"'M\x1b[31mY '")
    (tmp_path / "odd" / "hostile.fits").write_bytes(content)
    for line in (
        "ingest odd --dry-run",
        "ingest odd",
        "profile show odd/hostile.fits",
        "groups all --left",
        "query {}",
    ):
        code, said, errors = command(line.replace("odd", str(tmp_path / "odd")))
        assert (code, errors) == (0, "")
        assert "\x1b" not in said
    assert "MANY" in command("query {} --fields _id,obs.camera")[1]
