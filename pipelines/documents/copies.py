"""Copies: a catalog that is a copy of another says so, and is not used before the copy is finished."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from catalog import Catalog, DuplicateKey
from catalog.url import parse_url
from pipelines.documents import runs as ledger
from pipelines.errors import Refused
from pipelines.version import __version__

COLLECTION = "copies"
NAME = "copy"
FORMAT = 1
NOT_COPIED = frozenset({COLLECTION, "leases"})
"""Who holds what at this moment is no one's business elsewhere."""


def require_whole(catalog: Catalog) -> None:
    """Refuse a catalog to which another is still being copied: it would answer with a part.

    Raises
    ------
    Refused
        Which copy it is, and how to finish it.
    """
    note = catalog[COLLECTION].find_one({"_id": NAME, "state": "unfinished"})
    if note is not None:
        raise Refused(
            f"{catalog.url} is an unfinished copy of {note['source']}, begun {note['begun']:%Y-%m-%d %H:%M} UTC: run "
            "the same `darkroom copy` again, it goes on where it stopped"
        )


def place_of(catalog: Catalog) -> str:
    """Return where a catalog is, as it may be shown; of a file, wherever the question is asked, its whole path."""
    return str(Path(parse_url(catalog.url).target).resolve()) if catalog.backend == "embedded" else catalog.url


def copied_names(catalog: Catalog) -> list[str]:
    """Return the collections of a catalog that a copy takes."""
    return [name for name in catalog.collection_names() if name not in NOT_COPIED and not name.startswith("system.")]


def note_of(source: Catalog, target: Catalog) -> dict[str, Any] | None:
    """Return what a target says of the copy to it; None where none was begun and it is empty.

    Raises
    ------
    Refused
        The target has documents of its own, or is a copy of another catalog, or a later release began it.
    """
    note = target[COLLECTION].find_one({"_id": NAME})
    if note is None:
        for name in copied_names(target):
            stranger = target[name].find_one({}, {"_id": 1})
            if stranger is not None:
                raise Refused(
                    f"{target.url} is not empty: it holds {stranger['_id']} in {name}. Nothing was written; copy into "
                    "an empty catalog"
                )
        return None
    if note.get("format", 0) > FORMAT:
        raise Refused(
            f"{target.url} is a copy that darkroom {note.get('version')} began, and this is {__version__}: go on with "
            "that release, or copy into an empty catalog"
        )
    if note["source"] != (place := place_of(source)):
        raise Refused(f"{target.url} is a copy of {note['source']}, not of {place}; copy into an empty catalog")
    return dict(note)


def begin(source: Catalog, target: Catalog, *, store: str) -> dict[str, Any]:
    """Leave a note in a target that a copy has begun, or return that of the copy that goes on there.

    Parameters
    ----------
    store : str
        Where its arrays are copied to, as it may be shown; empty if they stay.

    Raises
    ------
    Refused
        As `note_of`.
    """
    note = note_of(source, target)
    if note is not None:
        return note
    made = {
        "_id": NAME,
        "format": FORMAT,
        "source": place_of(source),
        "store": store,
        "state": "unfinished",
        "begun": datetime.now(UTC),
        "runs": [],
        "version": __version__,
        **ledger.who(),
    }
    try:
        target[COLLECTION].insert_one(made)
    except DuplicateKey:  # another was first
        return begin(source, target, store=store)
    return made


def note_run(target: Catalog, run: str) -> None:
    """Write down a run of the copy, which is in the target's ledger and in no other."""
    target[COLLECTION].update_one({"_id": NAME}, {"$addToSet": {"runs": run}})


def finish(target: Catalog) -> None:
    """Write down that the copy is finished: the catalog may be used."""
    target[COLLECTION].update_one({"_id": NAME}, {"$set": {"state": "finished", "finished": datetime.now(UTC)}})
