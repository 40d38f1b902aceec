"""Colour sensors: flats whose colours differ in level are flats, and lights divided by them are flat in each colour."""

import numpy as np

from pipelines import open_archive
from pipelines.calibration.masters.bits import MasterDQ
from tests.pipelines.calibration.apply.conftest import NIGHT, PLAN, SHAPE, Camera, named, write

COLOURS = {"R": (slice(0, None, 2), slice(0, None, 2)), "B": (slice(1, None, 2), slice(1, None, 2))}


def test_a_night_of_a_colour_sensor(tmp_path):
    """Red has half the light of green and blue a twelfth, as through a narrow filter."""
    camera = Camera()
    camera.response[COLOURS["R"]] *= 0.5
    camera.response[COLOURS["B"]] *= 0.08
    write(tmp_path / "raw" / NIGHT, camera, PLAN, BAYERPAT="RGGB", XBAYROFF=0, YBAYROFF=0)
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(tmp_path / "raw", progress=False)
        made = archive.calibration.make_masters(NIGHT, progress=False)
        assert {(row["kind"], row["status"]) for row in made} == {
            (kind, "verified") for kind in ("bias", "dark", "flat", "pixelmap")
        }
        (flat,) = archive.masters.find({"kind": "flat"})
        assert "colour planes (RGGB) are normalised together" in flat["notes"][0]
        dq = archive.cube(flat["_id"], "dq")[...]
        assert not (dq & np.uint8(MasterDQ.LOW_LIGHT)).any()
        (bad,) = archive.masters.find({"kind": "pixelmap"})
        assert bad["statistics"]["bad"] < 0.02 * SHAPE[0] * SHAPE[1]
        done = archive.calibrated(named(archive, "light_120_00.fits"))
        good = ~done.mask
        assert good.mean() > 0.98
        for place in COLOURS.values():  # the sky was as bright everywhere, in the light of the flat
            ratio = np.median(done.data[place][good[place]]) / np.median(done.data[good])
            assert abs(ratio - 1) < 0.03
