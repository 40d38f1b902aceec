"""From files to masters: frames at fault are left out and named, or the master is not verified."""

import numpy as np
import pytest
from astropy.io import fits

from pipelines import MasterOptions, open_archive

NIGHT = "2024-03-01"
SHAPE = (96, 96)
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]] / SHAPE[0]
VIGNETTED = 1.25 - (X - 0.5) ** 2 - (Y - 0.5) ** 2


class Night:
    """Writes frames of cameras that state nothing but their kind and exposure time."""

    def __init__(self, folder):
        self.folder, self.rng, self.count = folder, np.random.default_rng(5), 0

    def write(self, camera, kind, pixels, **cards):
        self.count += 1
        header = fits.Header({"INSTRUME": camera, "IMAGETYP": kind, "CCD-TEMP": -10.0, **cards})
        header["DATE-OBS"] = f"{NIGHT}T18:{self.count // 60:02}:{self.count % 60:02}"
        whole = np.clip(np.rint(pixels), 0, 65535).astype(np.uint16)
        fits.PrimaryHDU(whole, header).writeto(self.folder / f"{camera}_{kind}_{self.count:03}.fits")

    def unlit(self, camera, count, change=lambda i, frame: frame, kind="DARK", exptime=2.0):
        for i in range(count):
            self.write(camera, kind, change(i, self.rng.normal(500, 5, SHAPE)), EXPTIME=exptime)

    def flats(self, camera, count, *, level=20_000, top=65_535, change=lambda i, light: light):
        self.unlit(camera, 3)
        for i in range(count):
            light = change(i, level * VIGNETTED)
            seen = np.minimum(self.rng.normal(light + 500, np.sqrt(light + 25)), top)
            self.write(camera, "FLAT", seen, EXPTIME=2.0, FILTER="V")


def cloud(depth, place):
    return lambda i, light: light * (1 + depth * np.sin(6 * X + 1) * np.cos(7 * Y)) if i == place else light


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """One archive of all that goes wrong, its masters made once."""
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "raw").mkdir()
    faults = Night(folder / "raw")
    for depth, place in ((0.02, 0), (0.2, 3), (0.06, 6)):
        faults.flats(f"cloud{place}", 7, change=cloud(depth, place))
    faults.flats("cloud-of-five", 5, change=cloud(0.05, 1))
    faults.flats("slope", 7, change=lambda i, light: light * (1 + 0.14 * (X - 0.5)) if i == 2 else light)
    faults.flats("quarter", 8, change=lambda i, light: light + 3000 * (X < 0.5) * (Y < 0.5) * (i in (2, 5)))
    spot = np.exp(-((X - 0.4) ** 2 + (Y - 0.6) ** 2) / 0.01)
    faults.flats("drying", 8, change=lambda i, light: light * (1 - 0.25 * np.exp(-i / 3) * spot))
    faults.flats("clipped", 5, level=28_000, top=30_000)
    faults.flats("one-clipped", 6, top=33_000, change=lambda i, light: light * 1.5 if i == 4 else light)
    faults.flats("corner-clipped", 5, level=24_000, top=30_400)
    faults.flats("sound", 5)
    faults.unlit("shifted", 9, lambda i, frame: frame + 50 * (i in (1, 3, 4, 7)), "BIAS", 0.0)
    faults.unlit("leak", 3, lambda i, frame: frame + 10 * X * (i == 1), exptime=60.0)
    with open_archive(folder / "home") as archive:
        archive.ingest(folder / "raw", jobs=1, progress=False)
        rows = archive.calibration.make_masters(NIGHT, progress=False)
        yield archive, {(row["camera"], row["kind"]): row for row in rows}


@pytest.mark.parametrize(
    ("camera", "at_fault", "why"),
    [("cloud0", [0], "smooth differences"), ("cloud3", [3], ""), ("cloud6", [6], ""), ("slope", [2], ""),
     ("quarter", [2, 5], ""), ("one-clipped", [4], "saturated, at 33000")],
)  # fmt: skip
def test_few_flats_at_fault_are_left_out_and_named(night, camera, at_fault, why):
    archive, rows = night
    row = rows[camera, "flat"]
    assert row["status"] == "verified", row["reason"]
    names = sorted(doc["_id"] for doc in archive.headers.find({"obs.camera": camera, "kind": "flat"}, {"_id": 1}))
    expected = [names[n] for n in at_fault]
    assert sorted(told.split(": ")[0] for told in row["rejected"]) == expected
    assert all(why in told for told in row["rejected"])
    master = archive.masters.find_one({"_id": row["master"]})
    assert sorted(item["id"] for item in master["rejected"]) == expected
    value = archive.store.open(master["arrays"]["value"])[:]
    smooth = (value / VIGNETTED * np.median(VIGNETTED[24:-24, 24:-24])).reshape(12, 8, 12, 8).mean((1, 3))
    assert np.abs(smooth - 1).max() < 0.003


@pytest.mark.parametrize("camera", ["cloud-of-five", "drying"])
def test_what_cannot_be_made_without_them_is_not_verified(night, camera):
    row = night[1][camera, "flat"]
    assert row["status"] == "proposed"
    assert f"{camera}_FLAT_" in row["reason"]


def test_where_too_few_are_left_it_is_said_how_they_are_enough_and_again_nothing_is_done(night):
    archive, rows = night
    assert "--minimum 4" in rows["cloud-of-five", "flat"]["reason"]
    options = MasterOptions(minimum=3)
    for outcome in ("made", "unchanged"):
        answer = archive.calibration.make_masters(NIGHT, kinds=("flat",), options=options, progress=False)
        (row,) = [row for row in answer if row["camera"] == "cloud-of-five"]
        assert (row["outcome"], row["status"], row["frames"]) == (outcome, "verified", 4)
        assert "left out" in row["rejected"][0]
    whole = archive.masters.find_one({"_id": rows["cloud-of-five", "flat"]["master"]})
    assert (whole["status"], whole["instead"]) == ("proposed", row["master"])


def test_flats_that_are_half_saturated_make_no_master_whatever_the_header_says(night):
    row = night[1]["clipped", "flat"]
    assert row["status"] is None
    assert "saturated, at 30000" in row["reason"] + "".join(row["rejected"])


def test_clipped_samples_have_no_part_in_a_flat_and_their_pixels_are_flagged(night):
    archive, rows = night
    row = rows["corner-clipped", "flat"]
    master = archive.masters.find_one({"_id": row["master"]})
    assert master["statistics"]["saturation"] == 30_400
    value, dq, count = (archive.store.open(master["arrays"][name])[:] for name in ("value", "dq", "count"))
    clipped = (dq & 2) != 0
    assert 0.001 < clipped.mean() < 0.05
    assert (count[clipped] < 5).all()
    truth = VIGNETTED / np.median(VIGNETTED[24:-24, 24:-24])
    assert np.nanmean((value / truth)[clipped]) == pytest.approx(1, abs=0.01)


def test_sound_flats_lose_nothing(night):
    row = night[1]["sound", "flat"]
    assert (row["status"], row["frames"], row["rejected"]) == ("verified", 5, [])


def test_biases_of_another_level_and_a_leaking_dark_of_three_are_named(night):
    rows = night[1]
    assert len(rows["shifted", "bias"]["rejected"]) == 4
    assert rows["shifted", "bias"]["frames"] == 5
    leak = rows["leak", "dark"]
    assert leak["status"] != "verified"
    assert "leak_DARK" in leak["reason"] + "".join(leak["rejected"])
