"""Delete in two steps: a document goes into the trash, from where it can be restored; ``sweep`` empties it.

Arrays are not touched here. They stay as long as any document, in use or in the trash, refers to
them. Both steps are changes like any other, so a catalog that is rebuilt knows of them.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from arraystore import ArrayStore
from catalog import Catalog, CatalogError, Collection
from pipelines.documents import runs as ledger
from pipelines.documents.changes import TRIES, Changed, new_state, trash_name, write
from pipelines.errors import Refused, UnknownDocument
from pipelines.table import Answer


def delete(
    ids: Sequence[str], *, catalog: Catalog, store: ArrayStore, why: str = "", collection: str = "headers"
) -> Changed:
    """Move documents into the trash.

    Parameters
    ----------
    ids : sequence of str
        Their names. All must be there, or none is deleted.
    why : str
        Kept with them.
    collection : {'headers', 'masters'}
        Where they are.

    Returns
    -------
    Changed
        The names of the entries in the trash, and the run that `restore` may name.

    Raises
    ------
    UnknownDocument
        One of them is not in the archive.
    """
    documents = catalog[collection]
    there = {doc["_id"] for doc in documents.find({"_id": {"$in": list(ids)}}, {"_id": 1})}
    missing = [name for name in ids if name not in there]
    if missing:
        raise UnknownDocument(
            f"no document named {', '.join(missing[:5])}{' …' if len(missing) > 5 else ''}; nothing was deleted"
        )
    if not there:
        return Changed([], None)
    run = ledger.start(catalog.runs, verb="delete", arguments={"ids": list(ids), "why": why})
    # A clock that was put back must not make them old in the trash: their time there begins after the last run.
    since = ledger.newest(catalog.runs)
    entries: list[str] = []
    try:
        for name in dict.fromkeys(ids):
            entries += _delete(name, documents, why=why, run=run, since=since, catalog=catalog, store=store)
    except BaseException as error:
        with suppress(CatalogError):  # the catalog itself may be what failed
            result = {"deleted": len(entries), "error": f"{type(error).__name__}: {error}"}
            ledger.finish(catalog.runs, run, status="stopped", result=result)
        raise
    ledger.finish(catalog.runs, run, status="finished", result={"deleted": len(entries)})
    return Changed(entries, run)


def _delete(
    name: str,
    documents: Collection,
    *,
    why: str,
    run: str,
    since: datetime | None,
    catalog: Catalog,
    store: ArrayStore,
) -> list[str]:
    """Move one document into the trash; return the name of its entry there, none if others were first."""
    for _ in range(TRIES):
        document = documents.find_one({"_id": name})
        if document is None:
            return []
        entry = new_state(document, "deleted", why=why, run=run, collection=documents.name)
        entry["at"] = max(entry["at"], since or entry["at"])
        if write(entry, catalog=catalog, store=store):
            return [trash_name(entry)]
    raise Refused(f"{name} is being changed by others all the time; try again later")


def restore(ids: Sequence[str], *, catalog: Catalog, store: ArrayStore) -> list[str]:
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
    _require_free(latest, catalog)
    run = ledger.start(catalog.runs, verb="restore", arguments={"ids": list(latest)})
    for entry in latest.values():
        why = f"restored what {entry['run']} deleted"
        new = new_state(entry["before"], "restored", why=why, run=run, collection=entry["collection"])
        if not write(new, catalog=catalog, store=store):
            _require_free({entry["document"]: entry}, catalog)
            if catalog[entry["collection"]].find_one({"_id": entry["document"]}, {"_id": 1}) is None:
                raise UnknownDocument(f"{entry['document']} was swept from the trash in this moment; ingest it again")
    ledger.finish(catalog.runs, run, status="finished", result={"restored": len(latest)})
    return list(latest)


def _require_free(entries: dict[str, dict[str, Any]], catalog: Catalog) -> None:
    present: list[str] = []
    for collection in {entry["collection"] for entry in entries.values()}:
        ids = [name for name, entry in entries.items() if entry["collection"] == collection]
        for doc in catalog[collection].find({"_id": {"$in": ids}}, {"ingest.revision": 1}):
            if doc["ingest"]["revision"] > entries[doc["_id"]]["revision"]:
                present.append(doc["_id"])
    if present:
        raise Refused(f"{', '.join(present[:5])} was ingested again since; delete that first, or leave the trash be")


def listed(catalog: Catalog) -> Answer:
    """List what is in the trash, the latest deletion first."""
    fields = {"document": 1, "collection": 1, "deleted_at": 1, "run": 1, "why": 1, "user": 1}
    columns = ("document", "collection", "deleted_at", "run", "why", "user")
    entries = catalog.trash.find({}, fields).sort([("deleted_at", -1), ("_id", 1)])
    rows = tuple({name: entry.get(name) for name in columns} for entry in entries)
    return Answer(columns, rows, f"{len(rows)} in the trash; `darkroom restore ID` or `--run RUN` brings back")


def latest_revisions(trash: Collection, ids: Iterable[str]) -> dict[str, int]:
    """Return the highest revision in the trash of each document that has one there."""
    latest: dict[str, int] = {}
    for entry in trash.find({"document": {"$in": list(ids)}}, {"document": 1, "revision": 1}):
        latest[entry["document"]] = max(entry["revision"], latest.get(entry["document"], 0))
    return latest
