"""Pixels of a CCD in every frame: the values of the files, what masters expect, tables, pictures, the command."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from typer.testing import CliRunner

from pipelines import open_archive
from pipelines.cli import app
from pipelines.errors import DarkroomError, NothingThere, UsageError
from pipelines.pixels import NoSuchPixel
from tests.pipelines.calibration.apply.conftest import calibrated_night as calibrated_night
from tests.pipelines.calibration.apply.conftest import lights as lights
from tests.pipelines.calibration.apply.conftest import named

REAL = os.environ.get("DARKROOM_REAL_FRAMES")
X, Y = 31, 17
K42, W1 = "CCD7 K42", "CCD8 W1"  # model and serial number


def write(folder, name, pixels, number, **cards):
    hdu = fits.PrimaryHDU(pixels)
    hdu.header.update({"SERIALNO": "W1", "INSTRUME": "CCD8", "EXPTIME": 5.0, "IMAGETYP": "dark", "CCD-TEMP": -10.0})
    hdu.header["DATE-OBS"] = f"2024-0{number}-01T22:00:00"
    hdu.header.update(cards)
    folder.mkdir(exist_ok=True)
    hdu.writeto(folder / name)
    return pixels


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    """A camera whole, in a window, binned, in a stack, not clearly placed, and with one file whose pixels are lost."""
    folder, rng = tmp_path_factory.mktemp("windows"), np.random.default_rng(5)
    raw = folder / "raw"

    def pixels(ny, nx):
        return rng.integers(100, 60000, (ny, nx)).astype(np.uint16)

    part = {"XORGSUBF": 10, "YORGSUBF": 5, "XBINNING": 1, "YBINNING": 1}
    binned = {"XBINNING": 2, "YBINNING": 2}
    truth = {
        "whole": write(raw, "whole.fits", pixels(40, 60), 1, **part | {"XORGSUBF": 0, "YORGSUBF": 0}),
        "part": write(raw, "part.fits", pixels(20, 30), 2, **part),
        "binned": write(raw, "binned.fits", pixels(20, 30), 3, XORGSUBF=0, YORGSUBF=0, **binned),
        "aside": write(raw, "aside.fits", pixels(4, 4), 4, **part),
    }
    write(raw, "open.fits", pixels(8, 8), 5, STARTX=11, STARTY=11, **binned)
    write(raw, "stack.fits", pixels(40, 60), 6, NCOMBINE=9)
    with open_archive(folder / "home") as archive:
        assert not archive.ingest(raw, progress=False).refused
        yield archive, truth


def test_every_value_is_the_files_whatever_window_and_binning(windows):
    archive, truth = windows
    rng = np.random.default_rng(1)
    for x, y in zip(rng.integers(11, 41, 12).tolist(), rng.integers(6, 26, 12).tolist(), strict=True):
        found = archive.pixel(W1, x=x, y=y).read()
        values = {one.document["_id"]: found.values[n, 0] for n, one in enumerate(found.frames)}
        expected = {
            "raw/whole.fits": truth["whole"][y - 1, x - 1],
            "raw/part.fits": truth["part"][y - 6, x - 11],
            "raw/binned.fits": truth["binned"][(y - 1) // 2, (x - 1) // 2],
        }
        if x < 15 and y < 10:
            expected["raw/aside.fits"] = truth["aside"][y - 6, x - 11]
        assert values == expected


def test_what_is_left_out_is_said(windows):
    archive, _ = windows
    asked = archive.pixel("ccd8 w1", x=30, y=20)
    said = {row["document"]: row["reason"] for row in asked.unread}
    assert "may count binned pixels" in said["raw/open.fits"]
    assert "not as the camera read it" in said["raw/stack.fits"]
    assert said[None] == "1 of 4 frames do not cover the pixel"
    (stack,) = archive.pixel(W1, x=30, y=20, kind="dark-stack").read().frames
    assert stack.document["_id"] == "raw/stack.fits"


def test_boxes_and_lists_are_the_pixels_one_by_one(windows):
    archive, _ = windows
    box = archive.pixel(W1, box=(9, 4, 12, 7))
    several = archive.pixel(W1, pixels=list(zip(box.places.x.tolist(), box.places.y.tolist(), strict=True)))
    np.testing.assert_array_equal(box.read().values, several.read().values)
    for n, (x, y) in enumerate(zip(box.places.x.tolist(), box.places.y.tolist(), strict=True)):
        one = archive.pixel(W1, x=x, y=y).read()
        ids = [frame.document["_id"] for frame in box.read().frames]
        for frame, value in zip(one.frames, one.values[:, 0], strict=True):
            assert box.read().values[ids.index(frame.document["_id"]), n] == value
    assert len(box.to_pandas()) == int((box.read().rows >= 0).sum())


@pytest.mark.parametrize(
    ("question", "error", "said"),
    [
        ({"x": 61, "y": 1}, NoSuchPixel, "x = 61 does not exist; it runs from 1 to 60"),
        ({"x": 5, "y": 3, "where": {"path": "part.fits"}}, NoSuchPixel, "no frame covers x=5, y=3; .* x 11..40"),
        ({}, UsageError, "say which pixel in one way"),
        ({"x": 1, "y": 1, "pixel_id": 4}, UsageError, "has no pixel_id="),
        ({"x": 1, "y": 1, "version": "1.17"}, UsageError, "has no version="),
        ({"x": 1, "y": 1, "kind": "drak"}, UsageError, "is it dark"),
        ({"x": 1, "y": 1, "date": "2030-01-01"}, NothingThere, "none of the 6 files"),
        ({"x": 1, "y": 1, "image": "chip3"}, NoSuchPixel, "no image 'chip3'"),
    ],
)
def test_bad_questions_are_answered_by_name(windows, question, error, said):
    with pytest.raises(error, match=said):
        windows[0].pixel(W1, **question).read()


def test_an_unknown_camera_names_those_there_are(windows):
    with pytest.raises(NoSuchPixel, match=r"no detector or camera 'W1'; is it CCD8 W1\?"):
        windows[0].pixel("W1", x=1, y=1)
    with pytest.raises(UsageError, match="MIRIMAGE is a detector of ramps, which has no kind="):
        windows[0].pixel("MIRIMAGE", x=1, y=1, kind="dark")
    with pytest.raises(UsageError, match="no ramps"):
        windows[0].pixel(W1, x=1, y=1).ramps()


def test_one_question_to_the_catalog_however_many_frames(windows, monkeypatch):
    archive, _ = windows
    asked = []
    collection = type(archive.headers)
    for name in ("find", "find_one", "aggregate"):
        inner = getattr(collection, name)

        def counted(self, *arguments, _inner=inner, _name=name, **more):
            asked.append((_name, arguments))
            return _inner(self, *arguments, **more)

        monkeypatch.setattr(collection, name, counted)
    archive.pixel(W1, x=30, y=20).history()
    assert sum(name == "find" and "$and" in arguments[0] for name, arguments in asked) == 1
    assert len(asked) <= 4


def test_darks_and_biases_are_compared_with_the_master_they_are_in(lights):
    asked = lights.pixel(K42, x=X, y=Y)
    history = asked.history()
    for kind in ("bias", "dark"):
        of = history.where(history.kind == kind, drop=True)
        master = lights.masters.find_one({"kind": kind})
        value = lights.cube(master, "value")[Y - 1, X - 1]
        assert set(of.masters.values.tolist()) == {master["_id"]}
        np.testing.assert_allclose(of.expected, value)
        np.testing.assert_allclose(of.residual, of.value - value)
        assert abs(float(of.residual.mean())) < 5
    flats = history.where(history.kind == "flat", drop=True)
    assert np.abs(flats.residual.values).max() < 6 * np.sqrt(30000 / 1.5**2)  # photons of 30,000 electrons
    assert float(flats.value.min()) > 15000


def test_the_residual_of_a_light_is_what_calibration_divides_by_the_flat(lights):
    light = named(lights, "light_120_00.fits")
    image = lights.calibrated(light)
    flat = lights.cube(lights.masters.find_one({"kind": "flat"}), "value")
    gain = image.meta["DRGAIN"]
    for x, y in ((1, 1), (X, Y), (120, 96)):
        history = lights.pixel(K42, x=x, y=y, kind="light").history()
        residual = float(history.residual.values[history.frame.values.tolist().index(light)])
        assert residual * gain / flat[y - 1, x - 1] == pytest.approx(image.data[y - 1, x - 1], rel=1e-5)


def test_tables_agree_with_the_dataset(lights, tmp_path):
    asked = lights.pixel(K42, pixels=[(X, Y), (1, 1)])
    table, history = asked.to_pandas(), asked.to_xarray()
    assert len(table) == history.value.size == asked.to_parquet(tmp_path / "p.parquet")
    np.testing.assert_array_equal(table["value"].to_numpy().reshape(history.value.shape), history.value)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "p.parquet"), table, check_dtype=False)
    assert [row["value"] for row in asked.values()["rows"]] == table["value"].tolist()
    assert set(table["exptime"]) == {0.0, 3.0, 60.0, 120.0}


def test_pictures_of_one_pixel_of_several_and_of_a_box(lights, tmp_path):
    one = lights.pixel(K42, x=X, y=Y).plot(tmp_path / "one.png")
    assert (tmp_path / "one.png").stat().st_size > 10_000
    assert len(one.get_axes()) == 2
    several = lights.pixel(K42, pixels=[(X, Y), (1, 1)]).plot()
    labels = [text.get_text() for text in several.get_axes()[0].get_legend().get_texts()]
    assert labels == ["bias", "dark", "flat", "light", f"x={X}, y={Y}", "x=1, y=1"]
    box = lights.pixel(K42, box=(3, 4, 5, 5), kind="dark").plot()
    titles = [axes.get_title(loc="left") for axes in box.get_axes()]
    assert titles == ["3, 5", "4, 5", "5, 5", "3, 4", "4, 4", "5, 4"]  # y grows upwards
    with pytest.raises(UsageError, match="a box of 64 at most"):
        lights.pixel(K42, box=(1, 1, 20, 20)).plot()


def test_a_missing_extra_is_named(lights, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(DarkroomError, match=r"needs xarray: pip install 'darkroom-archive\[xarray\]'"):
        lights.pixel(K42, x=1, y=1).history()
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(DarkroomError, match=r"darkroom-archive\[pandas\]"):
        lights.pixel(K42, x=1, y=1).to_pandas()


def test_the_command(calibrated_night, tmp_path):
    def run(*arguments):
        return CliRunner().invoke(app, ["--home", str(calibrated_night), *map(str, arguments)])

    shown = run("pixel", K42, X, Y, "--kind", "dark", "--csv", tmp_path / "p.csv")
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.splitlines()[0] == f"{K42} x={X}, y={Y}"
    assert "assumed: no window in the header" in shown.stderr
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 6
    found = json.loads(run("pixel", K42, X, Y, "--also", "1,1", "--json").stdout)
    assert len(found["rows"]) == 2 * 20
    assert run("pixel", K42, X, Y, "--box", f"{X + 1},{Y}", "--plot", tmp_path / "b.png").exit_code == 0
    assert run("pixel", K42, X, Y, "--also", "1;1").exit_code == 2


def test_the_overscan_of_each_frame_is_what_its_masters_were_made_without(tmp_path):
    """Biases whose level drifts from frame to frame: their masters do not have it, and what is expected does."""
    rng, raw = np.random.default_rng(3), tmp_path / "raw"
    raw.mkdir()
    for n, (kind, light) in enumerate([*[("bias", 0)] * 5, ("flat", 2000)]):
        pixels = rng.normal(500 + 40 * n, 3, (40, 60))
        pixels[:, :52] += light
        hdu = fits.PrimaryHDU(np.rint(pixels).astype(np.uint16))
        hdu.header.update({"IMAGETYP": kind, "EXPTIME": 0.0 if kind == "bias" else 3.0, "INSTRUME": "CCD6"})
        hdu.header.update({"SERIALNO": "O1", "BIASSEC": "[53:60,1:40]", "TRIMSEC": "[1:52,1:40]", "CCD-TEMP": -20.0})
        hdu.header["DATE-OBS"] = f"2024-03-01T20:{n:02d}:00"
        hdu.writeto(raw / f"{kind}_{n}.fits")
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(raw, jobs=1, progress=False)
        archive.calibration.make_masters("2024-03-01", kinds=["bias"], progress=False)
        history = archive.pixel("CCD6 O1", x=20, y=10).history()
    assert history.value.values[5] - history.value.values[0] > 2000
    assert np.abs(history.residual.values[:5]).max() < 15
    assert float(history.residual.values[5]) == pytest.approx(2000, abs=20)


@pytest.mark.skipif(REAL is None, reason="DARKROOM_REAL_FRAMES names no real frames")
def test_real_cameras_give_the_values_of_their_files(tmp_path):
    """A CMOS in a window, a CCD whose exposures count from its own corner, one with an overscan of rows."""
    root = Path(str(REAL))
    cameras = {"CAM-A": ("imx541/dark", (201, 301)), "ST-7": ("st7", (1, 1)), "IDS at INT": ("int", (785, 1))}
    with open_archive(tmp_path / "home") as archive:
        archive.ingest([root / folder for folder, _ in cameras.values()], jobs=1, progress=False)
        for camera, (_, (left, low)) in cameras.items():
            rng = np.random.default_rng(2)
            for x, y in zip(
                rng.integers(left, left + 366, 3).tolist(), rng.integers(low, low + 384, 3).tolist(), strict=True
            ):
                found = archive.pixel(camera, x=x, y=y).read()
                assert len(found.frames) >= 11
                for one, value in zip(found.frames, found.values[:, 0], strict=True):
                    pixels = archive.cube(one.document, "sci")
                    assert value == pixels[y - low, x - left]
