"""The frames of a night as a page shows them: each with its status, and the limit it met or missed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.calibration.groups.keys import camera_of
from pipelines.documents.schema import Doc
from pipelines.table.cells import short

NOT_CHECKED = "not checked"
NOT_COMPARED = "not compared"
_PLAIN = ("good", NOT_COMPARED)


@dataclass(frozen=True, slots=True)
class FrameRow:
    """One frame.

    Attributes
    ----------
    name, camera, kind : str
        What it is.
    time : datetime or None
        When it began, UTC.
    exptime : float or None
        Seconds.
    filter, target : str
        Empty where nothing states them.
    status : str
        ``good``, ``bad``, ``doubtful`` or ``not checked``.
    limits : str
        The limits it missed; of a good frame, how many it met, and which could not be compared.
    left_out : str
        Why it is in no group; empty where it is in one, or of a kind that is not grouped.
    flags : tuple of str
        What ingest flagged.
    """

    name: str
    camera: str
    kind: str
    time: datetime | None
    exptime: float | None
    filter: str
    target: str
    status: str
    limits: str
    left_out: str
    flags: tuple[str, ...]

    @property
    def needs_a_look(self) -> bool:
        """Whether it was judged other than good."""
        return self.status not in ("good", NOT_CHECKED)


def frame_rows(frames: Iterable[Doc], ungrouped: Iterable[Mapping[str, Any]]) -> list[FrameRow]:
    """Return the frames, by camera and time.

    Parameters
    ----------
    frames : iterable of dict
        Documents of headers.
    ungrouped : iterable of dict
        Rows of `Calibration.ungrouped`.
    """
    reasons = {name: row["reason"] for row in ungrouped for name in row["ids"]}
    rows = [_row(frame, str(reasons.get(frame["_id"], ""))) for frame in frames]
    return sorted(
        rows, key=lambda row: (row.camera, row.time is None, row.time.timestamp() if row.time else 0.0, row.name)
    )


def _row(frame: Doc, left_out: str) -> FrameRow:
    obs, qc = frame.get("obs") or {}, frame.get("qc") or {}
    checks = qc.get("checks") or []
    return FrameRow(
        name=str(frame["_id"]),
        camera=str(camera_of(frame) or "-"),
        kind=str(frame.get("kind")),
        time=frame.get("timestamp"),
        exptime=obs.get("exptime"),
        filter=str(obs.get("filter") or ""),
        target=str(obs.get("object") or ""),
        status=str(qc.get("verdict") or NOT_CHECKED),
        limits=_limits(checks),
        left_out=left_out,
        flags=tuple(qc.get("flags") or ()),
    )


def _limits(checks: Sequence[Mapping[str, Any]]) -> str:
    """Say which limits were missed; else how many were met.

    Examples
    --------
    >>> _limits([{"check": "leak", "verdict": "bad", "value": 108.2, "limit": 7.4, "reason": "one side is brighter"}])
    'leak: one side is brighter (108.2, limit 7.4)'
    >>> _limits([{"check": "level", "verdict": "good"}, {"check": "distance", "verdict": "not compared"}])
    '1 of 2 met; not compared: distance'
    """
    missed = [_missed(check) for check in checks if check["verdict"] not in _PLAIN]
    if missed:
        return "; ".join(missed)
    if not checks:
        return ""
    met = sum(check["verdict"] == "good" for check in checks)
    apart = [str(check["check"]) for check in checks if check["verdict"] == NOT_COMPARED]
    return f"{met} of {len(checks)} met" + (f"; not compared: {', '.join(apart)}" if apart else "")


def _missed(check: Mapping[str, Any]) -> str:
    reason = check.get("reason")
    said = f"{check['check']}: {reason}" if reason else str(check["check"])
    if check.get("value") is None:
        return said
    limit = f", limit {short(check['limit'])}" if check.get("limit") is not None else ""
    return f"{said} ({short(check['value'])}{limit})"
