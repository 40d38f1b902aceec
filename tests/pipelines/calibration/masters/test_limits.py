"""What bounds a master: the best of very many frames, and memory that does not grow with the processors."""

import os
import tracemalloc

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from pipelines import open_archive
from pipelines.calibration.masters.drafting import _best
from pipelines.calibration.masters.run import _at_a_time
from pipelines.combine import NoiseModel, combine
from pipelines.combine.bands import threads

NIGHT = "2024-03-01"


@given(st.lists(st.sampled_from(["good", "doubtful"]), min_size=2, max_size=40), st.integers(2, 20))
def test_the_best_are_so_many_sound_ones_first_in_their_order(verdicts, most):
    frames = [{"_id": f"f{n:02d}", "qc": {"verdict": verdict}} for n, verdict in enumerate(verdicts)]
    chosen = _best(frames, most)
    sound = [frame for frame in frames if frame["qc"]["verdict"] == "good"]
    assert len(chosen) == min(most, len(frames))
    assert chosen == sorted(chosen, key=lambda frame: frame["_id"])
    doubtful = [frame for frame in chosen if frame not in sound]
    assert not doubtful or all(frame in chosen for frame in sound)
    if len(sound) >= most:
        assert (chosen[0], chosen[-1]) == (sound[0], sound[-1])  # over the whole night


def test_of_very_many_frames_the_best_are_taken_and_the_others_are_said(tmp_path):
    folder = tmp_path / "raw" / "cam"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(2)
    for n in range(54):
        cards = {"IMAGETYP": "bias", "EXPTIME": 0.0, "INSTRUME": "C", "DATE-OBS": f"{NIGHT}T19:{n:02d}:00"}
        pixels = rng.normal(500 + 40 * (n == 10), 5, (32, 40)).round().astype("u2")
        fits.PrimaryHDU(pixels, fits.Header(cards)).writeto(folder / f"bias_{n:02d}.fits")
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(folder, progress=False)
        (row,) = archive.calibration.make_masters(NIGHT, kinds=("bias",), progress=False)
        assert (row["outcome"], row["frames"], row["status"]) == ("made", 50, "verified")
        assert len(row["rejected"]) == 4
        bad, *many = sorted(row["rejected"], key=lambda told: "bias_10" not in told)
        assert "bias_10.fits: judged bad" in bad  # it takes no place of a good one
        assert all("a master takes the best 50, spread evenly over the 53 there are" in told for told in many)
        used = sorted(item["id"] for item in archive.masters.find_one({"kind": "bias"})["inputs"])
        assert used[0].endswith("bias_00.fits")
        assert used[-1].endswith("bias_53.fits")


class _Step:
    """As much of a step as deciding how many are made at a time needs."""

    def __init__(self, *shape):
        self.frames = ({"arrays": {"sci": {"shape": list(shape)}}},)


@pytest.mark.parametrize("cores", [2, 8, 64])
def test_masters_made_at_a_time_are_bounded_by_memory(monkeypatch, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: range(cores), raising=False)
    assert threads() == min(8, cores)
    assert _at_a_time([_Step(6000, 8000)]) == 1
    assert _at_a_time([_Step(64, 80)]) == min(8, cores)


def test_the_memory_of_combining_is_that_of_its_planes_and_a_band_per_thread(monkeypatch):
    rng = np.random.default_rng(1)
    frames = [rng.normal(500, 5, (700, 900)).round().astype("u2") for _ in range(6)]
    peaks = {}
    for cores in (8, 64):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid, cores=cores: range(cores), raising=False)
        tracemalloc.start()
        made = combine(frames, noise=NoiseModel(5.0))
        peaks[cores] = tracemalloc.get_traced_memory()[1] - sum(plane.nbytes for plane in made.planes.values())
        tracemalloc.stop()
    assert peaks[64] < 8 * 16e6
    assert peaks[64] < 1.5 * peaks[8]
