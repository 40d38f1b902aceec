"""A small campaign in an archive: two windows that overlap, ground and flight, two calibrations of one exposure."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pipelines import Archive, open_archive
from pipelines.demo.simulate import CampaignTruth, simulate_calibration, simulate_campaign


@dataclass(frozen=True)
class Campaign:
    """The archive and what it was made from."""

    archive: Archive
    truth: CampaignTruth
    folder: Path
    files: dict[str, dict[str, Path]]  # by exposure, then uncal, ramp, rateints, rate

    def products(self, exposure):
        return self.files[exposure]


def calibrated(truth, folder, **options):
    """Calibrate every flight exposure of a campaign into a folder; files by exposure and kind."""
    files = {}
    for exposure in truth.exposures:
        files[exposure.exposure] = {"uncal": exposure.path}
        if not exposure.ground:
            made = simulate_calibration(exposure.path, folder, **options)
            files[exposure.exposure] |= dict(zip(("ramp", "rateints", "rate"), made, strict=True))
    return files


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """Ramps of 8 groups in SUB64, of 3 in MASKLYOT, which covers SUB64; the second exposure calibrated twice."""
    folder = tmp_path_factory.mktemp("pixels")
    truth = simulate_campaign(folder / "raw", exposures=4, nints=3, ngroups=8)
    files = calibrated(truth, folder / "cal" / "v3")
    wide = simulate_campaign(folder / "wide", exposures=2, nints=1, ngroups=3, subarray="MASKLYOT", program=8888)
    files |= calibrated(wide, folder / "cal" / "wide", version="1.12.5", err=True)
    simulate_calibration(truth.exposures[2].path, folder / "cal" / "v117", version="1.17.1", jump=False)
    with open_archive(folder / "home") as archive:
        report = archive.ingest([folder / "raw", folder / "wide", folder / "cal"], progress=False)
        assert report.refused == []
        yield Campaign(archive, truth, folder, files)


@pytest.fixture
def two(tmp_path):
    """Two exposures that a test may spoil: files by exposure and kind, not ingested."""
    truth = simulate_campaign(tmp_path / "raw", exposures=2, nints=4, ngroups=5)
    return truth, calibrated(truth, tmp_path / "cal" / "v3")


@pytest.fixture(scope="session")
def worker_threads():
    """A Dask cluster of two threads of this process: what it is given is pickled as for any other."""
    distributed = pytest.importorskip("distributed")
    quiet = {"processes": False, "dashboard_address": "127.0.0.1:0", "silence_logs": "CRITICAL"}
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, **quiet) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def same_found(one, other):
    """Whether two searches found the same, to the last bit of their maps."""
    maps = zip(one.maps, other.maps, strict=True)
    alike = [
        np.array_equal(mine.images[name], its.images[name], equal_nan=mine.images[name].dtype.kind == "f")
        for mine, its in maps
        for name in mine.images
    ]
    return bool(alike) and all(alike) and list(one.pixels) == list(other.pixels) and one.unreadable == other.unreadable
