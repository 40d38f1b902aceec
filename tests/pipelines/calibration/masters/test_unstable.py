"""Telegraph pixels by all their samples, on a simulation and on the real frames of a CMOS sensor."""

import os
from pathlib import Path

import numpy as np
import pytest

from pipelines.calibration.masters.bits import MasterDQ
from pipelines.calibration.masters.heldout import Reference, hold_out
from pipelines.calibration.masters.unstable import Scatter, Spread, hits_by_chance, mark_unstable, steady_variance
from pipelines.combine import NoiseModel, combine, measure_noise

REAL = os.environ.get("DARKROOM_REAL_FRAMES")


class Rows:
    """An array that gives its rows."""

    def __init__(self, values):
        self.values = values
        self.shape = values.shape

    def read(self, start, stop):
        return self.values[start:stop]


def made(frames, noise):
    """Combine frames and hold them out; the planes, and the scatter of all samples."""
    combined = combine(frames, noise=noise)
    spread = Spread.of(combined.value.shape)
    hold_out(
        [Rows(frame) for frame in frames],
        Reference(combined.value, combined.variance_model.copy(), combined.count),
        names=[f"f{n}" for n in range(len(frames))],
        variance=lambda i, level: noise.variance(level),
        spread=spread,
    )
    return combined, spread


def test_the_scatter_is_that_of_all_samples_and_cosmic_rays_are_no_telegraph():
    rng = np.random.default_rng(3)
    frames = rng.normal(300, 5, (10, 100, 80)).astype("f4")
    frames[[2, 5, 7], :1] += 120  # three times in the high state, each of which combining rejects
    frames[4, 50:60] += 500  # hit once
    combined, spread = made(list(frames), NoiseModel(5.0))
    np.testing.assert_allclose(spread.variance, frames.var(axis=0, ddof=1, dtype=float), rtol=1e-3)
    assert (spread.strikes[:1] == 3).mean() > 0.95
    planes = combined.planes
    before = planes["variance_model"].copy()
    mark_unstable(planes, spread, NoiseModel(5.0))
    flagged = (planes["dq"] & MasterDQ.UNSTABLE) != 0
    assert flagged[:1].all()
    assert flagged[1:].mean() < 2e-3
    said = np.sqrt(planes["variance_model"][:1] * planes["count"][:1])
    assert np.median(said / frames[:, :1].std(axis=0, ddof=1)) == pytest.approx(1, rel=0.1)
    assert (planes["variance_model"][~flagged] == before[~flagged]).all()


def test_hits_that_chance_explains():
    rate = 0.05
    least = hits_by_chance(np.exp(-rate))
    drawn = np.random.default_rng(1).poisson(rate, 10**6)
    assert (drawn >= least).mean() <= 5e-4
    assert (drawn >= least - 1).mean() > 5e-4


@pytest.mark.skipif(REAL is None, reason="DARKROOM_REAL_FRAMES names no real frames")
def test_the_noisy_pixels_of_a_real_sensor_are_found():
    """40 darks of 5 exposure times against the noise of each pixel over 168."""
    from astropy.io import fits

    folder = Path(str(REAL)) / "imx541"
    truth = fits.getdata(folder / "noise_of_168_darks.fits").astype(float)
    groups = {}
    for name in sorted((folder / "dark").iterdir()):
        pixels, header = fits.getdata(name, header=True)
        groups.setdefault(header["EXPTIME"], []).append(pixels.astype("u2"))
    scatter = Scatter(truth.shape)
    for frames in groups.values():
        noise = measure_noise(frames)
        assert noise.read_noise == pytest.approx(0.885, rel=0.02)
        combined, spread = made(frames, noise)
        kept = combined.variance_scatter * combined.count
        scatter.add(spread, steady_variance(combined.value, noise.to_dict()), kept)
    found = scatter.unstable()
    for times, share in ((2, 0.95), (3, 0.98), (5, 0.99)):
        assert found[truth > times * 0.885].mean() >= share
    assert found[truth < 1.3 * 0.885].mean() <= 0.002
    ratio = scatter.sigma()[truth > 2 * 0.885] / truth[truth > 2 * 0.885]
    assert ((ratio < 1.5) & (ratio > 1 / 1.5)).mean() >= 0.98


@pytest.mark.skipif(REAL is None, reason="DARKROOM_REAL_FRAMES names no real frames")
def test_real_flats_of_unequal_levels_give_the_gain_and_weigh_by_their_variance():
    """48 flats of 26 to 3871 DN: EMVA 1288 says 2.369 electrons a DN and a read noise of 0.885 DN."""
    from astropy.io import fits

    from pipelines.calibration.masters.flatnoise import flat_noise
    from pipelines.calibration.masters.frames import Normalised, central_level

    folder = Path(str(REAL)) / "imx541"
    darks = [fits.getdata(name).astype("u2") for name in sorted((folder / "dark").iterdir())[:8]]
    read = [fits.getdata(name).astype("u2") for name in sorted((folder / "flat").iterdir())]
    flats = list({flat.tobytes(): flat for flat in read}.values())  # eight of the files are copies
    assert (len(read), len(flats)) == (56, 48)
    dark = Rows(np.mean(darks, axis=0))
    lights = []
    for flat in flats:
        frame = Rows(flat)
        frame.dtype = flat.dtype
        lights.append(Normalised(frame, dark, central_level(frame, dark)))
    noise = flat_noise(lights, [str(n) for n in range(len(flats))], [{"noise": measure_noise(darks).to_dict()}])
    assert noise.gain == pytest.approx(2.37, rel=0.03)
    assert noise.read_noise == pytest.approx(0.885, rel=0.02)
    scale = [1 / light.level for light in lights]
    options = {"noise": noise, "offsets": [dark.values] * len(flats), "scale": scale}
    made = combine(flats, weights="inverse-variance", **options)
    sigma = np.sqrt(np.median(made.variance_model))
    assert sigma == pytest.approx((2.369 * sum(light.level for light in lights)) ** -0.5, rel=0.02)  # photons: 0.00216
    halves = [
        combine(
            flats[n::2], weights="inverse-variance", noise=noise, offsets=options["offsets"][n::2], scale=scale[n::2]
        )
        for n in (0, 1)
    ]
    apart = (halves[0].value - halves[1].value)[8:-8, 8:-8] / 2
    assert np.std(apart) == pytest.approx(sigma, rel=0.03)
    assert np.sqrt(np.median(made.variance_scatter)) == pytest.approx(np.sqrt(np.median(made.variance_model)), rel=0.05)
    rejected = made.value.size * len(flats) - made.count.sum(dtype=int)
    assert rejected <= 1e-4 * made.value.size * len(flats)
