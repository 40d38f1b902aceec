"""What a file states of its own pixels, a quality plane and errors, counts in the masters made of it."""

import numpy as np
import pytest
from astropy.io import fits

from tests.pipelines.calibration.conftest import make, of

NIGHT = "2024-03-10"
SHAPE = (64, 80)
BAD = (10, 20)


@pytest.fixture
def ingest(archive, tmp_path):
    """Ingest frames of any camera, (kind, pixels, planes beside them by name) each."""

    def take(*wanted):
        folder = tmp_path / "raw" / "lab"
        folder.mkdir(parents=True)
        for number, (kind, pixels, beside) in enumerate(wanted):
            primary = fits.PrimaryHDU()
            cards = {"INSTRUME": "X", "CAMERA": "C1", "IMAGETYP": kind, "EXPTIME": 9.0, "FILTER": "V"}
            primary.header.update(cards | {"DATE-OBS": f"{NIGHT}T06:00:{number:02d}"})
            planes = [fits.ImageHDU(pixels, name="SCI")]
            planes += [fits.ImageHDU(plane, name=name) for name, plane in beside.items()]
            fits.HDUList([primary, *planes]).writeto(folder / f"{number:02d}.fits")
        archive.ingest(folder, progress=False)

    return take


def level(seed, value, noise=5.0):
    return np.random.default_rng(seed).normal(value, noise, SHAPE).astype(np.float32)


@pytest.mark.parametrize("name", ["DQ", "MASK", "BPM", "BADPIX", "FLAGS", "QUALITY"])
def test_what_a_file_says_is_bad_is_no_part_of_a_master(ingest, archive, name):
    frames = [level(seed, 500) for seed in range(4)]
    masks = [np.zeros(SHAPE, np.uint8) for _ in frames]
    # So near the others that no rejection would find it.
    frames[2][BAD] = frames[1][BAD] + 3
    masks[2][BAD] = 4
    for mask in masks:
        mask[0, 0] = 1
    ingest(*(("dark", pixels, {name: mask}) for pixels, mask in zip(frames, masks, strict=True)))
    make(archive, NIGHT, kinds=("dark",))
    master = of(archive, kind="dark")
    value, count = (np.asarray(archive.cube(master, plane)) for plane in ("value", "count"))
    others = np.array([frames[0][BAD], frames[1][BAD], frames[3][BAD]])
    assert count[BAD] == 3
    assert value[BAD] == pytest.approx(others.mean(dtype=np.float64), rel=1e-6)
    assert count[0, 0] == 0
    assert np.isnan(value[0, 0])
    assert (master["status"], master["acceptance"]["held"][0]["pixels"]) == ("verified", value.size - 1)
    assert master["notes"] == [f"pixels that are not 0 in {name.lower()} were left out"]


def test_several_masks_count_together_and_those_that_some_frames_lack_are_said(ingest, archive):
    first, second = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    first[1, 1], second[2, 2] = 1, 8
    ingest(*(("dark", level(n, 500), {"BPM": first, **({"DQ": second} if n else {})}) for n in range(4)))
    make(archive, NIGHT, kinds=("dark",))
    master = of(archive, kind="dark")
    count = np.asarray(archive.cube(master, "count"))
    assert (count[1, 1], count[2, 2], count[3, 3]) == (0, 1, 4)
    assert master["notes"] == ["pixels that are not 0 in bpm, dq (3 of 4 frames have it) were left out"]


@pytest.mark.parametrize(("name", "power"), [("ERR", 2), ("VAR", 1)])
def test_the_variances_that_files_state_become_those_of_the_master(ingest, archive, name, power):
    sigma = np.linspace(4, 6, SHAPE[0], dtype=np.float32)[:, np.newaxis] + np.zeros(SHAPE, np.float32)
    ingest(*(("dark", level(seed, 500), {name: sigma ** (3 - power)}) for seed in range(3)))
    make(archive, NIGHT, kinds=("dark",))
    master = of(archive, kind="dark")
    variance, count = (np.asarray(archive.cube(master, plane)) for plane in ("variance_model", "count"))
    np.testing.assert_allclose(variance, (sigma ** (3 - power)) ** power / count, rtol=1e-5)


def test_a_mask_of_a_flat_is_no_part_of_its_level_nor_of_the_master(ingest, archive):
    shine = np.linspace(0.9, 1.1, SHAPE[1]) * 20000
    flats = [level(seed, 500) + np.random.default_rng(90 + seed).poisson(shine, SHAPE) for seed in range(5)]
    mask = np.zeros(SHAPE, np.uint8)
    mask[16:40, 20:50] = 1
    flats[3][mask != 0] = 60000
    clear = np.zeros(SHAPE, np.uint8)
    ingest(
        *(("dark", level(40 + seed, 500), {"DQ": clear}) for seed in range(3)),
        *(("flat", pixels.astype(np.float32), {"DQ": mask if n == 3 else clear}) for n, pixels in enumerate(flats)),
    )
    rows = make(archive, NIGHT, kinds=("dark", "flat"))
    assert [row["status"] for row in rows] == ["verified", "verified"], rows
    master = of(archive, kind="flat")
    value, count = (np.asarray(archive.cube(master, plane)) for plane in ("value", "count"))
    assert {item["level"] for item in master["inputs"]} != {None}
    assert np.median(count[mask != 0]) == 4
    np.testing.assert_allclose(np.median(value, axis=0), np.linspace(0.9, 1.1, SHAPE[1]), atol=0.01)
