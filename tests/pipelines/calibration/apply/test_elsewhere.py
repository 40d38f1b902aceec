"""Stacks of ccdproc, Siril, WBPP and IRAF as masters: only when asked, never verified, refused where unfit."""

import json
import re
import warnings

import ccdproc
import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.io.fits.verify import VerifyWarning
from astropy.nddata import CCDData

from pipelines import Refused, Rules, open_archive
from tests.pipelines.calibration.apply.conftest import NIGHT, Camera, named, write
from tests.pipelines.command import darkroom

ASKED = Rules(max_scale=float("inf")).with_elsewhere()
CARDS = {"INSTRUME": "CCD7", "SERIALNO": "K42", "CCD-TEMP": -20.0, "DATE-OBS": "2024-02-20T12:00:00"}


@pytest.fixture(scope="module")
def camera():
    return Camera()


def combined(camera, kind, seconds, count=9):
    """Raw frames combined by ccdproc, as its guide does it."""
    frames = [CCDData(camera.frame(kind, seconds).astype(float), unit="adu") for _ in range(count)]
    done = ccdproc.combine(frames, method="average", sigma_clip=True, dtype="float32")
    done.meta.update({**CARDS, "IMAGETYP": kind, "EXPTIME": float(seconds), "COMBINED": True})
    return done


@pytest.fixture(scope="module")
def masters(camera):
    """Bias, dark and flat by ccdproc; the flat less its bias, which ccdproc notes itself."""
    bias, dark = combined(camera, "bias", 0), combined(camera, "dark", 120)
    flat = ccdproc.subtract_bias(combined(camera, "flat", 3), bias)
    flat.meta["FILTER"] = "R"
    return {"bias": bias, "dark": dark, "flat": flat}


def written(data, path):
    """A file as ccdproc's users write it: long names of steps become HIERARCH cards, with a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VerifyWarning)
        data.write(path)


def archive_of(folder, camera, files, lights=(("light", 1, 120),)):
    """An archive of lights and of the files given by name: arrays and headers."""
    raw = folder / "raw"
    write(raw / "cam" / NIGHT, camera, list(lights), FILTER="R")
    (raw / "masters").mkdir(parents=True)
    for name, (data, header) in files.items():
        fits.PrimaryHDU(data.astype(np.float32), fits.Header(header)).writeto(raw / "masters" / name)
    archive = open_archive(folder / "home")
    archive.ingest(raw, progress=False)
    return archive


def header(kind, seconds, **cards):
    return {**CARDS, "IMAGETYP": kind, "EXPTIME": float(seconds), **cards}


def test_stacks_of_ccdproc_serve_when_asked_and_are_called_what_they_are(camera, masters, tmp_path):
    raw = tmp_path / "raw"
    write(raw / "cam" / NIGHT, camera, [("light", 1, 120), ("light", 1, 60)])
    (raw / "masters").mkdir()
    for kind, data in masters.items():
        written(data, raw / "masters" / f"{kind}.fits")
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(raw, progress=False)
        long, short = named(archive, "light_120_00.fits"), named(archive, "light_60_00.fits")
        with pytest.raises(Refused, match=r"it was made elsewhere; to use it: --masters-from-elsewhere"):
            archive.calibrated(long)
        assert archive.why(long, "dark").master is None
        assert "--masters-from-elsewhere" in archive.why(long, "dark").needs
        found = archive.calibrated(long, rules=ASKED)
        light = archive.cube(long)[...].astype(float)
        flat = masters["flat"].data / np.median(masters["flat"].data[24:72, 30:90])
        assert np.allclose(found.data, (light - masters["dark"].data) / flat, rtol=2e-6, atol=2e-3)
        assert found.unit == units.adu
        half = archive.calibrated(short, rules=ASKED)
        bias, dark = masters["bias"].data, masters["dark"].data
        expected = (archive.cube(short)[...] - (bias + (dark - bias) / 2)) / flat
        assert np.allclose(half.data, expected, rtol=2e-6, atol=2e-3)
        lines = "\n".join(map(str, found.header["HISTORY"]))
        assert "dark, elsewhere, identity" in lines
        assert "made elsewhere: not verified here" in lines.replace("\n", "")
    done = darkroom("--home", tmp_path / "home", "calibrate", NIGHT, "--masters-from-elsewhere", "--json")
    rows = json.loads(done.stdout)["rows"]
    assert [row["scale"] for row in rows] == [1.0, 0.5]
    assert all(any("not verified here" in note for note in row["notes"]) for row in rows)
    done = darkroom("--home", tmp_path / "home", "why", long, "flat", "--masters-from-elsewhere")
    assert "flat.fits, made elsewhere and not verified here" in done.stdout


def test_ours_come_first_and_theirs_only_fill_the_gaps(changed, camera, masters, tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir()
    for kind in ("dark", "flat"):
        written(masters[kind], folder / f"{kind}.fits")
    changed.ingest(folder, progress=False)
    light = named(changed, "light_120_00.fits")
    (row,) = changed.calibration.calibrate(light, rules=ASKED, progress=False)
    assert row["dark"].startswith("masters/")
    assert row["flat"].startswith("masters/")
    assert row["notes"] == []
    changed.calibration.recall(row["dark"], why="shutter open")
    (row,) = changed.calibration.calibrate(light, rules=ASKED, progress=False)
    assert row["dark"].endswith("dark.fits")
    kept = changed.calibration.calibrate(light, rules=ASKED, keep=True, progress=False)[0]["result"]
    document = changed.document(kept)
    assert row["dark"] in document["parents"]
    changed.calibration.recall(row["dark"], why="another camera")
    assert changed.document(kept)["stale"]
    assert not any(
        (one["dark"] or "").endswith("dark.fits")
        for one in changed.calibration.calibrate(light, rules=ASKED, progress=False)
    )


@pytest.mark.parametrize(
    ("program", "cards"),
    [
        ("Siril", {"PROGRAM": "Siril v1.2.1", "STACKCNT": 9, "LIVETIME": 1080.0}),
        ("PixInsight", {"PROGRAM": "PixInsight 1.8.9-2", "HISTORY": "ImageIntegration.numberOfImages: 9"}),
    ],
)
def test_floats_of_0_to_1_are_read_as_their_program_writes_them(program, cards, camera, masters, tmp_path):
    word = "Master Dark" if program == "PixInsight" else "dark"
    name = "pp_flat_stacked.fit" if program == "Siril" else "masterFlat_R.fits"
    flat = {**cards, "FILTER": "R"} | ({} if program == "Siril" else {"CALSTAT": "B"})
    files = {
        "dark_stacked.fit": (masters["dark"].data / 65535, header(word, 120, **cards)),
        name: (masters["flat"].data / 65535, header(word.lower().replace("dark", "flat"), 3, **flat)),
    }
    with archive_of(tmp_path, camera, files) as archive:
        light = named(archive, "light_120_00.fits")
        found = archive.calibrated(light, rules=ASKED)
        assert f"made elsewhere ({cards['PROGRAM']}" in "".join(map(str, found.header["HISTORY"]))
        gain = masters["flat"].data / np.median(masters["flat"].data[24:72, 30:90])
        expected = (archive.cube(light)[...] - masters["dark"].data) / gain
        assert np.allclose(found.data, expected, rtol=1e-5, atol=0.01)


REFUSED = {
    "nobody says which number is 1": (lambda d: d / 65535, {}, "nothing says which number of a raw frame"),
    "less its bias, and says so": (lambda d: d - 1000, {"CALSTAT": "B"}, r"its bias was taken from it .*CALSTAT@0"),
    "less its bias, by IRAF": (lambda d: d - 1000, {"ZEROCOR": "Feb 20 Zero level corrected"}, r"ZEROCOR@0"),
    "less its bias, and says nothing": (lambda d: d - 1000, {}, "nothing says whether its bias was subtracted"),
    "in electrons": (lambda d: d * 1.5, {"BUNIT": "electron"}, r"its unit is electron \(BUNIT\)"),
    "of left-shifted numbers": (lambda d: d * 16, {}, "they differ in unit, gain or offset"),
    "of another shape": (lambda d: d[:90], {}, "shape 90 × 120, wanted 96 × 120"),
    "of another exposure time": (lambda d: d, {"EXPTIME": 90.0}, "exptime 90, wanted 120"),
    "of no exposure time": (lambda d: d, {"EXPTIME": "UNKNOWN"}, "exptime the master does not say"),
    "of another temperature": (lambda d: d, {"CCD-TEMP": -10.0}, "temperature -10, wanted -20"),
    "of another gain": (lambda d: d, {"GAIN": 300, "EGAIN": 0.5}, "gain"),
    "of no number": (lambda d: d * np.nan, {}, "has no pixel of use"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_stack_that_does_not_fit_is_refused_with_the_reason(case, camera, masters, tmp_path):
    change, cards, told = REFUSED[case]
    files = {"dark.fits": (change(masters["dark"].data), header("dark", 120, COMBINED=True) | cards)}
    lights = {"GAIN": 100, "EGAIN": 1.5} if "gain" in case else {}
    raw = tmp_path / "more"
    with archive_of(tmp_path, camera, files) as archive:
        light = named(archive, "light_120_00.fits")
        if lights:
            write(raw, camera, [("light", 1, 120)], start="2024-02-20T21:00:00", **lights)
            archive.ingest(raw, progress=False)
            light = named(archive, "more/light_120_00.fits")
        (row,) = archive.calibration.calibrate(light, out=tmp_path / "out", rules=ASKED, progress=False)
        assert row["outcome"] in ("failed", "not calibrated")
        assert not list((tmp_path / "out").glob("*.fits"))
        said = "; ".join(row["notes"])
        assert re.search(told, said), said


def test_a_flat_that_may_hold_its_bias_is_no_flat(camera, masters, tmp_path):
    files = {
        "dark.fits": (masters["dark"].data, header("dark", 120, NCOMBINE=9)),
        "flat.fits": (masters["flat"].data + 1000, header("flat", 3, NCOMBINE=9, FILTER="R")),
    }
    with archive_of(tmp_path, camera, files) as archive:
        (row,) = archive.calibration.calibrate(named(archive, "light_120_00.fits"), rules=ASKED, progress=False)
        assert row["flat"] is None
        assert row["dark"].endswith("dark.fits")
        assert any("nothing in it says that bias or dark was taken from its frames" in note for note in row["notes"])
