"""Copying: an archive brought to another catalog and another store, proved there, while it goes on being used.

A pass makes the target like the source: arrays and records first, then documents. Passes follow each other until
one finds nothing to do, and that one is the proof: every document is compared byte for byte, every array and every
record by its digest. So a copy that was cut short is begun again in the same way, and what changed in the source
meanwhile is caught up. Until the end the target says that it is unfinished, and is not opened.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arraystore import NotAStore
from arraystore.copying import Copied, StoreCopy
from catalog import Catalog, connect
from catalog.url import parse_url
from pipelines import settings
from pipelines.documents import copies
from pipelines.documents import runs as ledger
from pipelines.documents.lease import Holder, held
from pipelines.errors import Refused, UsageError
from pipelines.progress import Progress
from pipelines.session import Session
from pipelines.table.cells import counted
from pipelines.upkeep.likeness import NAMED, Difference, copy_indexes, differences, make_like, patiently

PASSES = 8
PATIENCE = 60.0
"""Seconds that a server may not answer before that is an error."""


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What was copied, or would be.

    Attributes
    ----------
    state : str
        ``'finished'``; ``'unfinished'`` where the source changed in every pass; ``'planned'`` of a dry run.
    catalog, store : str
        The targets, as they may be shown; empty where that was not copied.
    documents : dict of str to int
        Documents by collection.
    written, removed : int
        Documents written, and those removed because the source had them no more.
    objects, records, nbytes : int
        Arrays and records of the store, and their bytes.
    arrays_written, bytes_written : int
        Arrays and records written, and their bytes.
    passes : int
        Until nothing differed.
    changing : list of str
        Documents, at most twenty, that differed in the last pass.
    damaged : list of str
        Arrays and records that are damaged in the source, and were not copied.
    left_out : list of str
        Indexes that the target cannot have.
    """

    state: str
    catalog: str = ""
    store: str = ""
    documents: dict[str, int] = field(default_factory=dict)
    written: int = 0
    removed: int = 0
    objects: int = 0
    records: int = 0
    nbytes: int = 0
    arrays_written: int = 0
    bytes_written: int = 0
    passes: int = 0
    changing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """What the command line returns: 0, 1 if unfinished, 4 if something of the source is damaged."""
        return 4 if self.damaged else int(self.state == "unfinished")

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __repr__(self) -> str:
        verb = "to write" if self.state == "planned" else "written"
        lines = []
        if self.catalog:
            counts = ", ".join(f"{count} {name}" for name, count in self.documents.items() if count)
            gone = f", {self.removed} removed" if self.removed else ""
            lines.append(f"{self.catalog}: {counts or 'no documents'} ({self.written} {verb}{gone})")
        if self.store:
            lines.append(
                f"{self.store}: {counted(self.objects, 'array')}, {counted(self.records, 'record')}, "
                f"{self.nbytes / 1e6:.1f} MB ({self.arrays_written} {verb}, {self.bytes_written / 1e6:.1f} MB)"
            )
        if self.state == "finished":
            named = {"--catalog": self.catalog, "--store": self.store}
            where = " ".join(f"{option} {place}" for option, place in named.items() if place)
            lines.append(f"compared document by document and digest by digest; use it: darkroom {where} status")
        if self.state == "unfinished":
            lines.append(f"NOT finished: the archive changed in each of {self.passes} passes, the last time in:")
            lines += [f"  {name}" for name in self.changing]
            lines.append("stop what changes it and run the same command again: it goes on from here")
        for title, names in (("damaged, not copied", self.damaged), ("left out", self.left_out)):
            lines += [f"{title}: {name}" for name in names]
        if self.damaged:
            lines.append("`darkroom check` on the original says what can be repaired; then copy again")
        return "\n".join(lines)


def copy_to(
    session: Session,
    to: str | os.PathLike[str] | None = None,
    *,
    store_to: str | os.PathLike[str] | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> CopyReport:
    """Copy the catalog of an archive, its store, or both.

    Parameters
    ----------
    session : Session
        The archive; it is only read, and others may change it meanwhile.
    to : str or path, optional
        The catalog: a MongoDB URL, or a file. Empty, or an unfinished copy of this archive.
    store_to : str or path, optional
        The store: a folder or ``s3://…``, likewise. Without it the copied catalog goes with the same store.
    dry_run : bool
        Only say what would be written.
    progress : callable, optional
        Called with what is done of a pass, and how much there is.

    Raises
    ------
    UsageError
        No target is named, or it is the archive itself.
    Refused
        The target has something of its own, or another copy is at work there. Nothing was written.
    catalog.CatalogError, arraystore.StoreError
        A place cannot be used. Run it again: it goes on where it stopped.

    Examples
    --------
    >>> copy_to(session, "mongodb://localhost/darkroom", store_to="s3://bucket/darkroom")  # doctest: +SKIP
    """
    if to is None and store_to is None:
        raise UsageError("nothing to copy to: name a catalog (--to), a store (--store-to), or both")
    if to is None:
        arrays = _store_copy(session, store_to, begin=not dry_run)
        return _planned(None, "", None, arrays) if dry_run else _passes(session, None, arrays, progress)
    place = settings.resolve(catalog=os.fspath(to), store=session.store_url)
    address = parse_url(place.catalog)
    if address.kind == "embedded":
        _require_file(Path(address.target))
    if dry_run and address.kind == "embedded" and not Path(address.target).exists():
        return _planned(session.catalog, address.redacted, None, _store_copy(session, store_to, begin=False))
    session = session.patient(PATIENCE)
    with connect(place.catalog, readonly=dry_run, **place.options) as opened:
        target = opened.patient(PATIENCE)
        if copies.place_of(session.catalog) == copies.place_of(target):
            raise UsageError(f"{session.catalog.url} would be copied onto itself; name another catalog")
        note = copies.note_of(session.catalog, target)
        arrays = _store_copy(session, store_to, begin=not dry_run)
        if dry_run:
            return _planned(session.catalog, target.url, target, arrays)
        if note is not None and note["state"] == "finished":
            return _looked_at_again(session, target, arrays, progress)
        return _copy(session, target, arrays, progress)


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name the file of the catalog, such as {path / 'catalog.db'}")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"the folder {path.absolute().parent} is not there; make it, or write elsewhere")


def _store_copy(session: Session, store_to: str | os.PathLike[str] | None, *, begin: bool) -> StoreCopy | None:
    if store_to is None:
        return None
    try:
        return session.store.copy_to(store_to, begin=begin)
    except NotAStore as error:
        raise Refused(f"{error} Nothing was written.") from error


def _planned(source: Catalog | None, url: str, target: Catalog | None, arrays: StoreCopy | None) -> CopyReport:
    """Return what a copy would write."""
    names = [] if source is None else copies.copied_names(source)
    documents = {name: source[name].estimated_document_count() for name in names if source is not None}
    written = sum(documents.values())
    if target is not None and source is not None:
        differ = (differences(source, target, name) for name in names)
        written = sum(mine is not None for pairs in differ for mine, _ in pairs)
    moved = None if arrays is None else arrays.lacking()
    return _report("planned", url, documents, Difference(written=written), arrays, moved)


def _copy(session: Session, target: Catalog, arrays: StoreCopy | None, progress: Progress | None) -> CopyReport:
    copies.begin(session.catalog, target, store=arrays.url if arrays is not None else "")
    with held(target["leases"], "copy", run="copy") as lease:
        if isinstance(lease, Holder):
            raise Refused(f"another copy to {target.url} is under way: {lease}")
        where = {"source": session.catalog.url, "store": arrays.url if arrays is not None else ""}
        run = ledger.start(target.runs, verb="copy", arguments=where)
        copies.note_run(target, run)
        report = _passes(session, target, arrays, progress)
        if report.state == "finished":
            copies.finish(target)
        result = {"documents": report.documents, "written": report.written, "objects": report.objects}
        ledger.finish(target.runs, run, status=report.state, result=result)
    return report


def _passes(
    session: Session, target: Catalog | None, arrays: StoreCopy | None, progress: Progress | None
) -> CopyReport:
    """Make the targets like the archive, pass after pass, until one finds nothing to do."""
    url = "" if target is None else target.url
    counts: dict[str, int] = {}
    left_out: list[str] = []
    total, moved = Difference(), None
    for number in range(1, PASSES + 1):
        last = None if arrays is None else arrays.once(progress)
        moved = _added(moved, last)
        found = Difference()
        if target is not None:
            found, counts, left_out = _documents(session.catalog, target, progress)
            total.written, total.removed = total.written + found.written, total.removed + found.removed
        total.names = found.names
        if not (found.written or found.removed or (last is not None and (last.written or last.removed))):
            if arrays is not None:
                arrays.finish()
            return _report("finished", url, counts, total, arrays, moved, passes=number, left_out=left_out)
    return _report("unfinished", url, counts, total, arrays, moved, passes=PASSES, left_out=left_out)


def _documents(
    source: Catalog, target: Catalog, progress: Progress | None
) -> tuple[Difference, dict[str, int], list[str]]:
    """Make every collection of the target like that of the source; return the sum, the counts, what is left out."""
    note = target[copies.COLLECTION].find_one({"_id": copies.NAME}) or {}
    own = frozenset(note.get("runs", ()))
    names = sorted({*copies.copied_names(source), *copies.copied_names(target)})
    documents = sum(source[name].estimated_document_count() for name in names)
    whole, counts, left_out, done = Difference(), {}, [], 0

    def counting() -> Callable[[int], None]:
        before = done
        passed = 0

        def advance(count: int) -> None:
            nonlocal passed
            passed += count
            if progress is not None:
                progress(before + passed, max(documents, before + passed))

        return advance

    for name in names:
        found = patiently(
            target,
            lambda name=name: make_like(  # type: ignore[misc]
                source, target, name, own=own if name == "runs" else frozenset(), advance=counting()
            ),
        )
        left_out += copy_indexes(source, target, name)
        counts[name] = found.documents
        done += found.documents
        whole.written, whole.removed = whole.written + found.written, whole.removed + found.removed
        whole.names = [*whole.names, *found.names][:NAMED]
    return whole, counts, left_out


def _looked_at_again(
    session: Session, target: Catalog, arrays: StoreCopy | None, progress: Progress | None
) -> CopyReport:
    """Compare a finished copy with its source; a store that is to go with it is copied to where it is not yet."""
    note = target[copies.COLLECTION].find_one({"_id": copies.NAME}) or {}
    own, counts = frozenset(note.get("runs", ())), {}
    for name in copies.copied_names(session.catalog):
        counts[name] = 0
        for mine, theirs in differences(session.catalog, target, name):
            one = mine if mine is not None else theirs
            if one is not None and not (mine is None and name == "runs" and one["_id"] in own):
                raise Refused(
                    f"{target.url} is a copy that was finished on {note['finished']:%Y-%m-%d %H:%M} UTC, and one "
                    f"of the two has changed since: {one['_id']} in {name}. Nothing was written; copy into an "
                    "empty catalog"
                )
            counts[name] += mine is not None or theirs is None
    stored = None if arrays is None else _passes(session, None, arrays, progress)
    if stored is None:
        return _report("finished", target.url, counts, Difference(), None, None, passes=1)
    values = stored.to_dict() | {"catalog": target.url, "documents": counts}
    return CopyReport(**values)


def _added(before: Copied | None, now: Copied | None) -> Copied | None:
    """Return the state of the last pass, with what was written in all of them."""
    if before is None or now is None:
        return now
    return Copied(
        now.objects,
        now.records,
        now.nbytes,
        before.written + now.written,
        before.removed + now.removed,
        before.written_bytes + now.written_bytes,
        now.damaged,
    )


def _report(
    state: str,
    catalog: str,
    documents: dict[str, int],
    found: Difference,
    arrays: StoreCopy | None,
    moved: Copied | None,
    *,
    passes: int = 0,
    left_out: list[str] | None = None,
) -> CopyReport:
    report = CopyReport(
        state,
        catalog=catalog,
        documents=documents,
        written=found.written,
        removed=found.removed,
        passes=passes,
        changing=found.names if state == "unfinished" else [],
        left_out=left_out or [],
    )
    if arrays is None or moved is None:
        return report
    values = report.to_dict() | {
        "store": arrays.url,
        "objects": moved.objects,
        "records": moved.records,
        "nbytes": moved.nbytes,
        "arrays_written": moved.written,
        "bytes_written": moved.written_bytes,
        "damaged": list(moved.damaged),
    }
    return CopyReport(**values)
