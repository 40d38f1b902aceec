"""Filling: the observation fields of documents that have none, from the headers they hold, as recorded changes."""

import logging
from collections.abc import Callable
from typing import Any, Final

from arraystore import ArrayStore
from catalog import Catalog, Collection, Damaged
from pipelines.documents.batches import change_batch
from pipelines.documents.edits import Edit
from pipelines.documents.observations import observed
from pipelines.documents.schema import Document
from pipelines.documents.shared import observed_master
from pipelines.instruments import Observation
from pipelines.progress import Progress

__all__ = ["UNOBSERVED", "WHY", "fill", "unobserved"]

UNOBSERVED: Final[dict[str, Any]] = {"obs": {"$exists": False}}
WHY: Final = "observation fields filled from the stored headers"
_BATCH = 200  # documents written together
_log = logging.getLogger(__name__)


def fill(*, catalog: Catalog, store: ArrayStore, run: str, progress: Progress | None = None) -> int:
    """Identify every document and master that has no observation fields; cut short, run it again.

    A master has those that its frames share, which are filled before.

    Parameters
    ----------
    run
        The run that the changes belong to, and by which they are undone.
    progress
        Called with documents done and in all.

    Returns
    -------
    int
        How many were filled. A document whose stored headers are damaged is passed over; `check` names it.
    """
    total = unobserved(catalog)
    done = 0
    for name, observe in _OBSERVERS.items():
        last = ""
        while batch := _next(catalog[name], last):
            last = batch[-1]["_id"]
            edits = []
            for document in batch:
                try:
                    seen = observe(document, catalog)
                except Damaged as error:
                    _log.warning("%s is not identified: %s", document["_id"], error)
                    continue
                edits.append((document, Edit(document["_id"], {"obs": seen.obs, "obs_from": seen.obs_from})))
            done += len(change_batch(edits, catalog=catalog, store=store, why=WHY, run=run, collection=name))
            if progress is not None:
                progress(done, max(done, total))
    return done


def unobserved(catalog: Catalog) -> int:
    """Return how many documents and masters have no observation fields."""
    return sum(catalog[name].count_documents(UNOBSERVED) for name in _OBSERVERS)


_OBSERVERS: Final[dict[str, Callable[[Document, Catalog], Observation]]] = {
    "headers": lambda document, catalog: observed(document),
    "masters": lambda document, catalog: observed_master(document, catalog.headers),
}
"""By collection, in the order in which they are filled."""


def _next(collection: Collection, last: str) -> list[Document]:
    return collection.find({**UNOBSERVED, "_id": {"$gt": last}}).sort("_id", 1).limit(_BATCH).to_list()
