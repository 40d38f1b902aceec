"""Filling: the observation fields of documents that have none, from the headers they hold, as recorded changes."""

import logging
from collections.abc import Callable
from typing import Any, Final

from arraystore import ArrayStore
from catalog import Catalog, Damaged
from pipelines.documents.batches import change_batch
from pipelines.documents.edits import Document, Edit
from pipelines.documents.observations import observed

__all__ = ["UNOBSERVED", "WHY", "fill"]

UNOBSERVED: Final[dict[str, Any]] = {"obs": {"$exists": False}}
WHY: Final = "observation fields filled from the stored headers"
_BATCH = 200  # documents written together
_log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


def fill(*, catalog: Catalog, store: ArrayStore, run: str, progress: Progress | None = None) -> int:
    """Identify every document that has no observation fields; cut short, run it again.

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
    total = catalog.headers.count_documents(UNOBSERVED)
    done, last = 0, ""
    while batch := _next(catalog, last):
        last = batch[-1]["_id"]
        edits = []
        for document in batch:
            try:
                seen = observed(document)
            except Damaged as error:
                _log.warning("%s is not identified: %s", document["_id"], error)
                continue
            edits.append((document, Edit(document["_id"], {"obs": seen.obs, "obs_from": seen.obs_from})))
        done += len(change_batch(edits, catalog=catalog, store=store, why=WHY, run=run))
        if progress is not None:
            progress(done, max(done, total))
    return done


def _next(catalog: Catalog, last: str) -> list[Document]:
    return catalog.headers.find({**UNOBSERVED, "_id": {"$gt": last}}).sort("_id", 1).limit(_BATCH).to_list()
