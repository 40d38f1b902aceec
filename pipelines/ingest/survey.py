"""Survey: what an ingest of some paths would take, folder by folder with sizes, before anything is taken.

Files are chosen by patterns, or listed in a manifest. Headers are read, no pixels, and nothing is written.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from catalog import Catalog, Collection
from pipelines.documents.lookup import batches
from pipelines.documents.roots import Roots, innermost
from pipelines.errors import UsageError
from pipelines.ingest.foreseen import COLUMNS as FORESEEN
from pipelines.ingest.foreseen import foresee, said
from pipelines.ingest.known import look_up
from pipelines.ingest.walk import Candidate, candidates
from pipelines.instruments import profiles
from pipelines.progress import Progress
from pipelines.session import Session
from pipelines.table import Answer, Row
from pipelines.table.cells import counted

ASSUMED = 0.4
"""Bytes in the archive for a byte of FITS, where there is nothing yet to judge by: raw ramps take a third to a half."""

COLUMNS = ("folder", "campaign", "files", "nbytes", "new", "changed", "unchanged", "excluded", "unreadable", "estimate")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which of the files under a folder are meant.

    Patterns are those of a shell (``*``, ``?``, ``[…]``), upper and lower case told apart, and are held
    against the file's name and against its path under the root; ``*`` also stands for slashes.

    Attributes
    ----------
    include : tuple of str
        A file must match one of them; all match when there is none.
    exclude : tuple of str
        A file that matches one of them is left out.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def takes(self, path: str) -> bool:
        """Tell whether a file is meant, by its path under the root."""
        name = PurePosixPath(path).name

        def matches(patterns: tuple[str, ...]) -> bool:
            return any(fnmatchcase(text, pattern) for pattern in patterns for text in (name, path))

        return (not self.include or matches(self.include)) and not matches(self.exclude)


@dataclass(slots=True)
class _Folder:
    """Sums of one folder."""

    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("new", "changed", "unchanged", "excluded", "unreadable"), 0)
    )
    files: int = 0
    nbytes: int = 0
    to_take: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Survey:
    """What an ingest would do.

    Attributes
    ----------
    folders : Answer
        A row per folder: ``folder`` (under its root), ``campaign``, ``files`` and ``nbytes`` that are chosen,
        how many of them are ``new``, ``changed`` and ``unchanged``, how many files are ``excluded`` or
        ``unreadable``, and ``estimate``: bytes that the new and changed would take in the archive.
    ratio : float
        Bytes in the archive for a byte of FITS that the estimate goes by.
    measured : bool
        Whether that is the ratio of what the archive holds, or an assumption.
    files : Answer
        A row per file that is new or changed: its ``profile``, ``kind``, ``night`` and ``camera``, and what of it is
        ``unknown``.
    """

    folders: Answer
    ratio: float
    measured: bool
    files: Answer

    def total(self, column: str) -> int:
        """Sum a column."""
        return sum(row[column] for row in self.folders)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        totals = {column: self.total(column) for column in COLUMNS[2:]}
        return {**totals, "ratio": round(self.ratio, 4), "measured": self.measured} | {
            "folders": list(self.folders),
            "each": list(self.files),
        }

    def __repr__(self) -> str:
        shown = [{**row, "nbytes": _mb(row["nbytes"]), "estimate": _mb(row["estimate"])} for row in self.folders]
        table = repr(Answer(COLUMNS, tuple(shown)))
        by = "what it holds already" if self.measured else "an assumption, for it holds nothing yet"
        known = "".join(f"{line}\n" for line in said(self.files))
        return (
            f"{known}{table}\n{counted(self.total('files'), 'file')} of {_mb(self.total('nbytes'))}; "
            f"to take: {self.total('new')} new, "
            f"{self.total('changed')} changed; about {_mb(self.total('estimate'))} in the archive "
            f"({self.ratio:.2f} of the FITS, by {by})"
        )


class _Planned:
    """The roots as they would be: those there are, and those an ingest would make, which are not made."""

    def __init__(self, known: dict[str, Path]) -> None:
        self._known = dict(known)

    def all(self) -> dict[str, Path]:
        return self._known

    def covering(self, folder: Path) -> str:
        name = innermost(self._known, folder)
        if name is None:
            name = folder.name or "root"
            while name in self._known:
                name += "'"
            self._known[name] = folder
        return name


def survey(
    session: Session,
    paths: Sequence[str | os.PathLike[str]],
    *,
    selection: Selection | None = None,
    campaign: str | None = None,
    profile: str | None = None,
    progress: Progress | None = None,
) -> Survey:
    """Say what an ingest of some files and folders would take.

    Parameters
    ----------
    paths : sequence of path
        Files and folders.
    selection : Selection, optional
        Which of them are meant; all by default.
    campaign : str, optional
        The campaign they would be given; by default that of the document a file has, else its folder, which is
        what the ground tests go by.

    profile : str, optional
        The instrument profile they would be read by; by default chosen for each.
    progress : callable, optional
        Called with files looked at and in all.

    Raises
    ------
    UsageError
        A path is not there, or there is no such profile.
    """
    chosen = selection or Selection()
    known_profiles = profiles()
    if profile is not None and profile not in known_profiles:
        raise UsageError(f"no instrument profile {profile!r}; there are: {', '.join(known_profiles)}")
    site = session.site
    each: list[Row] = []
    folders: dict[str, _Folder] = {}
    campaigns: dict[str, str | None] = {}
    found = candidates(paths, roots=_Planned(Roots(session.catalog.roots).all()))
    for done, (candidate, state, known) in enumerate(_states(found, session.catalog, chosen), 1):
        place = os.path.dirname(candidate.located.path)
        name = f"{candidate.located.root}/{place}".rstrip("/")
        sums = folders.setdefault(name, _Folder())
        campaigns[name] = campaign or known or campaigns.get(name) or os.path.basename(name)
        sums.counts[state] += 1
        if state in ("new", "changed", "unchanged"):
            sums.files += 1
            sums.nbytes += candidate.size
            sums.to_take += 0 if state == "unchanged" else candidate.size
        if state in ("new", "changed"):
            each.append(foresee(candidate, profiles=known_profiles, profile=profile, site=site))
        if progress is not None:
            progress(done, len(found))
    ratio = _ratio(session.headers)
    rows: list[Row] = [
        {
            "folder": name,
            "campaign": campaigns[name],
            "files": sums.files,
            "nbytes": sums.nbytes,
            **sums.counts,
            "estimate": round(sums.to_take * (ratio or ASSUMED)),
        }
        for name, sums in sorted(folders.items())
    ]
    return Survey(
        Answer(COLUMNS, tuple(rows), "What an ingest would take"),
        ratio or ASSUMED,
        ratio is not None,
        Answer(FORESEEN, tuple(each), "What each file would be"),
    )


def chosen_files(paths: Sequence[str | os.PathLike[str]], *, roots: Roots, selection: Selection) -> list[str]:
    """Return the files under some paths that a selection takes; the folders become roots, as an ingest makes them.

    Raises
    ------
    UsageError
        A path is not there, or none of the files is chosen.
    """
    found = candidates(paths, roots=roots)
    files = [candidate.file for candidate in found if selection.takes(candidate.located.path)]
    if found and not files:
        raise UsageError(f"none of the {len(found)} files is chosen; see --include and --exclude, or try --dry-run")
    return files


def _states(
    found: Sequence[Candidate], catalog: Catalog, selection: Selection
) -> Iterator[tuple[Candidate, str, str | None]]:
    """Return each file, what an ingest would make of it, and the campaign it is in already."""
    for chunk in batches(found):
        known = look_up(catalog.headers, [candidate.located for candidate in chunk])
        for candidate in chunk:
            entry = known.get(candidate.located)
            if not selection.takes(candidate.located.path):
                state = "excluded"
            elif candidate.problem is not None:
                state = "unreadable"
            elif entry is None:
                state = "new"
            else:
                state = "unchanged" if entry.is_of(candidate, headers_only=False) else "changed"
            yield candidate, state, entry.campaign if entry else None


def _ratio(headers: Collection) -> float | None:
    """Return bytes stored for a byte of FITS, over the documents with arrays that were taken last; None of none."""
    nbytes = stored = 0
    recent = headers.find({"ingest.arrays": "kept"}, {"file.size": 1, "arrays": 1}).sort([("ingest.at", -1)]).limit(200)
    for document in recent:
        nbytes += document["file"]["size"]
        stored += sum(ref["stored"] for ref in document["arrays"].values())
    return stored / nbytes if nbytes else None


def _mb(nbytes: int) -> str:
    return f"{nbytes / 1e9:.1f} GB" if nbytes >= 10**9 else f"{nbytes / 1e6:.1f} MB"
