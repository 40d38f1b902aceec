"""What the catalog holds of a file that is found again, and the one rule by which that file is unchanged."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipelines.documents.lookup import found_in
from pipelines.documents.roots import Located
from pipelines.ingest.walk import Candidate

if TYPE_CHECKING:
    from catalog import Collection


@dataclass(frozen=True, slots=True)
class Known:
    """The document of a place, as far as taking its file again asks for it.

    Attributes
    ----------
    document_id : str
        Its name.
    size : int
        Bytes of the file it was made from.
    mtime : datetime
        Modification time of that file, to the millisecond.
    sha256 : str or None
        Of that file; None while only its headers have been read.
    ingest : dict
        The document's ``ingest``: by which run, its revision, how often it was changed.
    campaign : str or None
        The campaign it is in.
    """

    document_id: str
    size: int
    mtime: datetime
    sha256: str | None
    ingest: dict[str, Any]
    campaign: str | None = None

    def is_of(self, found: Candidate, *, headers_only: bool) -> bool:
        """Tell whether an ingest passes the file over: its size and its time are those known, to the millisecond.

        Where only the headers were read, and arrays are wanted now, it is read again.
        """
        if self.sha256 is None and not headers_only:
            return False
        return found.size == self.size and found.mtime_ns // 1_000_000 == round(self.mtime.timestamp() * 1000)


_FIELDS = {"root": 1, "path": 1, "file.size": 1, "file.mtime": 1, "file.sha256": 1, "ingest": 1, "campaign": 1}


def look_up(headers: "Collection", places: Iterable[Located]) -> dict[Located, Known]:
    """Look up some places in the catalog; those it does not know are left out."""
    documents = by_place(headers, places, _FIELDS)
    return {Located(doc["root"], doc["path"]): _known(doc) for doc in documents}


def by_place(
    collection: "Collection", places: Iterable[Located], fields: Mapping[str, Any]
) -> Iterable[dict[str, Any]]:
    """Yield the documents of some places, in a question for each root and few hundred files."""
    by_root: dict[str, list[str]] = {}
    for place in places:
        by_root.setdefault(place.root, []).append(place.path)
    for root, paths in by_root.items():
        yield from found_in(collection, "path", paths, fields, where={"root": root})


def _known(doc: Mapping[str, Any]) -> Known:
    file = doc["file"]
    return Known(doc["_id"], file["size"], file["mtime"], file["sha256"], doc["ingest"], doc.get("campaign"))
