"""Acceptance by leave-one-out: a new master must predict frames it has not seen as well as the current one.

Each frame is held against the master of the others, and against the current master, pixel by pixel,
in units of what the noise model says the difference should be. Every pixel counts at most `CAP`
squared sigmas, so that a few cosmic rays decide nothing.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["Acceptance", "Held", "Source", "judge_master", "leave_one_out"]

Plane = npt.NDArray[Any]
Use = npt.NDArray[np.bool_]
Variance = Callable[[int, Plane], Plane]

OUTLIER = 5.0
"""A sample this many sigmas from the median of its pixel is no part of a master, nor predicted by one."""

CAP = 25.0
MARGIN = 0.05
"""By how much a new master may predict worse: what the noise model is good to."""

DISAGREEMENT = 1.5
"""Excess from which the frames of a first master disagree."""

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
        1 + the mean square of the differences to the master of the others beyond what noise explains,
        in units of the frame's own variance; 1 is perfect. The noise of either master is no part of
        it, so that masters of few and of many frames compare.
    shift : float
        Mean difference, in the units of the master.
    influence : float
        By how much the master moves when this frame is left out, in units of the master's sigma; the
        noise alone gives ``1 / sqrt(n - 1)``.
    current : float or None
        Excess against the current master.
    pixels : int
        Samples compared.
    """

    frame: str
    excess: float
    shift: float
    influence: float
    current: float | None
    pixels: int


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What leave-one-out says of a master.

    Attributes
    ----------
    verdict : {'accepted', 'worse', 'disagree', 'untested'}
        ``'worse'``: the current master predicts these frames better; ``'disagree'``: there is no
        current one, and the frames contradict each other; ``'untested'``: too few frames.
    reason : str
        One sentence.
    excess, current_excess : float or None
        Of the new and of the current master, over all held-out frames.
    against : str or None
        The current master.
    influential : str or None
        The frame that moves the master most.
    held : tuple of Held
        Every frame.
    """

    verdict: str
    reason: str
    excess: float | None
    current_excess: float | None
    against: str | None
    influential: str | None
    held: tuple[Held, ...]

    @property
    def status(self) -> str:
        """What the master is to be."""
        return {"accepted": "verified", "worse": "set-aside"}.get(self.verdict, "proposed")

    def to_dict(self) -> dict[str, Any]:
        """Return it as a plain document."""
        return {
            "verdict": self.verdict,
            "reason": self.reason,
            "excess": self.excess,
            "current_excess": self.current_excess,
            "against": self.against,
            "influential": self.influential,
            "held": [
                {
                    "frame": held.frame,
                    "excess": held.excess,
                    "shift": held.shift,
                    "influence": held.influence,
                    "current": held.current,
                    "pixels": held.pixels,
                }
                for held in self.held
            ],
        }


def leave_one_out(
    frames: Sequence[Source],
    *,
    names: Sequence[str],
    variance: Variance,
    current: tuple[Source, Source] | None = None,
    sky: bool = False,
) -> tuple[Held, ...]:
    """Hold out each frame in turn, in one pass over bands of rows.

    With n samples of a pixel that agree, and their sum S, the master of the others is
    ``(S - x) / (n - 1)``; its variance is that of a frame over n - 1.

    Parameters
    ----------
    frames : sequence of Source
        Rows of (y, x), in the units of the master; masked or NaN where they are bad.
    names : sequence of str
        Their documents.
    variance : callable
        ``variance(i, level)``: of a sample of frame i at a level.
    current : pair of Source, optional
        Value and variance of the current master.
    sky : bool
        Take a plane out of each difference: the brightness and the slope of a twilight sky are no
        part of a flat, and no frame is to blame for its own.

    Returns
    -------
    tuple of Held
        One a frame; none for fewer than two frames.
    """
    count = len(frames)
    if count < 2:
        return ()
    sums = [_Sums() for _ in frames]
    against = [_Sums() for _ in frames]
    rows = frames[0].shape[0]
    for start in range(0, rows, _ROWS):
        stop = min(start + _ROWS, rows)
        planes = np.stack([np.ma.filled(frame.read(start, stop).astype(np.float32), np.nan) for frame in frames])
        now = None if current is None else tuple(np.asarray(part.read(start, stop), np.float32) for part in current)
        place = _plane_of_sky(start, stop, frames[0].shape) if sky else None
        _add_band(planes, variance, now, place, sums, against)
    return tuple(
        _held(name, mine, None if current is None else theirs, count)
        for name, mine, theirs in zip(names, sums, against, strict=True)
    )


@dataclass(slots=True)
class _Sums:
    """Sums over the differences of one frame, and what is needed to take a plane out of them."""

    squares: float = 0.0
    structure: float = 0.0
    shift: float = 0.0
    pixels: int = 0
    normal: Plane = field(default_factory=lambda: np.zeros((3, 3)))
    right: Plane = field(default_factory=lambda: np.zeros(3))

    def add(self, apart: Plane, own: Plane, master: Plane, use: Use, place: Plane | None) -> None:
        """Add differences, the variances of frame and master, and where they are; only what is of use."""
        apart = np.where(use, apart, 0)
        expected = np.where(use, own + master, 1)
        weight = np.where(use, 1 / own, 0)
        capped = np.minimum(apart * apart / expected, CAP)
        count = int(np.count_nonzero(use))
        self.squares += float(capped.sum())
        self.structure += float(((capped - use) * (expected * weight)).sum())
        self.shift += float(apart.sum())
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


def _plane_of_sky(start: int, stop: int, shape: tuple[int, ...]) -> Plane:
    """Return 1, x and y of each pixel of a band, the latter from -1 to 1, (3, pixels)."""
    y = np.linspace(-1, 1, shape[0])[start:stop, np.newaxis]
    x = np.linspace(-1, 1, shape[1])[np.newaxis, :]
    place = np.stack([1 + 0 * (x + y), x + 0 * y, y + 0 * x])
    return place.reshape(3, -1).astype(np.float32)


def _add_band(
    planes: Plane,
    variance: Variance,
    current: tuple[Plane, ...] | None,
    place: Plane | None,
    sums: Sequence[_Sums],
    against: Sequence[_Sums],
) -> None:
    """Add the differences of one band, (frames, rows, columns), float32: sums of a band are good to 1e-6."""
    middle = _middle(planes)
    noise = [variance(i, middle).astype(np.float32) for i in range(len(planes))]
    agree = [_agrees(plane, middle, own) for plane, own in zip(planes, noise, strict=True)]
    samples = np.sum(agree, axis=0, dtype=np.float32)
    total, spread = np.zeros_like(middle), np.zeros_like(middle)
    for plane, own, good in zip(planes, noise, agree, strict=True):
        total += np.where(good, plane - middle, 0)
        spread += np.where(good, own, 0)
    rest = np.maximum(samples - 1, 1)
    several = samples >= 2
    known = None if current is None else several & np.isfinite(current[0]) & np.isfinite(current[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        for i, (plane, own, good) in enumerate(zip(planes, noise, agree, strict=True)):
            use = good & (several if known is None else known)
            off = plane - middle
            sums[i].add(off - (total - off) / rest, own, (spread - own) / (rest * rest), use, place)
            if current is not None:
                against[i].add(plane - current[0], own, current[1], use, place)


def _middle(planes: Plane) -> Plane:
    """Median of the frames; NaN where one of them has no value."""
    from pipelines.combine.network import sort_rows

    missing = np.isnan(planes).any(axis=0)
    flat = np.where(missing, 0, planes).reshape(len(planes), -1)
    ranked = sort_rows(flat)
    low, high = ranked[(len(planes) - 1) // 2], ranked[len(planes) // 2]
    middle = ((low + high) / 2).reshape(planes.shape[1:])
    middle[missing] = np.nan
    found: Plane = middle
    return found


def _agrees(plane: Plane, middle: Plane, noise: Plane) -> Use:
    with np.errstate(invalid="ignore"):
        off = plane - middle
        found: Use = (off * off <= np.float32(OUTLIER**2) * noise) & (noise > 0)
    return found


def _held(name: str, mine: _Sums, theirs: _Sums | None, count: int) -> Held:
    # The master moves by the difference over n; its sigma is that of the difference over sqrt(n (n - 1)).
    return Held(
        name,
        mine.excess,
        mine.shift / mine.pixels if mine.pixels else math.nan,
        math.sqrt(mine.squares / mine.pixels / (count - 1)) if mine.pixels else math.inf,
        None if theirs is None else theirs.excess,
        mine.pixels,
    )


def judge_master(held: Sequence[Held], *, against: str | None) -> Acceptance:
    """Decide from the frames held out.

    Parameters
    ----------
    against : str or None
        The current master, if they were held against one.

    Returns
    -------
    Acceptance
        A first master is never set aside; it is not verified either when its frames contradict each other.
    """
    compared = [one for one in held if one.pixels]
    if len(held) < 2 or not compared:
        reason = "one frame cannot be held against the others" if len(held) < 2 else "no pixel agrees in two frames"
        return Acceptance("untested", reason, None, None, against, None, tuple(held))
    pixels = sum(one.pixels for one in compared)
    excess = sum(one.excess * one.pixels for one in compared) / pixels
    most = max(held, key=lambda one: (one.influence, one.frame))
    margin = MARGIN + 3 * math.sqrt(2 / pixels)  # of the mean of squares, three sigma
    current = None
    if against is not None:
        current = sum((one.current or 0.0) * one.pixels for one in compared) / pixels
    verdict, reason = _verdict(excess, current, margin, most, against)
    return Acceptance(verdict, reason, excess, current, against, most.frame, tuple(held))


def _verdict(excess: float, current: float | None, margin: float, most: Held, against: str | None) -> tuple[str, str]:
    found = f"it predicts held-out frames with an excess of {excess:.3f}"
    moved = f"{most.frame} moves it most, by {most.influence:.2f} sigma, {most.shift:+.3g} from the others"
    if current is None:
        if excess > DISAGREEMENT:
            return "disagree", f"its frames contradict each other: {found}, {DISAGREEMENT:g} is the limit; {moved}"
        return "accepted", f"{found}; there is no current one"
    if excess > max(current, 0.0) * (1 + margin):
        return "worse", f"{found}, the current {against} with {current:.3f}; {moved}"
    return "accepted", f"{found}, the current {against} with {current:.3f}"
