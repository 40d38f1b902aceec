"""Figures on real detectors whose truth is known: unstable pixels, gain and noise, weights, hot pixels.

The frames are those of ``DARKROOM_REAL_FRAMES``: Sony IMX541 (EMVA 1288: gain 2.369 e-/DN, read noise 0.885 DN; the
noise of each pixel over 168 darks) and SBIG ST-7. Run it alone with ``python -m tests.benchmarks detectors``.
"""

import os
import tempfile
import warnings
from pathlib import Path

import numpy as np

from tests.benchmarks.measure import Row, table

EMVA_GAIN, EMVA_NOISE = 2.369, 0.885


def unstable_rows(archive, folder):
    """Pixels noisier than so many times the usual: found over all samples, and by what clipping leaves of them.

    Of a peer a pixel is found above the limit, set with the truth, at which it flags as many quiet pixels as ours.
    """
    from astropy.io import fits
    from astropy.stats import mad_std, sigma_clip

    truth = fits.getdata(folder / "noise_of_168_darks.fits").astype(float)
    ours = archive.calibration.noise_map("CAM-A")
    groups = {}
    for name in sorted((folder / "dark").iterdir()):
        pixels, header = fits.getdata(name, header=True)
        groups.setdefault(header["EXPTIME"], []).append(pixels.astype(float))
    quiet = truth < 1.3 * EMVA_NOISE
    peers = {}
    for told, clip in (
        ("5 sigma MAD", {"sigma": 5, "cenfunc": "median", "stdfunc": mad_std}),
        ("3 sigma mean and deviation", {"sigma": 3}),
    ):
        squares = [np.ma.var(sigma_clip(f, axis=0, **clip), axis=0, ddof=1).filled(0) for f in groups.values()]
        kept = np.sqrt(np.mean(squares, axis=0))
        peers[told] = kept, np.quantile(kept[quiet], 1 - ours.unstable[quiet].mean())
    rows = []
    for times, aim in ((2, 95), (3, 98), (5, 99)):
        noisy = truth > times * EMVA_NOISE
        rows.append(Row(
            f"IMX541: {int(noisy.sum())} pixels noisier than {times}x found; sigma within 1.5x",
            f"{ours.unstable[noisy].mean():.1%}; {_within(ours.noise, truth, noisy):.1%}",
            "scatter after clipping by "
            + ", ".join(
                f"{told}: {(kept[noisy] > limit).mean():.1%}; {_within(kept, truth, noisy):.1%}"
                for told, (kept, limit) in peers.items()
            ),
            f">= {aim} %",
        ))  # fmt: skip
    rows.append(
        Row("- flagged among those of noise below 1.3x", f"{ours.unstable[quiet].mean():.3%}", "the same", "<= 0.2 %")
    )
    return rows


def _within(noise, truth, pixels):
    """Fraction of some pixels whose noise is within 1.5x of the truth."""
    ratio = noise[pixels] / truth[pixels]
    return ((ratio < 1.5) & (ratio > 1 / 1.5)).mean()


def transfer_rows(archive):
    """Gain and read noise by photon transfer, against EMVA 1288."""
    (row,) = archive.calibration.photon_transfer("CAM-A")
    return [
        Row("IMX541: gain by photon transfer, e-/DN", f"{row['gain']:.3f} +- {row['gain_error']:.3f} "
            f"({row['gain'] / EMVA_GAIN - 1:+.1%})", f"EMVA 1288: {EMVA_GAIN}", "+- 3 %"),
        Row("- read noise, DN", f"{row['read_noise']:.3f} ({row['read_noise'] / EMVA_NOISE - 1:+.1%})",
            f"EMVA 1288: {EMVA_NOISE}", "+- 2 %"),
        Row("- departure from a line", f"{row['linearity']:.2%}", "-", "<= 1 %"),
    ]  # fmt: skip


def flat_rows(folder):
    """Flats of 26 to 3871 DN in one: weighted by variance, and all alike as by default elsewhere.

    Eight of the 56 files are copies, which grouping leaves out: 48 flats are combined.
    """
    from astropy.io import fits
    from astropy.nddata import CCDData
    from ccdproc import Combiner

    from pipelines.combine import NoiseModel, combine

    dark = np.mean([fits.getdata(name).astype(float) for name in sorted((folder / "dark").iterdir())[:8]], axis=0)
    read = [fits.getdata(name).astype("u2") for name in sorted((folder / "flat").iterdir())]
    flats = list({flat.tobytes(): flat for flat in read}.values())
    levels = [float(np.median(flat[96:-96, 96:-96] - dark[96:-96, 96:-96])) for flat in flats]
    noise = NoiseModel(EMVA_NOISE, EMVA_GAIN, float(np.median(dark)))
    options = {"noise": noise, "offsets": [dark] * len(flats), "scale": [1 / level for level in levels]}
    made = combine(flats, weights="inverse-variance", **options)
    one, other = (combine(flats[n::2], weights="inverse-variance", **_half(options, n)) for n in (0, 1))
    halves = np.std((one.value - other.value)[8:-8, 8:-8]) / 2
    theirs = []
    for n in (0, 1):
        scaled = [CCDData((f - dark) / level, unit="adu") for f, level in zip(flats, levels, strict=True)][n::2]
        theirs.append(np.asarray(Combiner(scaled).average_combine().data))
    apart = np.std((theirs[0] - theirs[1])[8:-8, 8:-8]) / 2
    stated = np.sqrt(np.median(made.variance_model))
    photons = (EMVA_GAIN * sum(levels)) ** -0.5
    return [Row(f"IMX541: sigma of {len(flats)} distinct flats of unequal levels, stated; by halves",
                f"{stated:.4f}; {halves:.4f}",
                f"ccdproc average, equal weights, by halves: {apart:.4f}; their photons alone: {photons:.4f}",
                "<= 0.0020")]  # fmt: skip


def _half(options, n):
    return {name: value[n::2] if isinstance(value, list) else value for name, value in options.items()}


def hot_rows(folder):
    """Hot pixels of three darks of 30 s that lose a good sample."""
    from astropy.io import fits
    from astropy.stats import mad_std, sigma_clip

    from pipelines.combine import combine, measure_noise

    read = [fits.getdata(name, header=True) for name in sorted(folder.iterdir())]
    chosen = [(pixels, header) for pixels, header in read if header.get("EXPTIME") == 30]
    frames = [np.asarray(pixels).astype(pixels.dtype.newbyteorder("=")) for pixels, _ in chosen]
    noise = measure_noise(frames, gain=chosen[0][1].get("EGAIN"))
    made = combine(frames, noise=noise)
    middle = np.median(frames, axis=0)
    hot = middle - np.median(middle) > 300
    lost = (made.count < len(frames))[hot].mean()
    # Taken 15 days before or after the others, a pixel may have another dark current: that is no good sample.
    signal = np.array([frame - np.median(frame) for frame in frames])
    changed = (np.abs(signal - np.median(signal, axis=0)) > 0.5 * np.median(signal, axis=0)).any(axis=0)
    steady = (made.count < len(frames))[hot & ~changed].mean()
    clipped = sigma_clip(np.array(frames, float), sigma=3, axis=0, cenfunc="median", stdfunc=mad_std)
    theirs = np.ma.getmaskarray(clipped).any(axis=0)[hot].mean()
    what = (
        f"ST-7: of {int(hot.sum())} pixels above 300 ADU in {len(frames)} darks lose a sample; "
        f"of the {int((hot & ~changed).sum())} that no frame has at half their signal more or less"
    )
    return [Row(what, f"{lost:.1%}; {steady:.1%}", f"astropy's median and MAD, 3 sigma: {theirs:.1%}", "<= 2 %")]


def main():
    """Print the table."""
    from pipelines import open_archive

    real = os.environ.get("DARKROOM_REAL_FRAMES")
    if not real:
        print("Detectors: not measured, DARKROOM_REAL_FRAMES names no real frames\n")
        return
    folder = Path(real) / "imx541"
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as home, open_archive(home) as archive:
        warnings.simplefilter("ignore")
        archive.ingest(folder, progress=False)
        archive.calibration.make_masters("2026-06-26", kinds=("dark",), progress=False)
        rows = [*unstable_rows(archive, folder), *transfer_rows(archive), *flat_rows(folder)]
        rows += hot_rows(Path(real) / "st7" / "darks")
    print(table("Detectors: real frames", rows))


if __name__ == "__main__":
    main()
