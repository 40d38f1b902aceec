"""What is smooth in the differences of a frame: means over blocks, in which pixels of noise average out."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["BLOCK", "REACH", "Blocks", "plane_of_sky"]

Plane = npt.NDArray[Any]
Use = npt.NDArray[np.bool_]

REACH = 5.0
"""A sample this many sigmas from the stored value does not agree with it."""

SPOT_SIGMA, SPOT_SHARE = 6.0, 0.02
"""A block of a flat departs when its mean is so many of its own sigmas off, and by such a fraction of its light."""

_SURE = 40.0  # by how much a surface must lessen the squared sigmas: 5 terms do so by chance once in 7 million
_TERMS = 6  # of a surface of second order
BLOCK = 8  # pixels along a block, of frames of up to 16 million
_COARSE = 16  # blocks of blocks along each axis, by which smooth structure is told


@dataclass(slots=True)
class Blocks:
    """Means of one frame's differences over blocks: of the difference, held to 5 sigma, and of its variance."""

    block: int
    off: Plane
    expected: Plane
    count: Plane

    @classmethod
    def of(cls, shape: tuple[int, ...], block: int) -> "Blocks":
        size = (-(-shape[0] // block), -(-shape[1] // block))
        return cls(block, np.zeros(size), np.zeros(size), np.zeros(size))

    def add(self, start: int, off: Plane, expected: Plane, use: Use) -> None:
        reach = np.float32(REACH) * np.sqrt(expected)
        held = np.where(use, np.clip(off, -reach, reach), 0)
        first = start // self.block
        for target, plane in ((self.off, held), (self.expected, np.where(use, expected, 0)), (self.count, use)):
            down = np.add.reduceat(plane.astype(np.float32), np.arange(0, plane.shape[0], self.block), axis=0)
            cells = np.add.reduceat(down, np.arange(0, plane.shape[1], self.block), axis=1)
            target[first : first + len(cells)] += cells

    @property
    def known(self) -> Use:
        """Which blocks have enough pixels to have a mean."""
        found: Use = self.count >= max(4, self.block**2 // 4)
        return found

    def means(self, *, sky: bool) -> tuple[Plane, Plane]:
        """Return the mean difference of each block, without its plane if that is sky's, and the variance of a pixel."""
        number = np.maximum(self.count, 1)
        off, variance = self.off / number, np.where(self.known, self.expected / number, 1)
        if sky and self.known.any():
            off = off - self._plane(off, variance)[1]
        return np.where(self.known, off, 0), variance

    def slope(self) -> float:
        """Return the plane that fits the differences best, from edge to edge along its slope."""
        number = np.maximum(self.count, 1)
        variance = np.where(self.known, self.expected / number, 1)
        fit = self._plane(self.off / number, variance)[0] if self.known.any() else np.zeros(3)
        return 2 * math.hypot(fit[1], fit[2])

    def surface(self) -> float:
        """Return how far apart lowest and highest place of the surface of second order are, in sigmas of a pixel."""
        off, variance = self.means(sky=False)
        if np.count_nonzero(self.known) < 2 * _TERMS:
            return 0.0
        one, x, y = plane_of_sky(0, off.shape[0], off.shape).astype(np.float64)
        terms = np.stack([one, x, y, x * x, x * y, y * y])
        weight = np.where(self.known, np.sqrt(self.count / variance), 0).ravel()
        target = off.ravel() * weight
        level = float(weight @ target / (weight @ weight))
        fit = np.linalg.lstsq((terms * weight).T, target, rcond=None)[0]
        gain = float(np.sum((target - level * weight) ** 2) - np.sum((target - weight * (fit @ terms)) ** 2))
        sigma = math.sqrt(float(np.median(variance[self.known])))
        return float(np.ptp(fit @ terms)) / sigma if gain > _SURE else 0.0

    def _plane(self, off: Plane, variance: Plane) -> tuple[Plane, Plane]:
        """Fit a plane to the differences of the blocks: its coefficients, and what it is."""
        place = plane_of_sky(0, off.shape[0], off.shape)
        weight = np.where(self.known, 1 / np.sqrt(variance), 0).ravel()
        fit = np.linalg.lstsq((place * weight).T, off.ravel() * weight, rcond=None)[0]
        return fit, (fit @ place).reshape(off.shape)

    def outlying(self, value: Plane, *, sky: bool) -> Use:
        """Return the blocks of a flat that are off by more than their noise, and a fraction of their light."""
        off, variance = self.means(sky=sky)
        if not sky:
            return np.zeros(off.shape, bool)
        size = np.abs(off)
        middle = self.block // 2
        light = value[middle :: self.block, middle :: self.block]
        light = np.resize(light, off.shape) if light.shape != off.shape else light
        # A spot that is many sigmas deep has been held to 5: half of that is as good as the fraction.
        deep = np.minimum(SPOT_SHARE * np.abs(np.nan_to_num(light, nan=1.0)), 2.5 * np.sqrt(variance))
        found: Use = self.known & (size > deep) & (size * np.sqrt(self.count) > SPOT_SIGMA * np.sqrt(variance))
        return found

    def structure(self, *, sky: bool) -> float:
        """Return the root mean square of smooth differences beyond their noise, in sigmas of a pixel; 0 if not sure."""
        off, variance = self.means(sky=sky)
        level = np.where(self.known, off / np.sqrt(variance), 0) * self.count
        steps = [np.unique(np.linspace(0, n, min(_COARSE, n) + 1).astype(int)[:-1]) for n in off.shape]
        total, number = level, np.where(self.known, self.count, 0)
        for axis in (0, 1):
            total = np.add.reduceat(total, steps[axis], axis=axis)
            number = np.add.reduceat(number, steps[axis], axis=axis)
        use = number > 0
        if use.sum() < 4:
            return 0.0
        mean, noise = total[use] / number[use], 1 / number[use]
        beyond = float(np.mean(mean**2 - noise))
        error = math.sqrt(2 * float(np.mean(noise**2)) / int(use.sum()))
        return math.sqrt(beyond) if beyond > 5 * error else 0.0


def plane_of_sky(start: int, stop: int, shape: tuple[int, ...]) -> Plane:
    """Return 1, x and y of each pixel of a band, the latter from -1 to 1, (3, pixels)."""
    y = np.linspace(-1, 1, shape[0])[start:stop, np.newaxis]
    x = np.linspace(-1, 1, shape[1])[np.newaxis, :]
    place = np.stack([1 + 0 * (x + y), x + 0 * y, y + 0 * x])
    return place.reshape(3, -1).astype(np.float32)
