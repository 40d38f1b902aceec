"""Files in quarantine: taken again when they have been repaired, struck out when they are no more."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from catalog import Catalog
from pipelines.documents import runs as ledger
from pipelines.documents.roots import Roots
from pipelines.errors import Refused, UsageError
from pipelines.ingest.quarantine import time_of
from pipelines.ingest.report import IngestReport
from pipelines.ingest.run import IngestOptions, ingest_found
from pipelines.ingest.walk import Candidate, candidates, printable
from pipelines.session import Session

logger = logging.getLogger(__name__)

Entry = dict[str, Any]


def retry(
    session: Session, names: Sequence[str], *, options: IngestOptions | None = None, everything: bool = False
) -> IngestReport | None:
    """Take files in quarantine again.

    Parameters
    ----------
    names : sequence of str
        Entries, ``root:path``; all when empty.
    everything : bool
        Also files that have the size and time they had when they were refused.

    Returns
    -------
    IngestReport or None
        None when there was nothing to take.

    Raises
    ------
    UsageError
        There is no such entry.
    """
    found: dict[str, Candidate] = {}
    for entry in _entries(names, session.catalog):
        path = find_file(session, entry)
        if path is None:
            logger.info("not tried again: %s: the file is not there", entry["_id"])
            continue
        for candidate in candidates([path], roots=Roots(session.catalog.roots)):
            if everything or _has_changed(candidate, entry):
                logger.info("tried again: %s: refused before as %s", entry["_id"], entry["code"])
                found[candidate.file] = candidate
            else:
                logger.info(
                    "not tried again: %s: it is as it was when it was refused as %s", entry["_id"], entry["code"]
                )
    if not found:
        return None
    return ingest_found(
        session,
        list(found.values()),
        options=options or IngestOptions(),
        arguments={"retry": sorted(map(printable, found)), "all": everything},
    )


def gone(session: Session, names: Sequence[str]) -> list[str]:
    """Return the entries whose files are no more.

    Raises
    ------
    UsageError
        There is no such entry.
    Refused
        A root itself is not there: its disk may not be mounted, and then nothing of it is known.
    """
    roots = Roots(session.catalog.roots)
    missing = []
    for entry in _entries(names, session.catalog):
        folder = roots.folder(entry["root"])
        if not folder.is_dir():
            raise Refused(f"root {entry['root']} is not at {folder}; mount it, or `darkroom root move` it, then forget")
        if find_file(session, entry) is None:
            missing.append(entry["_id"])
    return missing


def forget(session: Session, names: Sequence[str], *, force: bool = False, why: str = "") -> list[str]:
    """Strike out entries whose files are no more; who did so and why stays in the ledger.

    Parameters
    ----------
    names : sequence of str
        Entries; all when empty.
    force : bool
        Also entries whose files are there. The next run over these files will refuse them again.
    why : str
        The reason.

    Returns
    -------
    list of str
        The entries struck out.

    Raises
    ------
    UsageError
        There is no such entry, or force without names.
    Refused
        A root is not there.
    """
    if force and not names:
        raise UsageError("--force needs the names of the entries: see `darkroom quarantine list`")
    struck = [entry["_id"] for entry in _entries(names, session.catalog)] if force else gone(session, names)
    if not struck:
        return []
    if not all(isinstance(name, str) for name in names):
        raise UsageError("entries of the quarantine are named by text, root:path")
    entries = list(session.quarantine.find({"_id": {"$in": struck}}))
    run = ledger.start(session.runs, verb="forget", arguments={"entries": struck, "force": force, "why": why})
    session.quarantine.delete_many({"_id": {"$in": struck}})
    ledger.finish(session.runs, run, status="finished", result={"forgotten": entries})
    return struck


def find_file(session: Session, entry: Entry) -> Path | None:
    """Find the file of an entry; None when it is no more.

    A name that is not UTF-8 stands escaped in the entry, so it is looked for in its folder.
    """
    place = Roots(session.catalog.roots).folder(entry["root"])
    for part in entry["path"].split("/"):
        inside = place / part
        if not os.path.lexists(inside):
            try:
                names = os.listdir(place)
            except OSError:
                return None
            inside = next((place / name for name in names if printable(name) == part), inside)
        place = inside
    return place if os.path.lexists(place) else None


def _entries(names: Sequence[str], catalog: Catalog) -> list[Entry]:
    if not all(isinstance(name, str) for name in names):
        raise UsageError("entries of the quarantine are named by text, root:path")
    entries = list(catalog.quarantine.find({"_id": {"$in": list(names)}} if names else {}).sort("_id", 1))
    unknown = sorted(set(names) - {entry["_id"] for entry in entries})
    if unknown:
        raise UsageError(
            f"not in quarantine: {', '.join(unknown[:5])}; names are as `darkroom quarantine list` has them"
        )
    return entries


def _has_changed(candidate: Candidate, entry: Entry) -> bool:
    if candidate.problem is not None:
        return bool(candidate.problem[0] != entry["code"])
    return bool(candidate.size != entry["size"] or time_of(candidate.mtime_ns) != entry["mtime"])
