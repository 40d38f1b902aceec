"""Acceptance: the planes that are stored must predict each of their frames as if they had not seen it.

`heldout` holds the frames against the planes; here it is decided what that means. A verdict that is not ``'accepted'``
names the frames it is about. The table of statuses is in the README of `pipelines.calibration`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.calibration.masters.heldout import Held

__all__ = ["Acceptance", "judge_master", "worst_frame"]

MARGIN = 0.05
"""By how much a new master may predict worse: what the noise model is good to."""

DISAGREEMENT = 1.5
"""Excess from which frames contradict the master, whatever there was before."""

TOO_GOOD = 0.7
"""Excess below which the noise is not understood: it explains more than there is, and would hide what is wrong."""

SHARE = 0.95
"""Least fraction of a frame's samples that agree with the stored value."""

REJECTED = 0.2
"""Most samples of all that combining may leave out for what they are; MAD clipping costs 11 % of 3 good ones."""

STRUCTURE = 0.25
"""Smooth differences of a frame, in sigmas of a pixel, from which there is a leak or a cloud in it."""

SURFACE = 0.4
"""Smooth difference of a dark or bias from one place to another, in sigmas of a pixel, from which a leak is in it.

Sound darks and biases of real cameras have up to 0.17, the first bias of a night that was still settling 0.78.
"""

SLOPE = 0.04
"""Slope of one flat against the others, from edge to edge, from which it is no matter of the sky."""

SPOTS = 4
"""Blocks of a flat that depart in two frames or more, from which it is dust that moved, or condensation."""

CONTRAST = {"flat": 3.0}
"""Excess of the new frames against the current master from which somebody must look what has changed; 1.5 of others."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What holding out its frames says of a master.

    Attributes
    ----------
    verdict : {'accepted', 'look', 'worse', 'disagree', 'untested'}
        ``'look'``: something asks for a look; ``'worse'``: the current master predicts these frames better;
        ``'disagree'``: the frames contradict the stored planes; ``'untested'``: too few frames, or no noise known.
    reason : str
        One sentence; it names the frames at fault.
    excess, current_excess : float or None
        Of the new and of the current master, over all held-out frames.
    against : str or None
        The current master.
    influential : str or None
        The frame that moves the master most.
    held : tuple of Held
        Every frame.
    share : float or None
        Fraction of all compared samples that agree with the stored value.
    rejected : float
        Fraction of all samples that combining left out.
    left : int or None
        Frames of which a master would be accepted, where they are fewer than needed.
    """

    verdict: str
    reason: str
    excess: float | None
    current_excess: float | None
    against: str | None
    influential: str | None
    held: tuple[Held, ...]
    share: float | None = None
    rejected: float = 0.0
    left: int | None = None

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
            "share": self.share,
            "rejected": self.rejected,
            "left": self.left,
            "held": [held.to_dict() for held in self.held],
        }


def judge_master(
    held: Sequence[Held],
    *,
    against: str | None,
    kind: str = "dark",
    rejected: float = 0.0,
    untold: str | None = None,
) -> Acceptance:
    """Decide from the frames held out.

    Parameters
    ----------
    held : sequence of Held
        Of `heldout.hold_out`.
    against : str or None
        The current master, if they were compared with one.
    kind : str
        Of the master.
    rejected : float
        Fraction of all samples that combining left out.
    untold : str, optional
        Why no frame could be held out.

    Returns
    -------
    Acceptance
        A first master is never set aside; it is not verified either when its frames contradict each other.
    """
    compared = [one for one in held if one.pixels]
    if not compared:
        default = "no pixel agrees in two frames" if len(held) > 1 else "one frame cannot be compared with the others"
        reason = untold or default
        return Acceptance("untested", reason, None, None, against, None, tuple(held), rejected=rejected)
    pixels = sum(one.pixels for one in compared)
    excess = sum(one.excess * one.pixels for one in compared) / pixels
    share = sum(one.share for one in held) / len(held)
    most = max(held, key=lambda one: (one.influence, one.frame))
    current = None
    if against is not None:
        current = sum((one.current or 0.0) * one.pixels for one in compared) / pixels
    verdict, reason = _verdict(held, excess, current, against, most, kind, rejected)
    return Acceptance(verdict, reason, excess, current, against, most.frame, tuple(held), share, rejected)


def worst_frame(held: Sequence[Held]) -> tuple[str, str] | None:
    """Return the frame that exceeds a limit by most, and by what; None where none does."""
    found = []
    for one in held:
        for ratio, told in (
            ((1 - one.share) / (1 - SHARE), f"only {one.share:.0%} of its samples agree with the others"),
            (one.structure / STRUCTURE, f"smooth differences to the others of {one.structure:.2f} sigmas of a pixel"),
            (
                one.surface / SURFACE,
                f"it differs by {one.surface:.2f} sigmas of a pixel more in one place than another",
            ),
            (one.slope / SLOPE, f"a slope of {one.slope:.1%} from edge to edge that the others have not"),
            (one.excess / DISAGREEMENT if one.pixels else 0.0, f"noise ratio {one.excess:.2f}"),
        ):
            found.append((ratio, one.frame, told))
    ratio, frame, told = max(found, default=(0.0, "", ""))
    return (frame, f"left out: {told}") if ratio > 1 else None


def _verdict(
    held: Sequence[Held],
    excess: float,
    current: float | None,
    against: str | None,
    most: Held,
    kind: str,
    rejected: float,
) -> tuple[str, str]:
    found = f"leave-one-out noise ratio {excess:.3f}"
    moved = f"{most.frame} moves it most, by {most.influence:.2f} sigma, {most.shift:+.3g} from the others"
    pixels = sum(one.pixels for one in held)
    margin = MARGIN + 3 * math.sqrt(2 / pixels)  # of the mean of squares, three sigma
    if current is not None and excess > max(current, 0.0) * (1 + margin):
        return "worse", f"{found}, {current:.3f} for the current {against}; {moved}"
    faults = _contradictions(held, excess, rejected)
    if faults:
        return "disagree", "; ".join([f"its frames contradict each other: {faults[0]}", *faults[1:], found, moved])
    faults = _doubts(held, excess, kind)
    if faults:
        return "look", "; ".join(["look at " + faults[0], *faults[1:], found])
    if current is None:
        return "accepted", f"{found}; no earlier master"
    limit = CONTRAST.get(kind, DISAGREEMENT)
    if current > limit:
        return "look", (
            f"look at what has changed: {found}, {current:.3f} for the current {against}, {limit:g} is "
            "the limit: all of them may share a leak, or the camera is another one than it was"
        )
    return "accepted", f"{found}, {current:.3f} for the current {against}"


def _contradictions(held: Sequence[Held], excess: float, rejected: float) -> list[str]:
    """Say in what the frames contradict the planes, worst frames first."""
    faults = []
    apart = sorted((one for one in held if one.share < SHARE), key=lambda one: (one.share, one.frame))
    if apart:
        told = _named(apart, lambda one: f"{one.share:.0%}")
        faults.append(f"less than {SHARE:.0%} of the samples agree with the master of {told}")
    loud = sorted((one for one in held if one.excess > DISAGREEMENT), key=lambda one: (-one.excess, one.frame))
    if excess > DISAGREEMENT or len(loud) > len(held) / 2:
        faults.append(f"{DISAGREEMENT:g} is the limit of the excess")
    if rejected > REJECTED:
        faults.append(f"{rejected:.0%} of all samples were left out, {REJECTED:.0%} is the limit")
    return faults


def _doubts(held: Sequence[Held], excess: float, kind: str) -> list[str]:
    """Say what asks for a look."""
    faults = []
    smooth = sorted((one for one in held if one.structure > STRUCTURE), key=lambda one: (-one.structure, one.frame))
    if smooth:
        what = "a cloud, or light of another shape" if kind == "flat" else "a leak, or a level that is uneven"
        told = _named(smooth, lambda one: f"{one.structure:.2f}")
        faults.append(f"{told}: {what}, in smooth differences of so many sigmas of a pixel, {STRUCTURE:g} is the limit")
    uneven = sorted((one for one in held if one.surface > SURFACE), key=lambda one: (-one.surface, one.frame))
    if uneven and not smooth:
        told = _named(uneven, lambda one: f"{one.surface:.2f}")
        faults.append(
            f"{told}: a faint leak, or a level that is uneven, by so many sigmas of a pixel more in one place than in "
            f"another, {SURFACE:g} is the limit"
        )
    tilted = sorted((one for one in held if one.slope > SLOPE), key=lambda one: (-one.slope, one.frame))
    if tilted:
        told = _named(tilted, lambda one: f"{one.slope:.1%}")
        faults.append(f"{told}: a slope from edge to edge that the others have not, {SLOPE:.0%} is the limit")
    spotted = sorted((one for one in held if one.spots >= SPOTS), key=lambda one: (-one.spots, one.frame))
    if len(spotted) > 1:
        told = _named(spotted, lambda one: f"{one.spots} blocks")
        faults.append(f"{told}: spots that other frames show otherwise, dust that moved or condensation that dries")
    loud = sorted((one for one in held if one.excess > DISAGREEMENT), key=lambda one: (-one.excess, one.frame))
    if loud:
        told = _named(loud, lambda one: f"{one.excess:.2f}")
        faults.append(f"{told}: more noise than the other frames, {DISAGREEMENT:g} is the limit")
    if excess < TOO_GOOD:
        faults.append(f"the noise: it explains more than the frames differ by, {TOO_GOOD:g} is the least excess")
    return faults


def _named(frames: Sequence[Held], told: Any) -> str:
    """Name frames, three at most, each with its figure."""
    names = ", ".join(f"{one.frame} ({told(one)})" for one in frames[:3])
    return names if len(frames) <= 3 else f"{names} and {len(frames) - 3} more"
