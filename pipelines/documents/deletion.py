"""Deletion of an exposure and its derived products: planned, shown, then carried out if nothing has moved."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from arraystore import ArrayStore
from catalog import Catalog
from pipelines.documents import runs as ledger
from pipelines.documents import trash
from pipelines.documents.changes import Changed
from pipelines.documents.schema import CALIBRATED, Document
from pipelines.errors import Refused, UnknownDocument, UsageError
from pipelines.table import plain

ORDER = ("uncal", "ramp", "rateints", "rate")
"""Kinds of products of one exposure, in the order they are made."""
MADE_OF_IT = {"uncal": ORDER[1:], "ramp": ORDER[2:]}
"""By kind: the later products that are made of it; a rate and its rateints are both made of the ramp."""

_FIELDS = {
    "root": 1,
    "path": 1,
    "segment.number": 1,
    "ingest": 1,
    "file.size": 1,
    "kind": 1,
    "exposure": 1,
    "instrument": 1,
    "arrays": 1,
}


@dataclass(frozen=True, slots=True)
class Planned:
    """One document of a plan, as it was when the plan was made.

    Attributes
    ----------
    document, kind : str
        Its name, and what it is.
    revision, changes : int
        Which state of it.
    nbytes : int
        Bytes of the FITS file it stands for.
    """

    document: str
    kind: str | None
    revision: int
    changes: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class Deletion:
    """What a deletion would take.

    Attributes
    ----------
    asked, cascade : tuple of str, bool
        What it was planned for.
    documents : tuple of Planned
        In the order they go: what was made of others before what it was made of.
    masters : tuple of str
        Masters that were made of them, and would lose an input.
    fits_nbytes : int
        Bytes of the FITS files they stand for.
    own_nbytes, shared_nbytes : int
        Bytes of their arrays: those that nothing else refers to, which `sweep` will free, and the rest.
    collection : {'headers', 'masters'}
        Where they are: calibrated frames that are kept stand among the masters.
    """

    asked: tuple[str, ...]
    cascade: bool
    documents: tuple[Planned, ...]
    masters: tuple[str, ...]
    fits_nbytes: int
    own_nbytes: int
    shared_nbytes: int
    collection: str = "headers"

    @property
    def ids(self) -> list[str]:
        """The names of the documents."""
        return [planned.document for planned in self.documents]

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name != "documents"}
        return {"documents": self.ids, **plain}

    def __repr__(self) -> str:
        shown = [
            f"  {d.kind or 'unknown':10} {d.nbytes / 1e6:10.1f} MB  {plain(d.document)}" for d in self.documents[:20]
        ]
        if len(self.documents) > 20:
            shown.append(f"  and {len(self.documents) - 20} more")
        shared = f"; {self.shared_nbytes / 1e6:.1f} MB are shared and stay" if self.shared_nbytes else ""
        lines = [
            f"{len(self.documents)} documents, {self.fits_nbytes / 1e6:.1f} MB of FITS:",
            *shown,
            f"their arrays: {self.own_nbytes / 1e6:.1f} MB to free with `darkroom sweep`{shared}",
        ]
        lines += [f"  MASTER {name} was made of them" for name in self.masters]
        return "\n".join(lines)


def plan_deletion(ids: Sequence[str], *, catalog: Catalog, cascade: bool = True) -> Deletion:
    """Say what deleting documents would take; change nothing.

    Parameters
    ----------
    ids : sequence of str
        Their names.
    cascade : bool
        Also what was made of them: later products of the same exposure, and whatever names them, or one
        of those, among its ``parents``.

    Raises
    ------
    UnknownDocument
        One of them is not in the archive.
    UsageError
        One is a master: it is taken out of use, not deleted. Or calibrated frames are named beside other documents.
    """
    if kept := _calibrated(ids, catalog):
        return _plan_calibrated(ids, kept, catalog, cascade=cascade)
    found = {doc["_id"]: doc for doc in catalog.headers.find({"_id": {"$in": list(ids)}}, _FIELDS)}
    missing = [name for name in ids if name not in found]
    missing = [name for name in missing if name not in _deleted_by_the_killed(missing, catalog)]
    if missing:
        raise UnknownDocument(f"no document named {', '.join(missing[:5])}; nothing was deleted")
    waves = [found]
    while cascade and waves[-1]:
        known = {name for wave in waves for name in wave}
        made = _products(waves[-1].values(), catalog) if len(waves) == 1 else []
        made += catalog.headers.find({"parents": {"$in": list(waves[-1])}}, _FIELDS).to_list()
        waves.append({doc["_id"]: doc for doc in made if doc["_id"] not in known})
    going = [doc for wave in reversed(waves) for doc in sorted(wave.values(), key=_last_first)]
    names = [doc["_id"] for doc in going]
    masters = [doc["_id"] for doc in catalog.masters.find({"parents": {"$in": names}}, {"_id": 1}).sort("_id", 1)]
    own, shared = _weigh(going, catalog)
    return Deletion(
        asked=tuple(ids),
        cascade=cascade,
        documents=tuple(
            Planned(d["_id"], d.get("kind"), d["ingest"]["revision"], d["ingest"].get("changes", 0), d["file"]["size"])
            for d in going
        ),
        masters=tuple(masters),
        fits_nbytes=sum(doc["file"]["size"] for doc in going),
        own_nbytes=own,
        shared_nbytes=shared,
    )


def _calibrated(ids: Sequence[str], catalog: Catalog) -> list[Document]:
    """Return the calibrated frames among some names.

    Raises
    ------
    UsageError
        A master is among them.
    """
    found = catalog.masters.find({"_id": {"$in": list(ids)}}, {"kind": 1, "ingest": 1, "arrays": 1}).to_list()
    for document in found:
        if document["kind"] != CALIBRATED:
            raise UsageError(
                f"{document['_id']} is a master: take it out of use (darkroom masters certify '{document['_id']}' "
                "--status withdrawn --why TEXT), or recall it. Nothing was deleted"
            )
    return found


def _plan_calibrated(ids: Sequence[str], kept: Sequence[Document], catalog: Catalog, *, cascade: bool) -> Deletion:
    """Plan the deletion of calibrated frames, of which nothing is made."""
    others = sorted(set(ids) - {document["_id"] for document in kept})
    if others:
        raise UsageError(f"{others[0]} is no calibrated frame; delete calibrated frames and others one after another")
    own, shared = _weigh(kept, catalog)
    planned = (
        Planned(d["_id"], d["kind"], d["ingest"]["revision"], d["ingest"].get("changes", 0), 0)
        for d in sorted(kept, key=lambda document: str(document["_id"]))
    )
    return Deletion(tuple(ids), cascade, tuple(planned), (), 0, own, shared, "masters")


def _deleted_by_the_killed(names: Sequence[str], catalog: Catalog) -> set[str]:
    """Return the documents that a deletion took which did not come to its end: it may be repeated."""
    if not names:
        return set()
    ledger.note_killed(catalog.runs)
    entries = catalog.trash.find({"document": {"$in": list(names)}}, {"document": 1, "run": 1}).to_list()
    runs = {"_id": {"$in": sorted({entry["run"] for entry in entries})}, "status": {"$in": ["killed", "stopped"]}}
    cut_short = {run["_id"] for run in catalog.runs.find(runs, {"_id": 1})}
    return {entry["document"] for entry in entries if entry["run"] in cut_short}


def delete_planned(
    plan: Deletion,
    *,
    catalog: Catalog,
    store: ArrayStore,
    why: str = "",
    force: bool = False,
) -> Changed:
    """Carry a plan out, if it is still what would be planned now.

    Parameters
    ----------
    why : str
        Kept with the deleted documents.
    force : bool
        Also if masters were made of them; kept with the reason.

    Returns
    -------
    Changed
        The names of the entries in the trash, and the run.

    Raises
    ------
    Refused
        A master was made of one of them, or something has changed since the plan. Nothing is deleted.
    """
    try:
        now = plan_deletion(plan.asked, catalog=catalog, cascade=plan.cascade)
    except UnknownDocument as error:
        raise Refused(f"the plan does not hold any more: {error}") from error
    if (now.documents, now.masters) != (plan.documents, plan.masters):
        raise Refused("the documents have changed since this was planned: look at it again. Nothing was deleted")
    if plan.masters and not force:
        shown = ", ".join(plan.masters[:3]) + (" …" if len(plan.masters) > 3 else "")
        raise Refused(
            f"{len(plan.masters)} masters were made of these ({shown}); make them anew without, or insist with "
            "--force. Nothing was deleted"
        )
    if plan.masters:
        why = f"{why} (forced: {', '.join(plan.masters)} made of it)".strip()
    return trash.delete(plan.ids, catalog=catalog, store=store, why=why, collection=plan.collection)


def restore_run(run: str, *, catalog: Catalog, store: ArrayStore) -> list[str]:
    """Bring back everything one deletion took.

    Raises
    ------
    UnknownDocument
        Nothing in the trash was deleted by that run.
    Refused
        One of the documents was ingested again. Nothing is restored.
    """
    names = [entry["document"] for entry in catalog.trash.find({"run": run}, {"document": 1})]
    if not names:
        raise UnknownDocument(f"nothing in the trash was deleted by a run {run!r}; `darkroom history` names runs")
    return trash.restore(names, catalog=catalog, store=store)


def same_deletion(ids: Sequence[str], *, catalog: Catalog) -> list[str]:
    """Return the other documents that went with some into the trash, and have not been ingested again since."""
    latest: dict[str, Document] = {}
    for entry in catalog.trash.find({"document": {"$in": list(ids)}}, {"document": 1, "revision": 1, "run": 1}):
        if entry["revision"] > latest.get(entry["document"], {"revision": 0})["revision"]:
            latest[entry["document"]] = entry
    runs = sorted({entry["run"] for entry in latest.values()})
    others = {
        entry["document"]: entry
        for entry in catalog.trash.find({"run": {"$in": runs}, "document": {"$nin": list(ids)}})
    }
    by_collection: dict[str, list[str]] = {}
    for name, entry in others.items():
        by_collection.setdefault(entry["collection"], []).append(name)
    for collection, names in by_collection.items():
        for document in catalog[collection].find({"_id": {"$in": names}}, {"_id": 1}):
            del others[document["_id"]]
    return sorted(others)


def _products(documents: Iterable[Document], catalog: Catalog) -> list[Document]:
    """Return the later products of the exposures of documents."""
    found: list[Document] = []
    for document in documents:
        later = list(MADE_OF_IT.get(str(document.get("kind")), ()))
        if document.get("exposure") is None or not later:
            continue
        query = {"exposure": document["exposure"], "instrument": document["instrument"], "kind": {"$in": later}}
        products = catalog.headers.find(query, _FIELDS).to_list()
        # Of the segments of an exposure, only this one; of its calibrations, each in its own folder, too.
        products = [product for product in products if _segment(product) == _segment(document)]
        if document["kind"] != ORDER[0]:
            products = [product for product in products if _folder(product) == _folder(document)]
        found += products
    return found


def _folder(document: Document) -> tuple[str, str]:
    return document["root"], document["path"].rpartition("/")[0]


def _segment(document: Document) -> int | None:
    segment = document.get("segment")
    return segment["number"] if isinstance(segment, dict) else None


def _last_first(document: Document) -> tuple[int, str]:
    kind = document.get("kind")
    return (-ORDER.index(kind) if kind in ORDER else 0, document["_id"])


def _weigh(documents: Sequence[Document], catalog: Catalog) -> tuple[int, int]:
    """Return the bytes of the arrays only these documents refer to, and of those others need too."""
    stored = {ref["digest"]: int(ref["stored"]) for doc in documents for ref in doc["arrays"].values()}
    names = [doc["_id"] for doc in documents]
    needed: set[str] = set()
    digests = list(stored)
    for collection, owner in (
        ("headers", "_id"), ("masters", "_id"), ("views", "_id"), ("trash", "document"), ("history", "document")
    ):  # fmt: skip
        others = {"digests": {"$in": digests}, owner: {"$nin": names}}
        for document in catalog[collection].find(others, {"digests": 1}):
            needed.update(document["digests"])
    own = sum(size for digest, size in stored.items() if digest not in needed)
    return own, sum(stored.values()) - own
