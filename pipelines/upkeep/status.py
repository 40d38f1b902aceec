"""What an archive holds: documents by kind, nights, quarantine, and bytes."""

from dataclasses import dataclass
from typing import Any

from pipelines.session import Session


@dataclass(frozen=True, slots=True)
class Status:
    """Counts of an archive.

    Attributes
    ----------
    documents : int
        FITS files in the catalog.
    kinds : dict
        Documents by kind.
    nights : int
        Distinct observing nights.
    quarantined, trashed : int
        Files not taken; documents in the trash.
    pending : int
        Documents whose arrays have not been taken yet.
    objects, nbytes : int
        Arrays in the store, and the bytes the store takes.
    fits_nbytes : int
        Bytes of the FITS files whose arrays are kept.
    catalog, store, roots : str, str, dict
        Where things are.
    lacking : str
        What the store keeps that the catalog lacks, and what to do; empty when nothing is.
    """

    documents: int
    kinds: dict[str, int]
    nights: int
    quarantined: int
    trashed: int
    pending: int
    objects: int
    nbytes: int
    fits_nbytes: int
    catalog: str
    store: str
    roots: dict[str, str]
    lacking: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as plain data."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __repr__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.kinds.items())
        lines = [
            f"documents   {self.documents} on {self.nights} nights ({kinds or 'none yet'})",
            f"arrays      {self.objects} objects, {self.nbytes / 1e6:.1f} MB ({self.fits_nbytes / 1e6:.1f} MB of FITS)",
            f"quarantine  {self.quarantined}",
            f"trash       {self.trashed}",
            f"catalog     {self.catalog}",
            f"store       {self.store}",
        ]
        if self.pending:
            lines.insert(2, f"pending     {self.pending} documents wait for their arrays")
        if self.lacking:
            lines.append(f"ATTENTION   {self.lacking}")
        lines += [f"root        {name} = {folder}" for name, folder in self.roots.items()]
        return "\n".join(lines)


def status(session: Session) -> Status:
    """Count what an archive holds."""
    from pipelines.documents.roots import Roots
    from pipelines.documents.strangers import lacking, said

    by_kind = session.headers.aggregate(
        [{"$group": {"_id": {"$ifNull": ["$kind", None]}, "n": {"$sum": 1}}}, {"$sort": {"n": -1, "_id": 1}}]
    )
    kept = list(
        session.headers.aggregate(
            [
                {"$match": {"ingest.arrays": "kept"}},
                {"$group": {"_id": None, "n": {"$sum": 1}, "nbytes": {"$sum": "$file.size"}}},
            ]
        )
    )
    usage = session.store.usage()
    documents = session.headers.count_documents({})
    return Status(
        documents=documents,
        kinds={str(group["_id"] or "unknown"): group["n"] for group in by_kind},
        nights=len([night for night in session.headers.distinct("date") if night is not None]),
        quarantined=session.quarantine.count_documents({}),
        trashed=session.catalog.trash.count_documents({}),
        pending=documents - (kept[0]["n"] if kept else 0),
        objects=usage["objects"],
        nbytes=usage["nbytes"],
        fits_nbytes=kept[0]["nbytes"] if kept else 0,
        catalog=session.catalog.url,
        store=session.store.url,
        roots={name: str(folder) for name, folder in Roots(session.catalog.roots).all().items()},
        lacking=said(lacking(session.catalog, session.store)),
    )
