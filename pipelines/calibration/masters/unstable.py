"""Unstable pixels: the scatter of all samples of a pixel, those that combining left out too, against its noise.

Telegraph noise is what rejection removes; a pixel that has it is known by all of its samples. A cosmic ray hits a pixel
once: samples far off count when they are more than chance makes hits fall on one pixel.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.calibration.masters.bits import MasterDQ
from pipelines.combine import NoiseModel

__all__ = ["Scatter", "Spread", "mark_unstable", "steady_variance"]

Plane = npt.NDArray[Any]

UNSTABLE = 4.5
"""Sigmas above its mean of the cube root of the chi-square of a pixel, from which it is unstable."""

_CHANCE = 5e-4  # of pixels that cosmic rays hit so often, at most


@dataclass(slots=True)
class Spread:
    """All samples of each pixel of one group of frames, as far as they are valid, (y, x).

    Attributes
    ----------
    variance : ndarray of float32
        Of all samples, ddof 1; NaN for fewer than two.
    samples, strikes : ndarray of uint16
        How many there are, and how many of them are further than 5 sigmas from the stored value.
    """

    variance: Plane
    samples: Plane
    strikes: Plane

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> "Spread":
        """Return one that is to be filled."""
        return cls(np.full(shape, np.nan, np.float32), np.zeros(shape, np.uint16), np.zeros(shape, np.uint16))

    @property
    def planes(self) -> dict[str, Plane]:
        """The planes by the names that they are stored by."""
        return {"variance_all": self.variance, "samples": self.samples, "strikes": self.strikes}


@dataclass(slots=True)
class Scatter:
    """Chi-squares of the pixels over any number of masters, added one by one."""

    shape: tuple[int, ...]
    chi: Plane = field(init=False)
    kept: Plane = field(init=False)
    freedom: Plane = field(init=False)
    strikes: Plane = field(init=False)
    noise: Plane = field(init=False)

    def __post_init__(self) -> None:
        for name in ("chi", "kept", "freedom", "noise"):
            setattr(self, name, np.zeros(self.shape, np.float32))
        self.strikes = np.zeros(self.shape, np.uint16)

    @classmethod
    def joined(cls, bands: "Sequence[Scatter]") -> "Scatter":
        """Return what was added in bands of rows, from the first on, as one."""
        whole = cls((sum(band.shape[0] for band in bands), *bands[0].shape[1:]))
        for name in ("chi", "kept", "freedom", "strikes", "noise"):
            setattr(whole, name, np.concatenate([getattr(band, name) for band in bands]))
        return whole

    def add(self, spread: Spread, steady: Plane, kept: Plane | None = None) -> None:
        """Add a master.

        Parameters
        ----------
        spread : Spread
            Its samples.
        steady : ndarray
            Variance that the noise model gives a sample of a steady pixel.
        kept : ndarray, optional
            Variance of a sample by the scatter of those that were kept; by default that of all.
        """
        degrees = np.maximum(spread.samples.astype(np.float32) - 1, 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = spread.variance / steady
            inner = ratio if kept is None else kept / steady
        use = np.isfinite(ratio) & (degrees > 0)
        np.add(self.chi, ratio * degrees, out=self.chi, where=use)
        np.add(self.kept, np.minimum(np.nan_to_num(inner), ratio) * degrees, out=self.kept, where=use)
        np.add(self.noise, spread.variance * degrees, out=self.noise, where=use)
        np.add(self.freedom, degrees, out=self.freedom, where=use)
        self.strikes += spread.strikes

    def unstable(self, sigmas: float = UNSTABLE) -> npt.NDArray[np.bool_]:
        """Return which pixels scatter more than noise explains, (y, x).

        The cube root of a chi-square over its degrees of freedom is normal (Wilson and Hilferty 1931, PNAS 17, 684).
        """
        known = self.freedom > 0
        if not known.any():
            return known
        enough = self.strikes >= hits_by_chance(float(np.mean(self.strikes[known] == 0)))
        degrees = np.where(known, self.freedom, 1)
        spread = 2 / (9 * degrees)
        root = np.cbrt(np.where(enough, self.chi, self.kept) / degrees)
        found: npt.NDArray[np.bool_] = known & (root > 1 - spread + sigmas * np.sqrt(spread))
        return found

    def sigma(self) -> npt.NDArray[np.float32]:
        """Return the standard deviation of each pixel over all samples, in their units; NaN where there are none."""
        with np.errstate(invalid="ignore", divide="ignore"):
            found: npt.NDArray[np.float32] = np.sqrt(self.noise / self.freedom)
        return found


def hits_by_chance(untouched: float) -> int:
    """Return from how many far samples on a pixel cosmic rays are no explanation, two at least.

    >>> hits_by_chance(0.99), hits_by_chance(0.8)
    (2, 4)
    """
    rate = -math.log(min(max(untouched, 1e-3), 1.0))
    term = left = math.exp(-rate)
    count = 1
    while 1 - left > _CHANCE or count < 2:
        term *= rate / count
        left += term
        count += 1
    return count


def steady_variance(value: Plane, noise: Mapping[str, Any]) -> Plane:
    """Return the variance of a sample of a steady pixel: read noise and photons, (y, x)."""
    model = NoiseModel(noise.get("read_noise"), noise.get("gain"), noise.get("level") or 0.0)
    return model.variance(value).astype(np.float32)


def mark_unstable(planes: Mapping[str, Plane], spread: Spread, noise: NoiseModel) -> int:
    """Flag the unstable pixels of a master, whose variance is then no smaller than what they scatter.

    Returns
    -------
    int
        How many there are.
    """
    scatter = Scatter(spread.variance.shape)
    count = np.maximum(planes["count"], 1)
    kept = planes["variance_scatter"] * count
    scatter.add(spread, steady_variance(planes["value"], noise.to_dict()), kept)
    found = scatter.unstable()
    planes["dq"][found] |= np.uint8(MasterDQ.UNSTABLE)
    planes["variance_model"][found] = np.fmax(planes["variance_model"], spread.variance / count)[found]
    return int(found.sum())
