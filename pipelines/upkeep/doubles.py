"""What a catalog has twice: in use and in the trash, or under two names."""

import time
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from catalog import Catalog
from pipelines.documents.lookup import found_in
from pipelines.documents.schema import Document
from pipelines.upkeep.findings import Finding

__all__ = ["LIVE", "SHOWN", "duplicates", "half_deleted"]

LIVE = ("headers", "masters")
SHOWN = 20  # documents named with a finding
PATIENCE = 2.0  # seconds in which a deletion under way is carried out


def half_deleted(catalog: Catalog) -> Iterator[Finding]:
    """Name what is in use and in the trash; what is being deleted this moment is looked at again."""
    entries = list(catalog.trash.find({}, {"document": 1, "revision": 1, "collection": 1}))
    live: dict[tuple[str, str], int] = {}
    for name in LIVE:
        ids = [entry["document"] for entry in entries if entry.get("collection", "headers") == name]
        for document in found_in(catalog[name], "_id", ids, {"ingest.revision": 1}):
            live[name, document["_id"]] = document["ingest"]["revision"]
    suspected = [e for e in entries if live.get((e.get("collection", "headers"), e["document"])) == e["revision"]]
    both = {entry["_id"]: (entry, seen) for entry in suspected if (seen := _in_use(catalog, entry)) is not None}
    if both:
        time.sleep(PATIENCE)  # whoever is deleting or restoring them this moment is through by then
    for name, (entry, seen) in both.items():
        if _in_use(catalog, entry) == seen and catalog.trash.find_one({"_id": name}, {"_id": 1}) is not None:
            text = f"{entry['document']} is in use and, with the same revision, in the trash"
            yield Finding("half-deleted", name, text, (entry["document"],))


def _in_use(catalog: Catalog, entry: Document) -> int | None:
    """Return how many changes the document of a trash entry has had, if it is in use; else None."""
    query = {"_id": entry["document"], "ingest.revision": entry["revision"]}
    live = catalog[entry.get("collection", "headers")].find_one(query, {"ingest.changes": 1})
    return None if live is None else int(live["ingest"].get("changes", 0))


def duplicates(catalog: Catalog) -> Iterator[Finding]:
    """Name documents of the same bytes, or of the same pixels."""
    for path, code in (("file.sha256", "duplicated"), ("pixels_digest", "same-pixels")):
        fields = {"file.sha256": 1, "pixels_digest": 1}
        found = catalog.headers.find({path: {"$ne": None}}, fields).sort(path, 1)
        for value, group in groupby(found, key=lambda doc, path=path: _at(doc, path)):  # type: ignore[misc]
            first: dict[str, Document] = {}
            for document in group:
                # Of one file under two names, the pixels are the same too: that is said once.
                first.setdefault(document["file"]["sha256"] if code == "same-pixels" else document["_id"], document)
            names = tuple(sorted(document["_id"] for document in first.values()))
            if len(names) > 1:
                yield Finding(code, value, f"{path} is the same for {', '.join(names[:3])}", names[:SHOWN])


def _at(document: Document, path: str) -> Any:
    for key in path.split("."):
        document = document[key]
    return document
