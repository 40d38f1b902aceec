"""Several amplifiers per file, each with its overscan: a plane per image; and the real frames of the INT."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from pipelines import open_archive
from pipelines.calibration.masters.bits import MasterDQ
from pipelines.calibration.masters.lamp import by_spectrum
from tests.pipelines.calibration.apply.conftest import named

NIGHT = "2024-03-01"
SHAPE = (48, 72)  # of which columns 65 to 72 are overscan
LEVELS = (500, 800)


def amplifier(rng, level, light):
    """Pixels of an amplifier: its level drifts over the rows, light falls beside the overscan only."""
    drift = 6 * np.sin(np.arange(SHAPE[0]) / 9)[:, None]
    pixels = rng.normal(level, 3, SHAPE) + drift
    pixels[:, :64] += rng.poisson(light, (SHAPE[0], 64))
    return np.rint(pixels).astype(np.uint16)


@pytest.fixture(scope="module")
def mosaic(tmp_path_factory):
    """Home of an archive of a camera with two amplifiers, an extension each."""
    folder = tmp_path_factory.mktemp("mosaic")
    raw = folder / "raw" / "amps"
    raw.mkdir(parents=True)
    plan = [("BIAS", 5, 0.0, 0), ("DARK", 5, 1.0, 0), ("FLAT", 5, 2.0, 20000), ("OBJECT", 1, 2.0, 400)]
    for number, (kind, n, seconds, light) in enumerate((k, n, s, v) for k, c, s, v in plan for n in range(c)):
        rng = np.random.default_rng(number)
        primary = fits.PrimaryHDU()
        cards = {"OBSTYPE": kind, "INSTRUME": "fa15", "EXPTIME": seconds, "FILTER": "rp"}
        primary.header.update(cards | {"DATE-OBS": f"{NIGHT}T21:{number:02d}:00", "CCDATEMP": -100.0})
        hdus = [primary]
        for ver, level in enumerate(LEVELS, 1):
            pixels = amplifier(rng, level + 7 * number, light)
            if kind == "DARK" and ver == 2:
                pixels[10, 20] += 500
                pixels[:, :30] += np.uint16(20 * (n == 4))  # light, in one of the two
            hdu = fits.ImageHDU(pixels, name="SCI", ver=ver)
            hdu.header["BIASSEC"] = "[72:65,1:48]"  # read from the other side
            hdus.append(hdu)
        fits.HDUList(hdus).writeto(raw / f"{kind.lower()}_{n:02d}.fits")
    with open_archive(folder / "home") as archive:
        archive.ingest(folder / "raw", progress=False)
        table = archive.calibration.make_masters(NIGHT, progress=False)
        assert {row["outcome"] for row in table} == {"made"}, table
    return folder / "home"


def test_a_master_has_a_plane_per_image_and_no_drift_of_its_overscan(mosaic):
    with open_archive(mosaic, readonly=True) as archive:
        bias = archive.masters.find_one({"kind": "bias"})
        assert bias["status"] == "verified", bias["acceptance"]
        assert [image["name"] for image in bias["images"]] == ["sci_1", "sci_2"]
        for image in bias["images"]:
            value = archive.cube(bias, f"value@{image['name']}")[...]
            assert value.shape == (48, 64)
            assert np.median(value) == pytest.approx(0, abs=0.3)
            assert np.std(np.median(value, axis=1)) < 0.6  # 4 with one mean for the frame
            assert len(image["statistics"]["overscan"]) == 5


def test_frames_are_checked_image_by_image_before_masters_are_made(mosaic):
    with open_archive(mosaic, readonly=True) as archive:
        rows = {row["id"]: row for row in archive.calibration.frames(NIGHT)}
        assert {row["verdict"] for row in rows.values()} == {"good", "bad"}
        (bad,) = [row for row in rows.values() if row["verdict"] == "bad"]
        assert bad["id"].endswith("dark_04.fits")
        assert bad["reasons"][0].startswith("sci_2: one side")
        dark = archive.masters.find_one({"kind": "dark"})
        assert len(dark["inputs"]) == 4
        assert [item["id"] for item in dark["rejected"]] == [bad["id"]]
        stats = archive.document(bad["id"])["stats"]
        assert stats["hot"] == sum(one["hot"] for one in stats["images"].values())
        levels = {name: one["level"] - one["pedestal"] for name, one in stats["images"].items()}
        assert levels["sci_1"] == pytest.approx(0, abs=1)  # the level itself drifts by 7 from frame to frame
        assert levels["sci_2"] > 1


def test_a_pixel_map_has_a_plane_per_image_and_masks_lights(mosaic):
    with open_archive(mosaic, readonly=True) as archive:
        found = archive.masters.find_one({"kind": "pixelmap"})
        hot = [archive.cube(found, f"dq@sci_{n}")[...] & int(MasterDQ.HOT) for n in (1, 2)]
        assert [list(zip(*np.nonzero(plane), strict=True)) for plane in hot] == [[], [(10, 20)]]
        assert [image["statistics"]["hot"] for image in found["images"]] == [0, 1]
        assert found["statistics"]["hot"] == 1
        lights = archive.calibrated(named(archive, "object_00.fits"))
        assert [bool(light.mask[10, 20]) for light in lights] == [False, True]
        archive.calibration.header(found)


def test_a_light_is_calibrated_image_by_image_and_written_as_one_file(mosaic, tmp_path):
    with open_archive(mosaic, readonly=True) as archive:
        name = named(archive, "object_00.fits")
        found = archive.calibrated(name)
        assert len(found) == 2
        for image in found:
            assert image.shape == (48, 64)
            gain = image.meta.get("DRGAIN", 1.0)
            assert np.median(image.data) == pytest.approx(400 * gain, rel=0.02)
            assert image.meta["CALSTAT"].startswith("OTBF")
        (row,) = archive.calibration.calibrate(name, out=tmp_path, progress=False)
        with fits.open(row["result"]) as file:
            file.verify("exception")
            assert file["SCI", 2].header["IMAGE"] == "sci_2"
            assert np.array_equal(file["SCI", 2].data, found[1].data)
        bias = archive.masters.find_one({"kind": "bias"})
        archive.calibration.export(bias["_id"], tmp_path / "bias.fits")
        with fits.open(tmp_path / "bias.fits") as file:
            assert np.array_equal(file["SCI", 2].data, archive.cube(bias, "value@sci_2")[...])
            assert file["UNCERT", 1].data.shape == (48, 64)


@pytest.mark.patient
@pytest.mark.skipif("DARKROOM_REAL_FRAMES" not in os.environ, reason="DARKROOM_REAL_FRAMES does not name real frames")
def test_int_biases_lose_their_overscan_and_flats_are_made_of_biases_alone(tmp_path):
    folder = Path(os.environ["DARKROOM_REAL_FRAMES"]) / "int"
    shutil.copytree(folder, tmp_path / "int")
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(tmp_path / "int", progress=False)
        archive.calibration.make_masters("2022-09-23", kinds=("bias",), progress=False)
        bias = archive.masters.find_one({"kind": "bias"})
        value = archive.cube(bias)[...]
        assert value.shape == (4099, 366)
        frames = []
        for path in sorted((tmp_path / "int").rglob("bias*.fit")):
            data = fits.getdata(path).astype(float)
            over = data[4104:4190]
            over = over[np.abs(over - np.median(over)) < 5 * 1.4826 * np.median(np.abs(over - np.median(over)))]
            frames.append(data[:4099] - over.mean())
        assert np.median(value) == pytest.approx(np.median(np.median(frames, axis=0)), abs=0.15)
        assert value.mean() == pytest.approx(np.mean(frames), abs=0.15)
        assert len(bias["statistics"]["overscan"]) == len(frames) - len(bias["rejected"])
        # One bias differs smoothly from the others, and the master asks for a look: here somebody has looked.
        archive.calibration.set_status(bias["_id"], "verified", why="looked at")
        table = archive.calibration.make_masters("2022-09-23", kinds=("flat",), progress=False)
        flat = archive.masters.find_one({"kind": "flat"})
        assert flat is not None, [row["reason"] for row in table]
        assert [used["role"] for used in flat["masters"]] == ["bias"]
        assert any("dark signal stays in" in note for note in flat["notes"])
        # Its light is dispersed: what has the lamp's light is of use, though that reaches from 0 to 4 of the level.
        assert (flat["status"], flat["statistics"]["dispersion"]) == ("verified", "y")
        value, dq = (archive.cube(flat, plane)[...] for plane in ("value", "dq"))
        dark = (dq & np.uint8(MasterDQ.LOW_LIGHT)) != 0
        assert dark.mean() < 0.15  # 0.47 by a fifth of its level
        assert np.median(value[dark]) < 0.02
        low, high = np.percentile(by_spectrum(value, "y")[~dark], [1, 99])
        assert 0.7 < low < high < 1.3
