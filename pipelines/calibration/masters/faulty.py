"""Frames at fault: where they are few, a master is made without them, one after the other, the worst first."""

from collections.abc import Callable
from dataclasses import replace

from pipelines.calibration.masters.acceptance import worst_frame
from pipelines.calibration.masters.step import Step
from pipelines.calibration.masters.work import Made

__all__ = ["without_faulty"]

_MOST = 3
"""One frame of so many, and one more, may be left out: of more nobody knows which of them are right."""


def without_faulty(made: Made, *, least: int, again: Callable[[Step], Made]) -> Made:
    """Make a master without the frames at fault, if what is left is then accepted.

    Parameters
    ----------
    made : Made
        Of all frames.
    least : int
        Fewest frames of a master.
    again : callable
        Makes a step.

    Returns
    -------
    Made
        The same, with what is accepted beside it; as it was where too many frames would have to go, or the others
        are not accepted either. Where too few are left, its reason says so.
    """
    tried = made
    for _ in range((len(made.step.frames) - 1) // _MOST):
        fault = None if tried.acceptance is None else worst_frame(tried.acceptance.held)
        if fault is None:
            return made
        tried = again(tried.step.without(*fault))
        if tried.acceptance is not None and tried.acceptance.verdict == "accepted":
            return replace(made, beside=tried) if len(tried.step.frames) >= least else _too_few(made, tried, least)
    return made


def _too_few(made: Made, tried: Made, least: int) -> Made:
    """Say that the others are sound, and how a master is made of them all the same."""
    left = len(tried.step.frames)
    names = ", ".join(name for name, _ in tried.step.rejected if any(name == f["_id"] for f in made.step.frames))
    told = f"without {names} it would be accepted, but {left} frames are left of {least} needed: --minimum {left}"
    if made.acceptance is None:
        return made
    return replace(made, acceptance=replace(made.acceptance, reason=f"{made.acceptance.reason}; {told}", left=left))
