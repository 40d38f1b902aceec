"""Quarantine: every file that could not be taken, why, and how to fix it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo import DeleteOne, ReplaceOne

from catalog import Collection
from pipelines.documents import runs as ledger
from pipelines.documents.lookup import found_in
from pipelines.documents.roots import Located
from pipelines.errors import UsageError, near_misses
from pipelines.ingest.file import Outcome
from pipelines.ingest.known import by_place
from pipelines.session import Session
from pipelines.table import Answer

LIST = "; `darkroom quarantine list` lists them"
LOOKED_AT = 5000  # names in which near misses are looked for


def entry_of(outcome: Outcome) -> dict[str, Any]:
    """Return the quarantine document of a refused file."""
    candidate = outcome.task.found
    return {
        "_id": name_of(candidate.located),
        "root": candidate.located.root,
        "path": candidate.located.path,
        "code": outcome.code,
        "reason": outcome.message,
        "hint": outcome.hint,
        "size": candidate.size if candidate.size >= 0 else None,
        "mtime": time_of(candidate.mtime_ns),
        "run": outcome.task.run,
        "at": datetime.now(UTC),
    }


SAME = ("code", "size", "mtime")
"""An acknowledgement holds while these are what they were: the same file, refused for the same reason."""


def acknowledge(session: Session, names: Sequence[str], *, why: str) -> list[str]:
    """Write down that somebody knows of entries: they are listed, and no longer reported as new trouble.

    It holds until the file changes or is refused for another reason.

    Parameters
    ----------
    names : sequence of str
        Entries, ``root:path``.
    why : str
        The reason, kept with each entry and in the ledger.

    Returns
    -------
    list of str
        The entries.

    Raises
    ------
    UsageError
        There is no such entry, or no reason; nothing is written then.
    """
    if not why.strip():
        raise UsageError("say why: it is kept with the entries (--why TEXT)")
    wanted = list(dict.fromkeys(names))
    there = [str(one["_id"]) for one in found_in(session.quarantine, "_id", wanted, {"_id": 1})]
    missing = [name for name in wanted if name not in there]
    if missing or not wanted:
        known = [str(one["_id"]) for one in session.quarantine.find({}, {"_id": 1}).limit(LOOKED_AT)]
        hint = near_misses(missing[0], known) if missing else ""
        raise UsageError(f"not in quarantine: {', '.join(missing) or 'nothing was named'}{hint or LIST}")
    run = ledger.start(session.runs, verb="acknowledge", arguments={"entries": wanted, "why": why})
    mark = {"why": why, "at": datetime.now(UTC), "run": run, "user": ledger.who()["user"]}
    session.quarantine.update_many({"_id": {"$in": wanted}}, {"$set": {"acknowledged": mark}})
    ledger.finish(session.runs, run, status="finished", result={"acknowledged": len(wanted)})
    return wanted


def still_acknowledged(collection: Collection, entries: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the acknowledgements that hold for new entries, by name."""
    new = {entry["_id"]: entry for entry in entries}
    fields = dict.fromkeys((*SAME, "acknowledged"), 1)
    return {
        old["_id"]: old["acknowledged"]
        for old in found_in(collection, "_id", list(new), fields, where={"acknowledged": {"$exists": True}})
        if all(old.get(name) == new[old["_id"]].get(name) for name in SAME)
    }


def record(collection: Collection, entries: Iterable[dict[str, Any]], *, resolved: Iterable[Located] = ()) -> None:
    """Write down refusals, and strike out the files that have since been taken."""
    writes: list[ReplaceOne[dict[str, Any]] | DeleteOne] = [
        ReplaceOne({"_id": entry["_id"]}, entry, upsert=True) for entry in entries
    ]
    writes += [DeleteOne({"_id": name_of(located)}) for located in resolved]
    if writes:
        collection.bulk_write(writes, ordered=False)


def entries_of(collection: Collection, places: Iterable[Located]) -> set[Located]:
    """Return the places, of some, whose files are in quarantine."""
    return {Located(entry["root"], entry["path"]) for entry in by_place(collection, places, {"root": 1, "path": 1})}


def listed(session: Session, *, code: str | None = None) -> Answer:
    """List what is in quarantine.

    Parameters
    ----------
    code : str, optional
        Only this kind of refusal.

    Returns
    -------
    Answer
        Columns ``file`` (the entry's name, ``root:path``), ``code``, ``reason``, ``hint``, ``size``
        (bytes), ``at`` (when it was refused), ``run``, and ``acknowledged``: why somebody said it may stay.
    """
    entries = session.quarantine.find({} if code is None else {"code": code}).sort("_id", 1)
    rows = tuple(
        {
            "file": entry["_id"],
            "code": entry["code"],
            "reason": entry["reason"].splitlines()[0],
            "hint": entry["hint"],
            "size": entry["size"],
            "at": entry["at"],
            "run": entry["run"],
            "acknowledged": (entry.get("acknowledged") or {}).get("why"),
        }
        for entry in entries
    )
    columns = ("file", "code", "reason", "hint", "size", "at", "run", "acknowledged")
    return Answer(columns, rows, "Quarantine", main=("file", "code", "acknowledged", "at"))


def name_of(located: Located) -> str:
    """Return the name of a file in the quarantine."""
    return f"{located.root}:{located.path}"


def time_of(mtime_ns: int) -> datetime | None:
    """Return a modification time as a document keeps it: aware, to the millisecond."""
    return datetime.fromtimestamp(mtime_ns // 1_000_000 / 1000, UTC) if mtime_ns >= 0 else None
