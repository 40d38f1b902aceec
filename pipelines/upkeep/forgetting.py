"""Forget: a document that only the store knows goes into the trash, as one that was deleted."""

from contextlib import suppress

from pymongo import ReplaceOne

from arraystore import Lost
from pipelines.documents.changes import new_state, write
from pipelines.documents.lives import Life
from pipelines.documents.records import numbered, parse_key
from pipelines.documents.strangers import Stranger
from pipelines.session import Session

WHY = "forgotten by a sweep: the store kept it, the catalog lacked it"


def release(stranger: Stranger, session: Session, *, run: str) -> None:
    """Write down in the store that a document is deleted, and put it into the trash.

    One whose records cannot be read has no contents to keep: its records are removed. The ledger has its name.
    """
    folder = stranger.stem.rpartition("/")[0]
    names = [name for r in session.store.records(f"{folder}/") if (name := parse_key(r.key)) is not None]
    numbers = sorted((name.revision, name.change) for name in names if name.stem == stranger.stem)
    if not stranger.readable:
        for revision, change in numbers:
            with suppress(Lost):
                session.store.delete_record(numbered(stranger.stem, revision, change))
        return
    made = Life.read(session.store, stranger.stem, numbers).replay()
    catalog = session.catalog
    for collection, documents in (("history", made.history), ("trash", made.trash)):
        if documents:
            catalog[collection].bulk_write([ReplaceOne({"_id": d["_id"]}, d, upsert=True) for d in documents])
    if made.live is not None:
        catalog[made.collection].replace_one({"_id": made.document_id}, made.live, upsert=True)
        entry = new_state(made.live, "deleted", why=WHY, run=run, collection=made.collection)
        write(entry, catalog=catalog, store=session.store)
