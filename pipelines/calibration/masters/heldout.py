"""Every frame compared with the planes that are stored, as if it had no part in them, in one pass over bands of rows.

What is compared is what is kept, however it was combined: the value V of a pixel, and the sample x of a frame. With c
samples in V and the variance s of one, ``x - V`` has the variance ``s + var(V) - 2 s / c``: for any location estimate
the samples covary with it by ``s / c`` on the average, and a mean weighted by inverse variances by ``var(V)``. In units
of that, x agrees within 5 sigma, or does not. Every pixel counts at most `CAP` squared sigmas, so that a few cosmic
rays decide nothing, and a leak, a cloud or a spot is seen in means of blocks, where pixels of noise average out.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pipelines.calibration.masters.unstable import Spread

__all__ = ["Held", "Reference", "Source", "hold_out"]

Plane = npt.NDArray[Any]
Use = npt.NDArray[np.bool_]
Variance = Callable[[int, Plane], Plane]

OUTLIER = 5.0
"""A sample this many sigmas from the stored value does not agree with it."""

CAP = 25.0

SPOT_SIGMA, SPOT_SHARE = 6.0, 0.02
"""A block of a flat departs when its mean is so many of its own sigmas off, and by such a fraction of its light."""

_ROWS = 64  # of a band: one row of chunks
_BLOCK = 8  # pixels along a block, of frames of up to 16 million
_COARSE = 16  # blocks of blocks along each axis, by which smooth structure is told


class Source(Protocol):
    """A frame that gives its rows."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def read(self, start: int, stop: int) -> npt.NDArray[Any]: ...


@dataclass(frozen=True, slots=True)
class Held:
    """One frame, held out.

    Attributes
    ----------
    frame : str
        Its document.
    excess : float
        1 + the mean square of the differences to the stored planes beyond what noise explains,
        in units of the frame's own variance; 1 is perfect. The noise of the master is no part of
        it, so that masters of few and of many frames compare.
    shift : float
        Mean difference to the master of the others, in the units of the master.
    influence : float
        By how much the master moves when this frame is left out, in units of the master's sigma; the
        noise alone gives ``1 / sqrt(n - 1)``.
    share : float
        Fraction of its samples that agree with the stored value within 5 sigma; all that were compared count.
    structure : float
        Root mean square of its smooth differences, over blocks, beyond their noise, in sigmas of a pixel.
    slope : float
        Of a flat: the plane that its difference has, from edge to edge, a fraction of the light.
    spots : int
        Blocks of a flat that depart in this frame and in another one too.
    current : float or None
        Excess against the current master.
    pixels : int
        Samples that agree.
    """

    frame: str
    excess: float
    shift: float
    influence: float
    share: float
    structure: float
    slope: float
    spots: int
    current: float | None
    pixels: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as a plain document."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Reference:
    """What frames are compared with.

    Attributes
    ----------
    value, variance : ndarray
        The stored value, and the variance that the noise of its frames gives it, (y, x).
    count : ndarray
        Samples it depends on: those kept, or all where the method drops them by rank.
    inverse : bool
        Whether it is weighted by inverse variances.
    """

    value: Plane
    variance: Plane
    count: Plane
    inverse: bool = False


def hold_out(
    frames: Sequence[Source],
    reference: Reference,
    *,
    names: Sequence[str],
    variance: Variance,
    current: tuple[Source, Source] | None = None,
    sky: bool = False,
    spread: Spread | None = None,
) -> tuple[Held, ...]:
    """Hold out each frame in turn.

    Parameters
    ----------
    frames : sequence of Source
        Rows of (y, x), in the units of the master; masked or NaN where they are bad.
    reference : Reference
        The planes that will be stored.
    names : sequence of str
        Their documents.
    variance : callable
        ``variance(i, level)``: of a sample of frame i at a level.
    current : pair of Source, optional
        Value and variance of the current master.
    sky : bool
        Take a plane out of each difference: the brightness and the slope of a twilight sky are no
        part of a flat, and no frame is to blame for its own. Look for spots.
    spread : Spread, optional
        Filled with the scatter of all samples.

    Returns
    -------
    tuple of Held
        One a frame; none for fewer than two frames.
    """
    count = len(frames)
    if count < 2:
        return ()
    shape = reference.value.shape
    block = _BLOCK * max(1, math.isqrt(shape[0] * shape[1] >> 24))
    sums, against = [_Sums() for _ in frames], [_Sums() for _ in frames]
    maps = [_Blocks.of(shape, block) for _ in frames]
    height = max(_ROWS, block)
    for start in range(0, shape[0], height):
        stop = min(start + height, shape[0])
        now = None if current is None else tuple(np.asarray(part.read(start, stop), np.float32) for part in current)
        place = _plane_of_sky(start, stop, shape) if sky else None
        rows = slice(start, stop)
        value = reference.value[rows].astype(np.float32)
        thick = reference.variance[rows].astype(np.float32)
        number = np.maximum(reference.count[rows], 1).astype(np.float32)
        known = np.isfinite(value) & (number >= 2)
        moments = np.zeros((4, *value.shape), np.float32)
        for i, frame in enumerate(frames):
            own = np.asarray(variance(i, value), np.float32)
            shared = thick if reference.inverse else own / number
            expected = np.maximum(own + thick - 2 * shared, np.float32(0.05) * own)
            with np.errstate(invalid="ignore"):
                off = np.ma.filled(frame.read(start, stop).astype(np.float32), np.nan) - value
                compared = known & np.isfinite(off) & (own > 0)
                good = compared & (off * off <= np.float32(OUTLIER**2) * expected)
            if spread is not None:
                sample = np.where(compared, off, 0)
                for total, part in zip(moments, (sample, sample * sample, compared, compared & ~good), strict=True):
                    total += part
            # To the master of the others a sample is further than to the one it is part of.
            stretch = np.square(own / np.maximum(own - shared, np.float32(0.05) * own))
            sums[i].add(off, own, expected, stretch, good, place)
            sums[i].compared += int(np.count_nonzero(compared))
            maps[i].add(start, off, expected, compared)
            if now is not None:
                with np.errstate(invalid="ignore"):
                    use = good & np.isfinite(now[0]) & np.isfinite(now[1])
                    against[i].add(off + value - now[0], own, own + now[1], np.ones(1, np.float32), use, place)
        if spread is not None:
            _fill(spread, rows, *moments)
    departs = [one.outlying(reference.value, sky=sky) for one in maps]
    common = np.sum(departs, axis=0) >= 2
    return tuple(
        _held(name, mine, None if current is None else theirs, one, int((spots & common).sum()), count, sky)
        for name, mine, theirs, one, spots in zip(names, sums, against, maps, departs, strict=True)
    )


def _fill(spread: Spread, rows: slice, total: Plane, squares: Plane, samples: Plane, strikes: Plane) -> None:
    several = samples >= 2
    number = np.where(several, samples, 2)
    variance = (squares - total * total / number) / (number - 1)
    spread.variance[rows] = np.where(several, np.maximum(variance, 0), np.nan)
    spread.samples[rows], spread.strikes[rows] = samples, strikes


@dataclass(slots=True)
class _Sums:
    """Sums over the differences of one frame, and what is needed to take a plane out of them."""

    squares: float = 0.0
    structure: float = 0.0
    shift: float = 0.0
    pixels: int = 0
    compared: int = 0
    normal: Plane = field(default_factory=lambda: np.zeros((3, 3)))
    right: Plane = field(default_factory=lambda: np.zeros(3))

    def add(self, apart: Plane, own: Plane, expected: Plane, stretch: Plane, use: Use, place: Plane | None) -> None:
        """Add differences, the variances of frame and difference, and what squares are to grow by, where of use."""
        apart = np.where(use, apart, 0)
        expected = np.where(use, expected, 1)
        weight = np.where(use, stretch / own, 0)
        capped = np.minimum(apart * apart / expected, CAP)
        count = int(np.count_nonzero(use))
        self.squares += float(capped.sum(dtype=np.float64))
        self.structure += float(((capped - use) * (expected * weight)).sum(dtype=np.float64))
        self.shift += float(apart.sum(dtype=np.float64))
        self.pixels += count
        if place is not None:
            weighted = place * weight.ravel()
            self.normal += weighted @ place.T
            self.right += weighted @ apart.ravel()

    @property
    def excess(self) -> float:
        """1 + what noise does not explain, in variances of the frame, without the plane that fits best."""
        if not self.pixels:
            return math.inf
        fitted = float(self.right @ np.linalg.lstsq(self.normal, self.right, rcond=None)[0])
        return 1 + (self.structure - fitted) / self.pixels


@dataclass(slots=True)
class _Blocks:
    """Means of one frame's differences over blocks: of the difference, held to 5 sigma, and of its variance."""

    block: int
    off: Plane
    expected: Plane
    count: Plane

    @classmethod
    def of(cls, shape: tuple[int, ...], block: int) -> "_Blocks":
        size = (-(-shape[0] // block), -(-shape[1] // block))
        return cls(block, np.zeros(size), np.zeros(size), np.zeros(size))

    def add(self, start: int, off: Plane, expected: Plane, use: Use) -> None:
        reach = np.float32(OUTLIER) * np.sqrt(expected)
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

    def _plane(self, off: Plane, variance: Plane) -> tuple[Plane, Plane]:
        """Fit a plane to the differences of the blocks: its coefficients, and what it is."""
        place = _plane_of_sky(0, off.shape[0], off.shape)
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


def _plane_of_sky(start: int, stop: int, shape: tuple[int, ...]) -> Plane:
    """Return 1, x and y of each pixel of a band, the latter from -1 to 1, (3, pixels)."""
    y = np.linspace(-1, 1, shape[0])[start:stop, np.newaxis]
    x = np.linspace(-1, 1, shape[1])[np.newaxis, :]
    place = np.stack([1 + 0 * (x + y), x + 0 * y, y + 0 * x])
    return place.reshape(3, -1).astype(np.float32)


def _held(name: str, mine: _Sums, theirs: _Sums | None, blocks: _Blocks, spots: int, count: int, sky: bool) -> Held:
    # To the master of the others a frame is n / (n - 1) times as far as to the one it is part of; the master moves by
    # the difference over n, and its sigma is that of the difference over sqrt(n (n - 1)).
    return Held(
        frame=name,
        excess=mine.excess,
        shift=mine.shift / mine.pixels * count / (count - 1) if mine.pixels else math.nan,
        influence=math.sqrt(mine.squares / mine.pixels / (count - 1)) if mine.pixels else math.inf,
        share=mine.pixels / mine.compared if mine.compared else 0.0,
        structure=blocks.structure(sky=sky),
        slope=blocks.slope() if sky else 0.0,
        spots=spots,
        current=None if theirs is None else theirs.excess,
        pixels=mine.pixels,
    )
