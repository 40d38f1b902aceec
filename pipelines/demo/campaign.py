"""A short MIRI campaign: exposures in flight format, and one in the format of the ground tests.

Ramps are a bias, light and dark current that bend a little as they fill the pixel, a settling of
the first groups, read noise, and cosmic rays. One pixel turns hot in the middle of the campaign.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.detectors.subarrays import DETECTORS, SUBARRAYS, Subarray

_HOT_RATE = 1500.0
_MJD_EPOCH = datetime(1858, 11, 17, tzinfo=UTC)

Ramps = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Exposure:
    """One simulated exposure.

    Attributes
    ----------
    path
        The file.
    exposure
        Its name, without the product.
    start
        UTC.
    ground
        Whether it is in the format of the ground tests.
    hits
        Ramps hit by a cosmic ray.
    """

    path: Path
    exposure: str
    start: datetime
    ground: bool
    hits: int


@dataclass(frozen=True, slots=True)
class CampaignTruth:
    """What is true of a simulated campaign.

    Attributes
    ----------
    folder
        Where the files are.
    subarray
        The window on the detector.
    nints, ngroups
        Of every exposure.
    exposures
        In order of time; the ground test is the first.
    hot
        Full-frame (x, y), from 1, of the pixels that are hot in every exposure.
    turned_hot, since
        The pixel that turns hot, and the name of the first exposure in which it is.
    nbytes
        Bytes of all files.
    """

    folder: Path
    subarray: Subarray
    nints: int
    ngroups: int
    exposures: tuple[Exposure, ...]
    hot: tuple[tuple[int, int], ...]
    turned_hot: tuple[int, int]
    since: str
    nbytes: int


def simulate_campaign(
    folder: str | os.PathLike[str],
    *,
    exposures: int = 4,
    nints: int = 2,
    ngroups: int = 10,
    subarray: str = "SUB64",
    seed: int = 1,
    program: int = 9999,
) -> CampaignTruth:
    """Write a campaign: ``folder/jw09999/*_uncal.fits``, and ``folder/ground/*.fits`` with the ground test.

    Parameters
    ----------
    folder
        Made if it is not there.
    exposures
        Exposures in flight format, at least 2; one in ground format comes before them.
    nints, ngroups
        Integrations of an exposure and groups of an integration, at least 1 and 2.
    subarray
        Name of one of `pipelines.detectors.SUBARRAYS` that has a frame time.
    seed
        Of the detector and of the campaign.
    program
        Number in the names of files and exposures, which tells campaigns in one archive apart.

    Raises
    ------
    ValueError
        A number is too small, or there is no such subarray.
    """
    window = SUBARRAYS.get(subarray)
    if window is None or window.frame_time is None:
        raise ValueError(f"no simulation of the subarray {subarray!r}; try {', '.join(SUBARRAYS)}")
    if exposures < 2 or nints < 1 or ngroups < 2:
        raise ValueError("a campaign has at least 2 exposures of 1 integration of 2 groups")
    folder = Path(folder)
    rng = np.random.default_rng((seed, 493))
    detector = _Detector(rng, window, window.frame_time)
    written = []
    for index in range(exposures + 1):
        if index == exposures // 2 + 1:
            detector.turn_hot()
        sci, refout, hits = detector.expose(nints, ngroups)
        ground = index == 0
        start = datetime(2018, 3, 8, 1, 2, 30, tzinfo=UTC)
        if not ground:
            start = datetime(2024, 1, 1, 6, 0, 0, tzinfo=UTC) + timedelta(days=30 * index, minutes=7 * index)
        name = f"jw{program:05d}001001_02101_{index:05d}_mirimage"
        path = folder / f"jw{program:05d}" / f"{name}_uncal.fits"
        if ground:
            name = f"MIRI_{program}_1_S_{start:%Y%m%d-%H%M%S}_SCE1"
            path = folder / "ground" / f"{name}.fits"
        path.parent.mkdir(parents=True, exist_ok=True)
        (_write_ground if ground else _write_flight)(path, sci, refout, window, start)
        written.append(Exposure(path, name, start, ground, hits))
    return CampaignTruth(
        folder=folder,
        subarray=window,
        nints=nints,
        ngroups=ngroups,
        exposures=tuple(written),
        hot=detector.hot,
        turned_hot=detector.turning,
        since=written[exposures // 2 + 1].exposure,
        nbytes=sum(exposure.path.stat().st_size for exposure in written),
    )


class _Detector:
    """The pixels of a window, and their history."""

    def __init__(self, rng: np.random.Generator, window: Subarray, frame_time: float) -> None:
        self._rng = rng
        self._window = window
        self._frame_time = frame_time
        ny, nx = window.ny, window.nx
        self._bias = rng.normal(11000, 300, (ny, nx)).astype(np.float32)
        y, x = np.mgrid[0:ny, 0:nx]
        spot = np.exp(-((x - nx / 2) ** 2 + (y - ny / 2) ** 2) / (0.02 * nx * ny))
        self._rate = (20 + 30 * spot).astype(np.float32)
        places = np.sort(rng.choice(ny * nx, size=max(3, ny * nx // 500), replace=False))
        *hot, turning = (self._full_frame(int(place)) for place in rng.permuted(places))
        self.hot: tuple[tuple[int, int], ...] = tuple(sorted(hot))
        self.turning: tuple[int, int] = turning
        for place in hot:
            self._rate[window.index(*place)] = _HOT_RATE

    def turn_hot(self) -> None:
        """From now on the turning pixel is hot."""
        self._rate[self._window.index(*self.turning)] = _HOT_RATE

    def expose(self, nints: int, ngroups: int) -> tuple[Ramps, Ramps, int]:
        """Return SCI (nint, ngroup, y, x), REFOUT (nint, ngroup, y, x / 4), and how many ramps were hit."""
        rng, (ny, nx) = self._rng, self._rate.shape
        group = np.arange(1, ngroups + 1, dtype=np.float32)[:, np.newaxis, np.newaxis]
        filled = self._rate * group * np.float32(self._frame_time)
        clean = self._bias + filled * (1 - np.float32(2e-6) * filled) - 25 * np.exp(-(group - 1) / 1.5)
        struck = rng.random((nints, 1, ny, nx)) < 0.02
        when = rng.integers(2, ngroups + 1, struck.shape)
        size = rng.gamma(2.0, 200.0, struck.shape)
        steps = np.where(struck & (group >= when), size, 0).astype(np.float32)
        noise = rng.standard_normal((nints, ngroups, ny, nx), dtype=np.float32) * 6
        reference = 9000 + rng.standard_normal((nints, ngroups, ny, nx // 4), dtype=np.float32) * 5
        return _counts(clean + steps + noise), _counts(reference), int(struck.sum())

    def _full_frame(self, place: int) -> tuple[int, int]:
        row, column = divmod(place, self._window.nx)
        return self._window.x + column, self._window.y + row


def _counts(values: npt.NDArray[Any]) -> Ramps:
    counts: Ramps = np.clip(np.rint(values), 0, 65535).astype(np.uint16)
    return counts


def _mjd(instant: datetime) -> float:
    return (instant - _MJD_EPOCH) / timedelta(days=1)


def _write_flight(path: Path, sci: Ramps, refout: Ramps, window: Subarray, start: datetime) -> None:
    """Write an uncalibrated exposure: SCI, REFOUT, and the times of its integrations."""
    from astropy.io import fits

    nints, ngroups = sci.shape[:2]
    frame = window.frame_time or 0.0
    duration = nints * ngroups * frame
    primary = fits.PrimaryHDU()
    header = {
        "DATE": start.strftime("%Y-%m-%dT%H:%M:%S.000"),
        "ORIGIN": "SIMULATED",
        "FILENAME": path.name,
        "FILETYPE": "UNCALIBRATED",
        "DATAMODL": "Level1bModel",
        "TELESCOP": "JWST",
        "PROGRAM": "09999",
        "OBS_ID": "V09999001001P0000000002101",
        "INSTRUME": "MIRI",
        "DETECTOR": "MIRIMAGE",
        "SCA_ID": DETECTORS["MIRIMAGE"],
        "FILTER": "F1000W",
        "EXP_TYPE": "MIR_IMAGE",
        "TIMESYS": "UTC",
        "DATE-OBS": f"{start:%Y-%m-%d}",
        "TIME-OBS": f"{start:%H:%M:%S}.000",
        "EXPSTART": _mjd(start),
        "EXPEND": _mjd(start) + duration / 86400,
        "READPATT": "FASTR1",
        "NINTS": nints,
        "NGROUPS": ngroups,
        "NFRAMES": 1,
        "GROUPGAP": 0,
        "TFRAME": frame,
        "TGROUP": frame,
        "EFFINTTM": ngroups * frame,
        "EFFEXPTM": duration,
        "SUBARRAY": window.name,
        "SUBSTRT1": window.x,
        "SUBSTRT2": window.y,
        "SUBSIZE1": window.nx,
        "SUBSIZE2": window.ny,
        "FASTAXIS": 1,
        "SLOWAXIS": 2,
    }
    primary.header.update(header)
    ends = _mjd(start) + np.arange(nints + 1) * ngroups * frame / 86400
    times = np.zeros(
        nints,
        [("integration_number", "i4")]
        + [(f"int_{part}_{scale}", "f8") for scale in ("MJD_UTC", "BJD_TDB") for part in ("start", "mid", "end")],
    )
    times["integration_number"] = np.arange(1, nints + 1)
    for scale in ("MJD_UTC", "BJD_TDB"):
        times[f"int_start_{scale}"], times[f"int_end_{scale}"] = ends[:-1], ends[1:]
        times[f"int_mid_{scale}"] = (ends[:-1] + ends[1:]) / 2
    hdus = [
        primary,
        fits.ImageHDU(sci, name="SCI"),
        fits.ImageHDU(refout, name="REFOUT"),
        fits.BinTableHDU(times, name="INT_TIMES"),
    ]
    fits.HDUList(hdus).writeto(path, overwrite=True)


def _write_ground(path: Path, sci: Ramps, refout: Ramps, window: Subarray, start: datetime) -> None:
    """Write a ground test: one cube of frames, the reference output in extra rows, headers as at JPL."""
    from astropy.io import fits

    nints, ngroups, ny, nx = sci.shape
    frames = np.empty((nints * ngroups, *window.raw_shape), np.uint16)
    frames[:, :ny] = sci.reshape(-1, ny, nx)
    frames[:, ny:] = refout.reshape(-1, ny, nx // 4).transpose(0, 2, 1).reshape(-1, ny // 4, nx)
    frame = window.frame_time or 0.0
    primary = fits.PrimaryHDU(frames)
    header = {
        "ROWSTART": window.y,
        # The ground system counts five outputs for every four columns.
        "COLSTART": (window.x - 1) // 4 * 5 + 1,
        "DATE": start.strftime("%Y-%m-%dT%H:%M:%S"),
        "ORIGIN": "JPL",
        "FILENAME": path.name,
        "FILETYPE": "raw",
        "TELESCOP": "JWST",
        "INSTRUME": "MIRI",
        "OBSERVER": "SIMULATED",
        "DATE_OBS": f"{start:%Y-%m-%d}",
        "TIME_OBS": f"{start:%H:%M:%S}",
        "DATE_END": "yyyy-mm-dd",
        "TIME_END": "hh:mm:ss",
        "OBS_ID": 9999,
        "EXP_ID": 1,
        "SCA_ID": 20,
        "DETECTOR": "IC",
        "NSAMPLE": 1,
        "NFRAME": 1,
        "NGROUPS": ngroups,
        "NINT": nints,
        "TFRAME": round(frame, 3),
        "TGROUP": round(frame, 3),
        "INTTIME": round(ngroups * frame, 3),
        "EXPTIME": round(nints * ngroups * frame, 3),
        "WALLTIME": round(nints * ngroups * frame, 3),
    }
    primary.header.update(header)
    primary.writeto(path, overwrite=True)
