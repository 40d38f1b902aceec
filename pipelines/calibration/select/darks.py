"""What a frame would hold without light: its dark, a longer dark scaled down on a bias, or the bias alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipelines.calibration.groups.keys import rule_for, traits
from pipelines.calibration.select.choose import MasterCandidate, best, judged, nearness
from pipelines.calibration.select.criteria import ELSEWHERE, SCALED, Rules, use_hint
from pipelines.documents.schema import Doc

__all__ = ["DarkChoice", "dark_for", "miss"]


@dataclass(frozen=True, slots=True)
class DarkChoice:
    """The masters that take away what is not light.

    Attributes
    ----------
    dark : Mapping or None
        The master dark; None where only a bias is taken away.
    scale : float
        By which what the dark holds above the bias is multiplied; 1 where exposure times match.
    bias : Mapping or None
        The master bias; None where the dark matches, for it holds the bias.
    note : str or None
        What stays in the frame, and why.

    Examples
    --------
    >>> DarkChoice({"_id": "masters/T1/dark-300s"}, 0.2, {"_id": "masters/T1/bias"}).scale
    0.2
    """

    dark: Doc | None
    scale: float = 1.0
    bias: Doc | None = None
    note: str | None = None


def dark_for(frame: Doc, pool: Sequence[Doc], rules: Rules, *, bias_alone: bool = True) -> DarkChoice | str:
    """Find what takes away a frame's bias and dark signal.

    A dark of the frame's exposure time comes first; then a longer one scaled down to it, which needs a
    bias and adds no noise, by any factor up to ``rules.max_scale``; then the bias alone, which leaves
    the dark signal in, and says so. A dark is never scaled up: its noise would grow.

    Parameters
    ----------
    frame : Mapping
        A document of the collection ``headers``.
    pool : sequence of Mapping
        Documents of master darks and biases of its camera.
    rules : Rules
        What is asked of them.
    bias_alone : bool
        Whether a bias without a dark will do.

    Returns
    -------
    DarkChoice or str
        The reason why there is none.
    """
    darks = [doc for doc in pool if doc["kind"] == "dark"]
    biases = [doc for doc in pool if doc["kind"] == "bias"]
    offered = judged(frame, "bias", biases, rules=rules)
    bias = best(offered, rules=rules)
    # What a dark holds besides its current is not in proportion to time: without a bias none is scaled.
    scaling = rules if bias is not None else replace(rules, max_scale=1.0)
    candidates = judged(frame, "dark", darks, rules=scaling)
    chosen = best(candidates, rules=scaling)
    if chosen is None:
        reason = miss("dark", candidates)
        if bias is None:
            return f"{reason}; {miss('bias', offered)}"
        if not bias_alone:
            return reason
        return DarkChoice(None, 1.0, bias.master, f"{reason}; the bias alone was taken away, dark signal stays in")
    scaled = any(check.criterion == "exptime" and check.distance == SCALED for check in chosen.checks)
    if not scaled or bias is None:
        return DarkChoice(chosen.master)
    seconds = traits(frame, rule_for(frame["profile"], "dark"))["exptime"]
    return DarkChoice(chosen.master, float(seconds) / float(chosen.master["key"]["exptime"]), bias.master)


def miss(kind: str, candidates: Sequence[MasterCandidate]) -> str:
    """Say why none of some masters will do: the one that comes nearest, and its first fault."""
    near = min(candidates, key=nearness, default=None)
    if near is None:
        return f"no {kind} from this camera"
    fault = near.failed[0]
    said = f"no {kind}: {near.master['_id']} " + (
        f"is {fault.text}" if fault.criterion == "current" else f"has {fault.criterion} {fault.text}"
    )
    waits = [check.criterion for check in near.failed] == ["status"]
    return f"{said}; {use_hint(near.master)}" if waits and near.master["status"] in ("proposed", ELSEWHERE) else said
