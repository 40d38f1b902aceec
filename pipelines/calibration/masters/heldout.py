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

from pipelines.calibration.masters.blocks import BLOCK, REACH, Blocks, plane_of_sky
from pipelines.calibration.masters.unstable import Spread

__all__ = ["Held", "Reference", "Source", "hold_out"]

Plane = npt.NDArray[Any]
Use = npt.NDArray[np.bool_]
Variance = Callable[[int, Plane], Plane]

CAP = 25.0

_ROWS = 64  # of a band: one row of chunks


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
    surface : float
        Of a dark or bias: the surface of second order that fits its differences best, from its lowest to its highest
        place, in sigmas of a pixel; 0 where noise alone may be it. A faint leak is such a surface.
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
    surface: float
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
    uneven: float = 0.0,
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
    uneven : float
        What the noise of their overscan alone may make of `Held.surface`; it is taken off.
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
    block = BLOCK * max(1, math.isqrt(shape[0] * shape[1] >> 24))
    sums, against = [_Sums() for _ in frames], [_Sums() for _ in frames]
    maps = [Blocks.of(shape, block) for _ in frames]
    height = max(_ROWS, block)
    for start in range(0, shape[0], height):
        stop = min(start + height, shape[0])
        now = None if current is None else tuple(np.asarray(part.read(start, stop), np.float32) for part in current)
        place = plane_of_sky(start, stop, shape) if sky else None
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
                good = compared & (off * off <= np.float32(REACH**2) * expected)
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
        _held(name, mine, None if current is None else theirs, one, int((spots & common).sum()), count, sky, uneven)
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


def _held(
    name: str, mine: _Sums, theirs: _Sums | None, blocks: Blocks, spots: int, count: int, sky: bool, uneven: float
) -> Held:
    # To the master of the others a frame is n / (n - 1) times as far as to the one it is part of; the master moves by
    # the difference over n, and its sigma is that of the difference over sqrt(n (n - 1)).
    return Held(
        frame=name,
        excess=mine.excess,
        shift=mine.shift / mine.pixels * count / (count - 1) if mine.pixels else math.nan,
        influence=math.sqrt(mine.squares / mine.pixels / (count - 1)) if mine.pixels else math.inf,
        share=mine.pixels / mine.compared if mine.compared else 0.0,
        structure=blocks.structure(sky=sky),
        surface=0.0 if sky else max(0.0, blocks.surface() - uneven),
        slope=blocks.slope() if sky else 0.0,
        spots=spots,
        current=None if theirs is None else theirs.excess,
        pixels=mine.pixels,
    )
