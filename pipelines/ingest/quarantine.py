"""Quarantine: every file that could not be taken, why, and how to fix it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pymongo import DeleteOne, ReplaceOne

from catalog import Collection
from pipelines.documents.roots import Located
from pipelines.ingest.file import Outcome
from pipelines.ingest.known import by_place
from pipelines.session import Session
from pipelines.table import Answer


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


def record(collection: Collection, entries: Iterable[dict[str, Any]], *, mended: Iterable[Located] = ()) -> None:
    """Write down refusals, and strike out the files that have since been taken."""
    writes: list[ReplaceOne[dict[str, Any]] | DeleteOne] = [
        ReplaceOne({"_id": entry["_id"]}, entry, upsert=True) for entry in entries
    ]
    writes += [DeleteOne({"_id": name_of(located)}) for located in mended]
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
        (bytes), ``at`` (when it was refused) and ``run``.
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
        }
        for entry in entries
    )
    return Answer(("file", "code", "reason", "hint", "size", "at", "run"), rows, "Quarantine")


def name_of(located: Located) -> str:
    """Return the name of a file in the quarantine."""
    return f"{located.root}:{located.path}"


def time_of(mtime_ns: int) -> datetime | None:
    """Return a modification time as a document keeps it: aware, to the millisecond."""
    return datetime.fromtimestamp(mtime_ns // 1_000_000 / 1000, UTC) if mtime_ns >= 0 else None
