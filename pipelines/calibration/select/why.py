"""Says why a frame has the master it has, or why it has none: every candidate against every criterion."""

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from pipelines.calibration.groups.keys import rule_for, traits
from pipelines.calibration.groups.kinds import KINDS
from pipelines.calibration.select.choose import MasterCandidate, best, candidates, nearness
from pipelines.calibration.select.criteria import ELSEWHERE, Rules, use_hint
from pipelines.calibration.select.elsewhere import made_by
from pipelines.errors import UnknownDocument, UsageError
from pipelines.session import Session
from pipelines.table import Answer, Row
from pipelines.table.cells import counted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Why", "why"]

_SHOWN = 12  # candidates in the table, nearest first


@dataclass(frozen=True, slots=True, repr=False)
class Why:
    """The answer to why.

    Attributes
    ----------
    frame, kind : str
        Of which frame, and what is wanted for it.
    master : str or None
        The chosen master.
    nearest_miss : str or None
        Where none is chosen: the candidate that came nearest.
    reason : str
        One sentence.
    needs : str
        What to take tonight so that there is one; empty where there is one.
    table : Answer
        A row per candidate, a column per criterion, nearest first.
    """

    frame: str
    kind: str
    master: str | None
    nearest_miss: str | None
    reason: str
    needs: str
    table: Answer

    def to_dict(self) -> dict[str, Any]:
        """Return it as a plain document."""
        return {
            "frame": self.frame,
            "kind": self.kind,
            "master": self.master,
            "nearest_miss": self.nearest_miss,
            "reason": self.reason,
            "needs": self.needs,
            "candidates": list(self.table.rows),
        }

    def to_pandas(self) -> "pd.DataFrame":
        """Return the table as a pandas DataFrame."""
        return self.table.to_pandas()

    def __repr__(self) -> str:
        lines = [self.reason, *([self.needs] if self.needs else [])]
        return "\n".join(lines + ([repr(self.table)] if len(self.table) else []))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        table = self.table._repr_mimebundle_()["text/html"] if len(self.table) else ""
        return {
            "text/plain": repr(self),
            "text/html": f"<p>{escape(self.reason)}<br>{escape(self.needs)}</p>{table}",
        }


def why(session: Session, frame_id: str, kind: str = "dark", *, rules: Rules | None = None) -> Why:
    """Say which master a frame has, and why that one, or why none.

    The criteria are those of `choose`, so that the answer is the choice.

    Parameters
    ----------
    frame_id : str
        A document of the collection ``headers``.
    kind : {'dark', 'flat', 'bias', 'pixelmap'}
        What is wanted for it.

    Raises
    ------
    UnknownDocument
        There is no such frame.
    UsageError
        There is no such kind.
    """
    if kind not in KINDS:
        raise UsageError(f"no kind of master is called {kind!r}; ask for {', '.join(KINDS)}")
    frame = session.headers.find_one({"_id": frame_id})
    if frame is None:
        raise UnknownDocument(f"no document named {frame_id!r}; `darkroom query` lists names")
    rules = rules or Rules()
    ranked = sorted(candidates(frame, kind, catalog=session.catalog, rules=rules), key=nearness)
    chosen = best(ranked, rules=rules)
    if chosen is not None:
        ranked = [chosen, *(candidate for candidate in ranked if candidate is not chosen)]
    miss = ranked[0] if ranked and chosen is None else None
    rule = rule_for(frame["profile"], kind)
    wanted = traits(frame, rule)
    camera = wanted[rule.keys[0].name]
    return Why(
        frame=frame_id,
        kind=kind,
        master=None if chosen is None else chosen.master["_id"],
        nearest_miss=None if miss is None else miss.master["_id"],
        reason=_reason(frame_id, kind, camera, chosen, miss),
        needs="" if chosen is not None else _needed(kind, wanted, camera, rule.minimum, miss),
        table=Answer(
            *_table(ranked[:_SHOWN], chosen), f"{counted(len(ranked), 'candidate')} for the {kind} of {frame_id}"
        ),
    )


def _reason(frame_id: str, kind: str, camera: Any, chosen: MasterCandidate | None, miss: MasterCandidate | None) -> str:
    if chosen is not None:
        days = abs(chosen.apart.total_seconds()) / 86400 if chosen.apart else 0.0
        if chosen.master["status"] == ELSEWHERE:
            name, made = chosen.master["_id"], made_by(chosen.master)
            return f"{frame_id} has the {kind} {name}, {made} and not verified here, {days:.2f} d away"
        return f"{frame_id} has the {chosen.master['status']} {kind} {chosen.master['_id']}, {days:.2f} d away"
    if miss is None:
        return f"{frame_id} has no {kind}: there is none of camera {camera}"
    failed = "; ".join(f"{check.criterion}: {check.text}" for check in miss.failed)
    return f"{frame_id} has no {kind}: the nearest miss is {miss.master['_id']} ({failed})"


def _needed(kind: str, wanted: Row, camera: Any, minimum: int, miss: MasterCandidate | None) -> str:
    """Say how to fix it: somebody's word where only that is missing, frames otherwise."""
    if miss is not None and all(check.criterion in ("status", "validity") for check in miss.failed):
        return f"To fix it: look at it (darkroom show '{miss.master['_id']}'); {use_hint(miss.master)}"
    if miss is not None and miss.master.get("departed") and [check.criterion for check in miss.failed] == ["current"]:
        return f"To fix it: darkroom masters make {miss.master['date']} makes it of what is left, if that is enough"
    frames = {"bias": "bias frames"}.get(KINDS[kind].frames, f"{KINDS[kind].frames}s")
    told = [f"{name} {wanted[name]:g}" for name in ("exptime", "temperature") if wanted.get(name) is not None]
    told = told if kind == "dark" else told[-1:] if kind == "bias" else []
    if kind == "flat" and wanted.get("filter") is not None:
        told = [f"filter {wanted['filter']}"]
    with_what = f", {', '.join(told)}" if told else ""
    return f"To take: {minimum} {frames} or more with camera {camera}{with_what}"


def _table(ranked: list[MasterCandidate], chosen: MasterCandidate | None) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    checks = [check for candidate in ranked for check in candidate.checks]
    silent = {check.criterion for check in checks} - {c.criterion for c in checks if c.text != "neither says"}
    names = tuple(dict.fromkeys(check.criterion for check in checks if check.criterion not in silent))
    rows = tuple(
        {"master": candidate.master["_id"], "chosen": candidate is chosen, "failed": len(candidate.failed)}
        | {
            check.criterion: ("" if check.passed else "✗ ") + check.text
            for check in candidate.checks
            if check.criterion in names
        }
        for candidate in ranked
    )
    return ("master", "chosen", "failed", *names), rows
