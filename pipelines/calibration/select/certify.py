"""Certification: a master becomes the one to use for an interval, and no instant has two for one key."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date as day_of
from datetime import datetime, time
from typing import Any

from catalog import Catalog, CatalogError
from pipelines.calibration.groups.keys import matching_keys, rule_for
from pipelines.calibration.groups.kinds import KINDS
from pipelines.calibration.select.criteria import alike
from pipelines.calibration.select.intervals import interval, joined, overlaps, without
from pipelines.documents import runs as ledger
from pipelines.documents.changes import Edit, change
from pipelines.documents.lease import Holder, held
from pipelines.documents.schema import Doc
from pipelines.errors import NEAR, Refused, UnknownDocument, UsageError, near_misses
from pipelines.session import Session

__all__ = ["Certification", "certify", "same_key", "set_status"]


_PATIENCE = 30.0  # s to wait for another process, which takes milliseconds


class Overlap(Refused):
    """Another master is certified for the same key at the same time."""


@dataclass(frozen=True, slots=True)
class Certification:
    """What a certification did.

    Attributes
    ----------
    run : str
        Its run, by which `darkroom recall --undo` or `undoing.undo` takes it back.
    master : str
        The master.
    validity : tuple of dict
        Its intervals now, ``since`` and ``until``.
    shortened : tuple of str
        Masters whose intervals were cut to make room.
    """

    run: str
    master: str
    validity: tuple[Mapping[str, datetime | None], ...]
    shortened: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as a plain document."""
        return {
            "run": self.run,
            "master": self.master,
            "validity": [{key: None if t is None else t.isoformat() for key, t in v.items()} for v in self.validity],
            "shortened": list(self.shortened),
        }

    def __repr__(self) -> str:
        spans = ", ".join(f"{_day(v['since'])} to {_day(v['until'])}" for v in self.validity)
        cut = f"; shortened: {', '.join(self.shortened)}" if self.shortened else ""
        return f"{self.master} is certified, {spans}{cut} (run {self.run})"


def certify(
    session: Session,
    master_id: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    split: bool = False,
    override: bool = False,
    why: str,
) -> Certification:
    """Certify a master for an interval of time.

    Parameters
    ----------
    since, until : datetime, optional
        Of its validity, aware. By default from the noon that began its night, and without end.
    split : bool
        Cut the intervals of other masters to make room, rather than refuse.
    override : bool
        Certify also what was set aside.
    why : str
        Kept in the history.

    Raises
    ------
    UnknownDocument
        There is no such master.
    Overlap
        Another one is certified there; the message names it.
    Refused
        It is withdrawn, recalled or set aside.
    """
    master = find_master(session, master_id)
    master_id = master["_id"]
    wanted = interval(since or night_begins(master), until)
    _certifiable(master, override=override)
    run = ledger.start(session.runs, verb="certify", arguments={"master": master_id, "why": why})
    try:
        with _alone(master, catalog=session.catalog, run=run):
            master = find_master(session, master_id)  # as it is now that nobody else decides
            _certifiable(master, override=override)
            edits, validity = _edits(session, master, wanted, split=split)
            # What makes room goes first: cut short between the two, an instant has one master or none.
            for edit in edits:
                change([edit], catalog=session.catalog, store=session.store, why=why, run=run, collection="masters")
    except BaseException as error:
        with suppress(CatalogError):  # the catalog itself may be what failed
            ledger.finish(session.runs, run, status="failed", result={"error": f"{type(error).__name__}: {error}"})
        raise
    ledger.finish(session.runs, run, status="finished", result={"changed": len(edits)})
    return Certification(run, master_id, tuple(validity), tuple(edit.document for edit in edits[:-1]))


@contextmanager
def _alone(master: Doc, *, catalog: Catalog, run: str) -> Iterator[None]:
    """Decide about a camera's masters of one kind while no other process does.

    Raises
    ------
    Refused
        Another one has been at it all the time that we waited.
    """
    name = f"certify/{master['instrument']}/{master['camera']}/{master['kind']}"
    with held(catalog["leases"], name, run=run, wait=_PATIENCE) as lease:
        if isinstance(lease, Holder):
            raise Refused(f"{lease} certifies masters of camera {master['camera']}; try again when it has finished")
        yield


def _edits(
    session: Session, master: Doc, wanted: Mapping[str, Any], *, split: bool
) -> tuple[list[Edit], list[dict[str, datetime | None]]]:
    """Return the changes that certify a master, its own last, and its intervals then."""
    others = [other for other in rivals(session, master) if _meets(other, wanted)]
    if others and not split:
        spans = ", ".join(f"{other['_id']} ({_spans(other['validity'])})" for other in others)
        raise Overlap(f"{master['_id']} cannot be certified: {spans} is; give another interval, or split its interval")
    validity = joined([*(master.get("validity") or ()), wanted])
    edits = [Edit(other["_id"], set=_shortened(other, wanted)) for other in others]
    return [*edits, Edit(master["_id"], set={"status": "certified", "validity": validity})], validity


def set_status(session: Session, master_ids: list[str], status: str, *, why: str) -> list[str]:
    """Mark masters as verified, proposed or withdrawn; what was certified loses its validity.

    Raises
    ------
    UsageError
        The status is none of these; `certify` certifies.
    """
    if status not in ("proposed", "verified", "withdrawn"):
        raise UsageError(f"a master is marked proposed, verified or withdrawn, not {status!r}")
    found = [find_master(session, master_id) for master_id in master_ids]
    for master in found:
        _require_master(master)
    master_ids = [master["_id"] for master in found]
    run = ledger.start(session.runs, verb="certify", arguments={"masters": master_ids, "status": status, "why": why})
    edits = [Edit(master_id, set={"status": status, "validity": []}) for master_id in master_ids]
    changed = change(edits, catalog=session.catalog, store=session.store, why=why, run=run, collection="masters")
    ledger.finish(session.runs, run, status="finished", result={"changed": len(changed)})
    return changed


def same_key(one: Doc, other: Doc) -> bool:
    """Tell whether two masters are for the same frames: exact keys equal, the others within their spread."""
    if any(one.get(name) != other.get(name) for name in ("kind", "instrument", "camera", "flat_time", "profile")):
        return False
    keys = matching_keys(rule_for(one["profile"], one["kind"]), one["kind"])
    return all(alike(key, one["key"].get(key.name), other["key"].get(key.name)) for key in keys)


def rivals(session: Session, master: Doc) -> list[dict[str, Any]]:
    """Return the other certified masters of the same key, by name."""
    query = {
        "instrument": master["instrument"],
        "kind": master["kind"],
        "camera": master["camera"],
        "status": "certified",
    }
    found = session.masters.find(query).sort("_id", 1)
    return [other for other in found if other["_id"] != master["_id"] and same_key(master, other)]


def find_master(session: Session, master_id: str) -> dict[str, Any]:
    """Return a master's document by its name, or by the beginning of a name if only one begins so.

    Raises
    ------
    UnknownDocument
        There is none, or several begin so; the message names near ones.
    """
    master = session.masters.find_one({"_id": master_id})
    if master is not None:
        return master
    names = sorted(d["_id"] for d in session.masters.find({}, {"_id": 1}))
    begin = [name for name in names if name.startswith(master_id)] if master_id.startswith("masters/") else []
    if len(begin) == 1:
        return next(iter(session.masters.find({"_id": begin[0]})))
    inside = begin or [name for name in names if master_id in name]
    near = f"; is it one of {', '.join(inside[:NEAR])}?" if inside else near_misses(master_id, names)
    raise UnknownDocument(f"no master named {master_id!r}{near or '; `darkroom masters list` lists them'}")


def night_begins(master: Doc) -> datetime | None:
    """Return the local noon that began a master's night, in the zone of its instrument's site."""
    from pipelines.instruments import profiles
    from pipelines.instruments.nights import site_zone

    profile = profiles().get(str(master.get("profile")))
    if profile is None or master.get("date") is None:
        first: datetime | None = master.get("first")
        return first
    return datetime.combine(day_of.fromisoformat(master["date"]), time(12), tzinfo=site_zone(profile.clock.zone))


def _certifiable(master: Doc, *, override: bool) -> None:
    _require_master(master)
    for field in ("recalled", "stale"):
        if master.get(field):
            because = "; ".join(mark["why"] for mark in master[field].values())
            raise Refused(f"{master['_id']} is {field} ({because}); undo the recall, or make it again")
    if master["status"] == "withdrawn":
        raise Refused(f"{master['_id']} is withdrawn; mark it as verified first")
    if master["status"] == "set-aside" and not override:
        reason = (master.get("acceptance") or {}).get("reason", "")
        raise Refused(f"{master['_id']} was set aside: {reason}; override that if you know better")


def _require_master(document: Doc) -> None:
    if document["kind"] not in KINDS:
        raise UsageError(f"{document['_id']} is a calibrated frame: it serves no other frame, so it has no status")


def _meets(other: Doc, wanted: Mapping[str, Any]) -> bool:
    return any(overlaps(part, wanted) for part in other.get("validity") or ())


def _shortened(other: Doc, wanted: Mapping[str, Any]) -> dict[str, Any]:
    left = without(other["validity"], wanted)
    return {"validity": left} if left else {"validity": [], "status": "verified"}


def _spans(validity: Any) -> str:
    return ", ".join(f"{_day(part['since'])} to {_day(part['until'])}" for part in validity)


def _day(instant: datetime | None) -> str:
    return "…" if instant is None else f"{instant:%Y-%m-%d %H:%M}"
