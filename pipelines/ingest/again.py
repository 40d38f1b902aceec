"""Identify again: what a document is, from the headers it holds, by the profiles of today; a recorded change.

No file is needed. What others corrected since the ingest (a flat's time of day, a clock) stays as they left it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from catalog import Damaged
from pipelines.documents import runs as ledger
from pipelines.documents.batches import change_batch
from pipelines.documents.changes import new_entry
from pipelines.documents.edits import ABSENT, Edit, value_at
from pipelines.documents.observations import hdus_of
from pipelines.documents.schema import Document
from pipelines.errors import UsageError
from pipelines.ingest.document import placed
from pipelines.instruments import Identity, Profile, ProfileError, StoredHdu, choose, identify, plan_arrays, profiles
from pipelines.instruments.identify import ASKED, is_identification_flag
from pipelines.instruments.sites import Place
from pipelines.progress import Progress
from pipelines.schedulers.workers import SharedStore
from pipelines.session import Session
from pipelines.table import Answer
from pipelines.table.cells import counted

__all__ = ["Identified", "identify_again"]

_BATCH = 500  # documents read and written together
_SHOWN = 20  # documents whose changes a report names
_OWN_VERBS = frozenset({"identify", "migrate", "rebuild", "undo", "ingest", "correct"})
_MAY_GO = (
    "exposure_number",
    "flat_time",
    "flat_time_source",
    "camera",
    "detector",
    "exposure",
    "path_night",
    "path_kind",
)
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Identified:
    """What identifying again changed, or would.

    Attributes
    ----------
    dry_run
        Nothing was written.
    run
        The run to undo it by; None where nothing changed.
    documents, changed
        How many were looked at, and how many changed.
    fields
        How many documents changed in each field.
    shown
        For some documents: ``id``, ``field``, ``was``, ``is``.
    refused
        Documents that stay as they are, each with the reason.
    """

    dry_run: bool
    run: str | None = None
    documents: int = 0
    changed: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    shown: list[dict[str, Any]] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """1 if a document could not be identified, or there was none; 0 else."""
        return 1 if self.refused or not self.documents else 0

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {name: getattr(self, name) for name in self.__slots__} | {"fields": dict(self.fields)}

    def __repr__(self) -> str:
        verb = "would change" if self.dry_run else "changed"
        lines = [f"{counted(self.documents, 'document')} identified again, {self.changed} {verb}"]
        if not self.documents:
            lines = ["no document matches; nothing was identified"]
        if self.shown:
            title = "" if self.changed <= _SHOWN else "the first of them"
            lines.append(repr(Answer(("id", "field", "was", "is"), tuple(self.shown), title)))
        if self.fields:
            lines.append("fields: " + ", ".join(f"{name} {count}" for name, count in self.fields.most_common()))
        lines += [f"  left as it is: {name}: {why}" for name, why in sorted(self.refused.items())[:_SHOWN]]
        if self.run is not None:
            lines.append(f"to take it back: darkroom identify --undo {self.run}")
        return "\n".join(lines)


def identify_again(
    session: Session,
    query: Mapping[str, Any],
    *,
    profile: str | None = None,
    dry_run: bool = False,
    run: str | None = None,
    progress: Progress | None = None,
) -> Identified:
    """Identify documents again from the headers they hold.

    Parameters
    ----------
    query
        Which documents.
    profile
        The profile to use for all of them; by default the one that claims each, or that was asked for before.
    dry_run
        Say what would change, and write nothing.
    run
        The run that the changes belong to; one of its own by default.

    Raises
    ------
    UsageError
        There is no such profile. Nothing was changed.
    """
    known = profiles()
    if profile is not None and profile not in known:
        raise UsageError(f"no instrument profile {profile!r}; there are: {', '.join(known)}")
    report = Identified(dry_run)
    _ = session.site  # read before anything is written: it may make no sense
    own = run is None and not dry_run
    if own:
        arguments = {"query": repr(dict(query)), "profile": profile}
        run = ledger.start(session.runs, verb="identify", arguments=arguments)
    job = _Again(session, _How.of(session, profile), report)
    total = session.headers.count_documents(dict(query))
    why = "identified again" + (f" by the profile {profile}" if profile else "")
    for batch, identified in _identified(session, query, job.how):
        edits = [
            (document, edit)
            for document, fields in zip(batch, identified, strict=True)
            if (edit := job.edit(document, fields)) is not None
        ]
        if run is not None and edits:
            change_batch(edits, catalog=session.catalog, store=session.store, why=why, run=run)
        if progress is not None:
            progress(report.documents, total)
    if own and run is not None:
        ledger.finish(session.runs, run, status="finished", result={"changed": report.changed})
    report.run = run if report.changed else None
    return report


def _batches(session: Session, query: Mapping[str, Any]) -> Iterator[list[Document]]:
    """Return the documents of a query in order of name, some hundreds at a time, with what may not be touched."""
    last: str | None = None
    while True:
        after = {} if last is None else {"_id": {"$gt": last}}
        batch = session.headers.find({"$and": [dict(query), after]}).sort("_id", 1).limit(_BATCH).to_list()
        if not batch:
            return
        last = batch[-1]["_id"]
        yield batch


@dataclass(frozen=True, slots=True)
class _How:
    """How documents are identified: the profile that was asked for, the site, and the folders of the roots."""

    profile: str | None
    site: Place
    folders: Mapping[str, PurePosixPath]

    @classmethod
    def of(cls, session: Session, profile: str | None) -> _How:
        folders = {name: PurePosixPath(folder) for name, folder in session.roots.all().items()}
        return cls(profile, session.site, folders)


Fields = dict[str, Any] | str
"""What a document is to say by its identity; or why it could not be identified."""


def _identified(session: Session, query: Mapping[str, Any], how: _How) -> Iterator[tuple[list[Document], list[Fields]]]:
    """Yield documents some hundreds at a time, each with what it is to say, by this process or by workers."""
    batches = _batches(session, query)
    if session.workers is None:
        yield from ((batch, _identify(batch, how)) for batch in batches)
        return
    for done in session.workers.in_order(_identify_some, ((batch, how) for batch in batches)):
        yield done.piece[0], done.require(f"identifying {done.piece[0][0]['_id']} and those after it")


def _identify_some(_: SharedStore, piece: tuple[list[Document], _How]) -> list[Fields]:
    return _identify(*piece)


def _identify(documents: Sequence[Document], how: _How) -> list[Fields]:
    """Identify documents by the headers that they hold."""
    known = profiles()
    return [_fields(document, how, known) for document in documents]


def _fields(document: Document, how: _How, known: Mapping[str, Profile]) -> Fields:
    try:
        hdus = hdus_of(document)
        path = how.folders.get(document["root"], PurePosixPath(document["root"])) / document["path"]
        asked = how.profile
        if asked is None and document.get("obs_from", {}).get("profile") == ASKED:
            asked = document["profile"]
        profile = choose(path, hdus, profiles=known) if asked is None else known.get(asked)
        if profile is None:
            return str(
                ProfileError(
                    "profile-unknown", f"was identified by the profile {asked!r}, which is not here", "install it"
                )
            )
        identity = identify(profile, path, hdus, site=how.site, asked=asked is not None)
        _require_arrays(document, profile, hdus)
    except (ProfileError, Damaged) as error:
        return str(error)
    return _as_fields(document, identity, profile)


class _Again:
    """One run: how documents are identified, and what was corrected by others."""

    def __init__(self, session: Session, how: _How, report: Identified) -> None:
        self._session = session
        self.how = how
        self._report = report
        self._verbs = {run["_id"]: run["verb"] for run in session.runs.find({}, {"verb": 1})}

    def edit(self, document: Document, fields: Fields) -> Edit | None:
        """Return what is to change in a document; None where nothing is."""
        self._report.documents += 1
        if isinstance(fields, str):
            self._report.refused[document["_id"]] = fields
            return None
        kept = self._corrected(document)
        gone = [name for name in _MAY_GO if name in document and fields.get(name) is None]
        wanted = {name: value for name, value in fields.items() if value is not None or name in ("date", "timestamp")}
        for name in ("obs", "obs_from"):
            if isinstance(before := document.get(name), dict):  # part by part, so that the history can be read
                after = wanted.pop(name)
                wanted |= {f"{name}.{part}": value for part, value in after.items() if not _same(before, part, value)}
                gone += [f"{name}.{part}" for part in before if part not in after]
        wanted = {name: value for name, value in wanted.items() if not _same(document, name, value)}
        if not wanted and not gone:
            return None
        edit = Edit(
            document["_id"],
            {name: value for name, value in wanted.items() if name not in kept},
            tuple(name for name in gone if name not in kept),
        )
        entry = new_entry(document, edit, why="", run="")
        if entry is None:
            return None
        self._note(document, entry)
        return edit

    def _corrected(self, document: Document) -> set[str]:
        """Return the fields that verbs other than identification set since the ingest."""
        if not document["ingest"]["changes"]:
            return set()
        entries = self._session.history.find(
            {"document": document["_id"], "revision": document["ingest"]["revision"], "state": None},
            {"set": 1, "unset": 1, "run": 1},
        )
        others = [entry for entry in entries if self._verbs.get(entry.get("run")) not in _OWN_VERBS]
        paths = [item["path"] for entry in others for item in entry.get("set", ())]
        paths += [path for entry in others for path in entry.get("unset", ())]
        return {path.partition(".")[0] for path in paths} - {"header", "qc", "hdus"}

    def _note(self, document: Document, entry: Mapping[str, Any]) -> None:
        report = self._report
        report.changed += 1
        values = {item["path"]: item["value"] for item in entry["set"]} | dict.fromkeys(entry["unset"])
        told = {name: value for name, value in values.items() if not name.startswith("obs_from")}
        report.fields.update(told.keys())
        if report.changed > _SHOWN:
            return
        for name, value in told.items():
            if name not in ("obs", "obs.images"):
                before = value_at(document, name)
                was = None if before is ABSENT else before
                report.shown.append({"id": document["_id"], "field": name, "was": was, "is": value})


def _same(document: Mapping[str, Any], name: str, value: Any) -> bool:
    """Tell whether a field has a value already; where it is not sure, comparing as it would be stored decides."""
    before = document.get(name, ABSENT)
    if isinstance(value, dict | list):
        return repr(before) == repr(value)  # 1 and 1.0 are equal, but not the same
    return type(before) is type(value) and bool(before == value)


def _require_arrays(document: Document, profile: Profile, hdus: Sequence[StoredHdu]) -> None:
    """Refuse a profile by which the pixels would be stored otherwise than they are."""
    if profile.name == document["profile"]:
        return
    planned = {plan.hdu: (list(plan.names), plan.split) for plan in plan_arrays(profile, hdus)}
    stored = {
        number: (hdu["arrays"], hdu.get("split")) for number, hdu in enumerate(document["hdus"]) if hdu.get("arrays")
    }
    if planned != stored:
        raise ProfileError(
            "arrays-differ",
            f"the profile {profile.name} would store its arrays otherwise than they are",
            "delete the document and ingest its file again with that profile",
        )


def _as_fields(document: Document, identity: Identity, profile: Profile) -> dict[str, Any]:
    """Return the top-level fields of a document that an identity gives."""
    flags = [flag for flag in document["qc"]["flags"] if not is_identification_flag(flag)]
    return {
        "date": identity.date,
        "timestamp": identity.timestamp,
        "instrument": identity.instrument,
        "kind": identity.kind,
        "exposure_number": identity.exposure_number,
        "flat_time": identity.flat_time,
        "camera": identity.camera,
        "detector": identity.detector,
        "exposure": identity.exposure,
        "profile": profile.name,
        "path_night": None,
        **placed(identity.fields),
        "obs": identity.obs,
        "obs_from": identity.obs_from,
        "qc.flags": sorted({*flags, *identity.flags}),
    }
