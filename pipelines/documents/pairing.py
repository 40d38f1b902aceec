"""Pairing: a catalog and a store that belong together, told apart from two that do not."""

from itertools import islice

from arraystore import ArrayStore
from catalog import Catalog
from pipelines.documents.records import PREFIXES, parse_key, record_stem
from pipelines.errors import Refused, UsageError

COLLECTION = "pairing"
STORE = "store"
SAMPLE = 5  # documents asked


def is_paired(catalog: Catalog) -> bool:
    """Tell whether a catalog has a store already: then none is begun in the place of one that is not there."""
    return catalog[COLLECTION].find_one({"_id": STORE}) is not None


def require_store(catalog: Catalog, store: ArrayStore) -> None:
    """Refuse a store that is not the one the documents refer to.

    A store that was moved or copied keeps its identity, and so is the same store.

    Raises
    ------
    UsageError
        Which store it should be.
    """
    marker = catalog[COLLECTION].find_one({"_id": STORE})
    seen = _stores_of_documents(catalog) if marker is None else {str(marker["id"])}
    if seen and store.id not in seen:
        raise UsageError(
            f"the documents in {catalog.url} refer to the store {', '.join(sorted(seen))}, and {store.url} "
            f"is {store.id}; open the archive with its own store, wherever that was moved (--store URL). "
            "If it is its own, its marker arraystore.json is damaged: put that id back into it"
        )
    if marker is None and not catalog.readonly:
        catalog[COLLECTION].replace_one({"_id": STORE}, {"_id": STORE, "id": store.id}, upsert=True)


def _stores_of_documents(catalog: Catalog) -> set[str]:
    """Return the stores that some documents refer to: what there is to go by before there was a marker."""
    seen: set[str] = set()
    for document in islice(catalog.headers.find({"ingest.arrays": "kept"}, {"arrays": 1}).limit(SAMPLE), SAMPLE):
        seen.update(str(ref.get("store")) for ref in document["arrays"].values() if isinstance(ref, dict))
    return seen


def require_known(catalog: Catalog, store: ArrayStore) -> None:
    """Refuse to sweep a store most of whose documents the catalog has never heard of.

    Such a catalog was lost and begun anew: to it, all that came before is garbage. One that has deleted,
    swept or been rebuilt knows what it does.

    Raises
    ------
    Refused
        How many there are, and what to do.
    """
    if catalog.runs.find_one({"verb": {"$in": ["delete", "sweep", "rebuild"]}, "status": "finished"}, {"_id": 1}):
        return
    kept = {name.stem for prefix in PREFIXES.values() for r in store.records(prefix) if (name := parse_key(r.key))}
    known = {
        record_stem(document["_id"], collection=collection)
        for collection in PREFIXES
        for document in catalog[collection].find({}, {"_id": 1})
    }
    for entry in catalog.trash.find({}, {"document": 1, "collection": 1}):  # its deletion may have been cut short
        known.add(record_stem(entry["document"], collection=entry.get("collection", "headers")))
    strangers = len(kept - known)
    if strangers > len(known):
        raise Refused(
            f"{store.url} keeps {strangers} documents that {catalog.url} does not know, and {len(known)} that it "
            "does: the catalog was lost, or is another's. Bring them back with `darkroom rebuild --missing`; "
            "nothing was removed"
        )
