"""Foreseen: what each file would be, by its headers alone, before anything is taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from pipelines.fits import FitsError, open_fits
from pipelines.ingest.document import flags_of
from pipelines.ingest.report import DOUBTS, doubts_of
from pipelines.ingest.walk import Candidate
from pipelines.instruments import Profile, ProfileError, choose, identify
from pipelines.instruments.sites import Place
from pipelines.table import Answer, Row
from pipelines.table.cells import counted

__all__ = ["COLUMNS", "foresee", "said"]

COLUMNS = ("file", "profile", "kind", "night", "camera", "unknown")
_SHOWN = 40
"""Files that people see; --json has all."""


def foresee(candidate: Candidate, *, profiles: Mapping[str, Profile], profile: str | None, site: Place) -> Row:
    """Return what a file would be: ``file``, ``profile``, ``kind``, ``night``, ``camera``, ``unknown``.

    Parameters
    ----------
    profile
        The one asked for; None chooses.
    site
        Where the camera stands if neither header nor profile tells.

    Returns
    -------
    dict
        ``unknown`` lists what identification would not place; of a file that would be refused, the code.
    """
    row: Row = {**dict.fromkeys(COLUMNS), "file": f"{candidate.located.root}/{candidate.located.path}", "unknown": []}
    path = PurePosixPath(candidate.file)
    try:
        with open_fits(candidate.file) as file:
            used = profiles[profile] if profile is not None else choose(path, file.hdus, profiles=profiles)
            identity = identify(used, path, file.hdus, site=site, asked=profile is not None)
            unknown = doubts_of(sorted(flags_of(file, identity)), identity.obs_from)
    except (FitsError, ProfileError) as error:
        return {**row, "unknown": [error.code]}
    except OSError:
        return {**row, "unknown": ["unreadable"]}
    camera = identity.obs.get("camera")
    found: dict[str, Any] = {"profile": used.name, "kind": identity.kind, "night": identity.date, "camera": camera}
    return {**row, **found, "unknown": unknown}


def said(files: Answer) -> list[str]:
    """Return what would be taken as lines for people: the first files, and how many have each doubt, in words."""
    if not files:
        return []
    rows: Sequence[Row] = [{**row, "unknown": ", ".join(row["unknown"])} for row in files]
    shown = repr(Answer(files.columns, tuple(rows[:_SHOWN]), files.title))
    more = [f"and {counted(len(files) - _SHOWN, 'file')} more; --json has all"] if len(files) > _SHOWN else []
    doubts = Counter(flag for row in files for flag in row["unknown"])
    refused = "would be refused; see `darkroom quarantine list` after the ingest"
    return [
        shown,
        *more,
        *(f"  {flag}: {counted(count, 'file')}: {DOUBTS.get(flag, refused)}" for flag, count in doubts.most_common()),
    ]
