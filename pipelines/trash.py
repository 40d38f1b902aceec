"""Delete in two steps: a document goes into the trash, from where it can be restored; ``sweep`` empties it.

Arrays are not touched here. They stay as long as any document, in use or in the trash, refers to
them.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from catalog import Catalog, Collection
from pipelines import ledger
from pipelines.errors import Refused, UnknownDocument


def delete(ids: Sequence[str], *, catalog: Catalog, why: str = "") -> list[str]:
    """Move documents into the trash.

    Parameters
    ----------
    ids : sequence of str
        Their names. All must be there, or none is deleted.
    why : str
        Kept with them.

    Returns
    -------
    list of str
        The names of the entries in the trash.

    Raises
    ------
    UnknownDocument
        One of them is not in the archive.
    """
    documents = {doc["_id"]: doc for doc in catalog.headers.find({"_id": {"$in": list(ids)}})}
    missing = [name for name in ids if name not in documents]
    if missing:
        raise UnknownDocument(
            f"no document named {', '.join(missing[:5])}{' …' if len(missing) > 5 else ''}; nothing was deleted"
        )
    if not documents:
        return []
    run = ledger.start(catalog.runs, verb="delete", arguments={"ids": list(documents), "why": why})
    entries = []
    for document in documents.values():
        entry = f"{document['_id']}@{document['ingest']['revision']}"
        # Into the trash first: cut short here, the document is in both places and lost from neither.
        catalog.trash.replace_one({"_id": entry}, _entry(entry, document, why, run), upsert=True)
        catalog.headers.delete_one({"_id": document["_id"]})
        entries.append(entry)
    ledger.finish(catalog.runs, run, status="finished", result={"deleted": len(entries)})
    return entries


def restore(ids: Sequence[str], *, catalog: Catalog) -> list[str]:
    """Bring documents back from the trash, each as it was when it was last deleted.

    Raises
    ------
    UnknownDocument
        One of them is not in the trash.
    Refused
        The archive holds a document of that name again. Nothing is restored.
    """
    latest: dict[str, dict[str, Any]] = {}
    for entry in catalog.trash.find({"document": {"$in": list(ids)}}):
        kept = latest.get(entry["document"])
        if kept is None or entry["revision"] > kept["revision"]:
            latest[entry["document"]] = entry
    missing = [name for name in ids if name not in latest]
    if missing:
        raise UnknownDocument(f"not in the trash: {', '.join(missing[:5])}; nothing was restored")
    present = [doc["_id"] for doc in catalog.headers.find({"_id": {"$in": list(latest)}}, {"_id": 1})]
    if present:
        raise Refused(f"{', '.join(present[:5])} was ingested again since; delete that first, or leave the trash be")
    run = ledger.start(catalog.runs, verb="restore", arguments={"ids": list(latest)})
    for name, entry in latest.items():
        catalog.headers.replace_one({"_id": name}, entry["before"], upsert=True)
        catalog.trash.delete_one({"_id": entry["_id"]})
    ledger.finish(catalog.runs, run, status="finished", result={"restored": len(latest)})
    return list(latest)


def latest_revisions(trash: Collection, ids: Iterable[str]) -> dict[str, int]:
    """Give the highest revision in the trash of each document that has one there."""
    latest: dict[str, int] = {}
    for entry in trash.find({"document": {"$in": list(ids)}}, {"document": 1, "revision": 1}):
        latest[entry["document"]] = max(entry["revision"], latest.get(entry["document"], 0))
    return latest


def _entry(name: str, document: dict[str, Any], why: str, run: str) -> dict[str, Any]:
    return {
        "_id": name,
        "document": document["_id"],
        "revision": document["ingest"]["revision"],
        "deleted_at": datetime.now(UTC),
        "why": why,
        "run": run,
        "digests": document["digests"],
        "before": document,
        **ledger.who(),
    }
