"""Chooses the best master for a frame: what passes every criterion, certified first, nearest in time."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from catalog import Catalog
from pipelines.calibration.groups.keys import rule_for, traits
from pipelines.calibration.select.criteria import SCALED, MasterCheck, Rules, judge
from pipelines.calibration.select.departed import with_departures
from pipelines.calibration.select.elsewhere import as_master, stacks
from pipelines.documents.schema import Doc

__all__ = ["MasterCandidate", "best", "candidates", "choose", "judged", "nearness"]


FIELDS = (
    "kind", "date", "timestamp", "instrument", "camera", "key", "flat_time", "status", "validity", "acceptance",
    "recalled", "stale", "superseded_by", "identity", "inputs", "masters", "profile", "parameters", "ingest",
    "statistics",
)  # fmt: skip
"""What choosing needs of a master's document."""


@dataclass(frozen=True, slots=True)
class MasterCandidate:
    """A master, and how it stands against each criterion.

    Attributes
    ----------
    master : Mapping
        Its document, as far as choosing needs it.
    checks : tuple of MasterCheck
        Every criterion.
    apart : timedelta or None
        Time from the frame to the master.
    """

    master: Doc
    checks: tuple[MasterCheck, ...]
    apart: timedelta | None

    @property
    def passed(self) -> bool:
        """Whether every criterion is satisfied."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[MasterCheck, ...]:
        """The criteria that are not."""
        return tuple(check for check in self.checks if not check.passed)


def choose(frame: Doc, kind: str, *, catalog: Catalog, rules: Rules | None = None) -> Doc | None:
    """Return the best master for a frame.

    Of the masters that pass every criterion: first by status in the order of the rules, then by
    matched exposure time, then a combined flat before one of an evening or morning, then the nearest
    in time, then the later one, then by name. The same catalog always gives the same answer.

    Parameters
    ----------
    frame : Mapping
        A document of the collection ``headers``.
    kind : {'bias', 'dark', 'flat', 'pixelmap'}
        What is wanted.
    catalog : Catalog
        Whose masters to choose from.
    rules : Rules, optional
        What is asked of it.

    Returns
    -------
    Mapping or None
        The master's document, without its provenance in full; None if none passes.
    """
    found = best(candidates(frame, kind, catalog=catalog, rules=rules), rules=rules)
    return None if found is None else found.master


def candidates(frame: Doc, kind: str, *, catalog: Catalog, rules: Rules | None = None) -> list[MasterCandidate]:
    """Judge every master of this kind that the frame's camera has; those of other cameras are no candidates.

    Stacks that other programs made are among them; they pass only if the rules ask for the status ``elsewhere``.
    Of those that pass, the inputs are looked at: a master whose inputs are no longer so is retired.
    """
    rule = rule_for(frame["profile"], kind)
    camera = traits(frame, rule)[rule.keys[0].name]
    query = {"instrument": frame["instrument"], "kind": kind, "camera": camera}
    found = judged(frame, kind, catalog.masters.find(query, dict.fromkeys(FIELDS, 1)), rules=rules)
    passing = {one.master["_id"]: one.master for one in found if one.passed}
    retired = [doc for doc in with_departures(catalog, list(passing.values())) if "departed" in doc]
    again = {one.master["_id"]: one for one in judged(frame, kind, retired, rules=rules)}
    others = [as_master(doc, rule) for doc in stacks(catalog, [camera], [kind]).get(camera, [])]
    return [again.get(one.master["_id"], one) for one in found] + judged(frame, kind, others, rules=rules)


def judged(frame: Doc, kind: str, masters: Iterable[Doc], *, rules: Rules | None = None) -> list[MasterCandidate]:
    """Judge given masters for a frame."""
    instant = frame.get("timestamp")
    rule = rule_for(frame["profile"], kind)
    return [
        MasterCandidate(
            master,
            judge(frame, master, kind=kind, rule=rule, rules=rules or Rules()),
            None if instant is None or master.get("timestamp") is None else master["timestamp"] - instant,
        )
        for master in masters
    ]


def best(judged: Iterable[MasterCandidate], *, rules: Rules | None = None) -> MasterCandidate | None:
    """Return the candidate that passes and ranks first."""
    statuses = (rules or Rules()).statuses
    passing = [candidate for candidate in judged if candidate.passed]
    return min(passing, key=lambda candidate: _rank(candidate, statuses), default=None)


def _rank(candidate: MasterCandidate, statuses: tuple[str, ...]) -> tuple[Any, ...]:
    master = candidate.master
    apart = candidate.apart or timedelta(0)
    scaled = next((check.distance for check in candidate.checks if check.criterion == "exptime"), 0.0) == SCALED
    split = master.get("flat_time") not in (None, "combined")
    return (statuses.index(master["status"]), scaled, split, abs(apart), -apart, master["_id"])


def nearness(candidate: MasterCandidate) -> tuple[Any, ...]:
    """Fewest failures first, those that have a measure before those that have none, then the least."""
    failed = candidate.failed
    measured = sum(check.distance for check in failed if math.isfinite(check.distance))
    unmeasured = sum(not math.isfinite(check.distance) for check in failed)
    apart = math.inf if candidate.apart is None else abs(candidate.apart.total_seconds())
    return (len(failed), unmeasured, measured, apart, candidate.master["_id"])
