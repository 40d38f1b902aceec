"""The one door to documents: by their exact name, and what became of one that is not there."""

from typing import Any

from pipelines.archive import Archive
from pipelines.errors import UnknownDocument
from pipelines.web.answers import Gone
from pipelines.web.asked import NAME

__all__ = ["CARDS_APART", "document_of"]

CARDS_APART = {"cards": 0}
"""Documents without their cards, which may be megabytes."""


def document_of(archive: Archive, name: str, *collections: str) -> dict[str, Any]:
    """Return a document by its name.

    Parameters
    ----------
    collections : str
        Where it may be: ``'headers'``, ``'masters'``; both by default.

    Raises
    ------
    Gone
        It was deleted.
    UnknownDocument
        There is none. Near names are not looked for: that would read the whole archive.
    """
    if len(name) <= NAME:
        for collection in collections or ("headers", "masters"):
            found = archive.catalog[collection].find_one({"_id": name}, CARDS_APART)
            if found is not None:
                return found
        for entry in (
            archive.catalog.trash.find({"document": name}, {"deleted_at": 1, "why": 1}).sort("deleted_at", -1).limit(1)
        ):
            when = entry.get("deleted_at")
            said = f"{name} was deleted" + (f" on {when:%Y-%m-%d %H:%M} UTC" if when else "")
            why = f", because {entry['why']}" if entry.get("why") else ""
            raise Gone(f"{said}{why}; `darkroom restore {name}` brings it back")
    raise UnknownDocument(f"there is no document named {name[:200]!r}; the search lists names")
