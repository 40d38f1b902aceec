"""Pairing: a catalog and a store that belong together, told apart from two that do not."""

from itertools import islice

from arraystore import ArrayStore
from catalog import Catalog
from pipelines.errors import UsageError

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
