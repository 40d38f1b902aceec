"""Takes back the changes of a run: a change like any other, refused where somebody has changed the same since."""

from collections.abc import Sequence

from arraystore import ArrayStore
from catalog import Catalog
from pipelines.documents import runs as ledger
from pipelines.documents.changes import change
from pipelines.documents.edits import ABSENT, Edit, Entry, reverted, value_at
from pipelines.documents.schema import Document
from pipelines.errors import Refused, UnknownDocument

__all__ = ["undo"]


def undo(run: str, *, catalog: Catalog, store: ArrayStore, why: str) -> list[str]:
    """Put back exactly what the changes of a run replaced; itself a change, that can be undone.

    Returns
    -------
    list of str
        The documents that changed.

    Raises
    ------
    UnknownDocument
        No change in the history belongs to that run.
    Refused
        Somebody has changed the same field of one of the documents since. Nothing is undone.
    """
    made: dict[tuple[str, str], list[Entry]] = {}
    for entry in catalog.history.find({"run": run, "state": None, "was.path": {"$exists": True}}):
        made.setdefault((entry["collection"], entry["document"]), []).append(entry)
    if not made:
        raise UnknownDocument(f"no change in the history belongs to a run {run!r}; `darkroom history` lists runs")
    edits: dict[str, list[Edit]] = {}
    for (collection, name), entries in made.items():
        document = catalog[collection].find_one({"_id": name})
        if document is None:
            raise Refused(f"{name} is no longer there; restore it, then undo. Nothing was undone")
        edits.setdefault(collection, []).append(_inverse(document, entries))
    new = ledger.start(catalog.runs, verb="undo", arguments={"run": run, "why": why})
    changed = []
    for collection, some in edits.items():
        changed += change(some, catalog=catalog, store=store, why=why, run=new, collection=collection)
    ledger.finish(catalog.runs, new, status="finished", result={"changed": len(changed)})
    return changed


def _inverse(document: Document, entries: Sequence[Entry]) -> Edit:
    """Return the edit that takes changes back; refuse if the document is no longer as they left it."""
    back = document
    for entry in sorted(entries, key=lambda e: (e["revision"], e["change"]), reverse=True):
        left = {item["path"]: item["value"] for item in entry["set"]} | dict.fromkeys(entry["unset"], ABSENT)
        for path, value in left.items():
            if value_at(back, path) != value:
                raise Refused(
                    f"{path} of {document['_id']} was changed again since run {entry['run']}; "
                    "undo the later change first. Nothing was undone"
                )
        back = reverted(back, entry)
    touched = {item["path"] for entry in entries for item in entry["was"]}
    whole = [path for path in sorted(touched) if not any(path.startswith(f"{other}.") for other in touched)]
    values = {path: value_at(back, path) for path in whole}
    gone = tuple(path for path, value in values.items() if value is ABSENT)
    return Edit(document["_id"], {path: value for path, value in values.items() if value is not ABSENT}, gone)
