"""Overscan: where a frame says what of it no light reaches, the level there is taken from it before anything else."""

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from pipelines.calibration.masters.geometry import section_of
from pipelines.errors import UsageError
from tests.pipelines.calibration.conftest import make, of

SHAPE = (64, 96)
SECTION = "[81:96,1:64]"
NIGHTS = ("2024-03-10", "2024-03-11")
CURRENT = 40.0


@pytest.fixture
def ingest(archive, tmp_path):
    """Ingest frames, (night, kind, bias, light, section, seconds) each, of which columns 81 to 96 are overscan."""

    def take(*wanted):
        folder = tmp_path / "raw" / "lab"
        folder.mkdir(parents=True)
        for number, (night, kind, bias, light, section, *seconds) in enumerate(wanted):
            rng = np.random.default_rng(number)
            pixels = rng.normal(bias, 6, SHAPE)
            pixels[:, :80] += CURRENT + rng.poisson(light, (64, 80))
            pixels[5, 90] = 60000  # a hit in the overscan
            hdu = fits.PrimaryHDU(np.rint(pixels).astype(np.uint16))
            cards = {
                "INSTRUME": "X",
                "CAMERA": "C1",
                "IMAGETYP": kind,
                "EXPOSURE": [*seconds, 9.0][0],
                "FILTER": "V",
                "CCD-TEMP": -10.0,
            }
            hdu.header.update(cards | {"CCD-TEMP": -10.0, "DATE-OBS": f"{night}T06:00:{number:02d}"})
            if section:
                hdu.header["BIASSEC"] = section
            hdu.writeto(folder / f"{number:02d}.fits")
        archive.ingest(folder, progress=False)
        assert archive.quarantine.count_documents({}) == 0

    return take


def test_a_bias_that_drifts_is_no_part_of_a_dark_nor_of_a_flat(ingest, archive, tmp_path):
    darks = [(NIGHTS[0], "dark", bias, 0, SECTION) for bias in (1000, 1030, 1060)]
    flats = [(NIGHTS[0], "flat", 1000 + 25 * n, 20000, SECTION) for n in range(5)]
    ingest(*darks, *flats)
    rows = make(archive, NIGHTS[0], kinds=("dark", "flat"))
    assert [(row["outcome"], row["status"]) for row in rows] == [("made", "verified")] * 2, rows
    dark, flat = of(archive, kind="dark"), of(archive, kind="flat")
    value = np.asarray(archive.cube(dark, "value"))
    assert value.shape == (64, 80)  # trimmed to what is left beside the overscan
    assert np.median(value) == pytest.approx(CURRENT, abs=0.6)
    assert [item["level"] for item in flat["inputs"]] == pytest.approx([20000] * 5, rel=0.001)
    # Without it these would be 30 units apart, five times the noise, and all but one rejected.
    assert np.asarray(archive.cube(dark, "count")).mean() > 2.99
    path = archive.calibration.export(dark["_id"], tmp_path / "dark.fits")
    header = fits.getheader(path)
    assert (header["OVERSCAN"], "BIASSEC" in header) == (SECTION, False)  # nobody takes it away again


def test_frames_with_and_without_overscan_are_not_mixed_nor_matched(ingest, archive):
    ingest(*[(NIGHTS[0], "dark", 1000, 0, SECTION)] * 3, *[(NIGHTS[0], "flat", 1000, 20000, None)] * 5)
    flat = next(row for row in make(archive, NIGHTS[0]) if row["kind"] == "flat")
    assert (flat["outcome"], f"has overscan {SECTION}, wanted nothing" in flat["reason"]) == ("none", True)


def test_the_next_night_is_compared_on_its_own_overscan(ingest, archive):
    ingest(*[(night, "dark", 1000 + 200 * n, 0, SECTION) for n, night in enumerate(NIGHTS) for _ in range(3)])
    make(archive, NIGHTS[0], kinds=("dark",))
    checked = archive.calibration.check_frames(NIGHTS[1], progress=False)
    assert {row["verdict"] for row in checked} == {"good"}
    told = [check["verdict"] for frame in archive.headers.find({"date": NIGHTS[1]}) for check in frame["qc"]["checks"]
            if check["check"] == "distance"]  # fmt: skip
    assert told == ["good"] * 3
    assert of(archive, date=NIGHTS[0])["status"] == "verified"
    (row,) = make(archive, NIGHTS[1], kinds=("dark",))
    assert (row["status"], NIGHTS[0] in row["reason"]) == ("verified", True)  # held against the night before


@pytest.mark.parametrize("section", ["[81:97,1:64]", "right", "[0:4,1:64]"])
def test_what_is_no_section_of_the_frame_is_said(ingest, archive, section):
    ingest(*[(NIGHTS[0], "dark", 1000, 0, section)] * 3)
    row = next(row for row in make(archive, NIGHTS[0]) if row["kind"] == "dark")
    assert f"the overscan {section} is no part of the frames, so none was taken away" in row["reason"]


@given(st.data())
def test_a_section_is_cut_as_it_is_written(data):
    shape = tuple(data.draw(st.integers(1, 50)) for _ in range(2))
    x1, y1 = (data.draw(st.integers(1, size)) for size in (shape[1], shape[0]))
    x2, y2 = data.draw(st.integers(x1, shape[1])), data.draw(st.integers(y1, shape[0]))
    rows, columns = section_of(f"[{x1}:{x2}, {y1}:{y2}]", shape)
    y, x = np.mgrid[1 : shape[0] + 1, 1 : shape[1] + 1]
    inside = (x >= x1) & (x <= x2) & (y >= y1) & (y <= y2)
    cut = np.zeros(shape, bool)
    cut[rows, columns] = True
    np.testing.assert_array_equal(cut, inside)
    with pytest.raises(UsageError, match="no part"):
        section_of(f"[{x1}:{shape[1] + 1},{y1}:{y2}]", shape)


def test_dark_corners_do_not_hide_the_gain_of_a_flat(ingest, archive):
    ingest(
        *[(NIGHTS[0], "dark", 1000, 0, SECTION)] * 3,
        *[(NIGHTS[0], "flat", 1000, 20000, SECTION)] * 5,
    )
    make(archive, NIGHTS[0], kinds=("dark", "flat"))
    noise = of(archive, kind="flat")["noise"]
    assert noise["gain"] == pytest.approx(1, rel=0.03)  # photons are simulated as counts
    assert noise["read_noise"] == pytest.approx(6, rel=0.03)


def test_a_dark_is_scaled_down_on_the_overscan_of_the_flat(ingest, archive):
    ingest(
        *[(NIGHTS[0], "bias", 1000, 0, SECTION, 0.0)] * 3,
        *[(NIGHTS[0], "dark", 1050, 0, SECTION, 18.0)] * 3,
        *[(NIGHTS[0], "flat", 1000 + 25 * n, 20000, SECTION) for n in range(5)],
    )
    make(archive, NIGHTS[0])
    master = of(archive, kind="flat")
    assert {used["role"]: used["scale"] for used in master["masters"]} == {"dark": 0.5, "bias": 1.0}
    # Bias and dark alike hold 40 above the overscan, and so does their mean.
    assert [item["level"] for item in master["inputs"]] == pytest.approx([20000] * 5, rel=0.001)
