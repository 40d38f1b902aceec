"""Lights with the raw frames that belong to them, in folders as stacking programs take them.

A setup has a folder of its own, and in it ``lights``, ``darks``, ``flats``, ``biases`` and ``darkflats``: the names
that Siril's scripts and WBPP of PixInsight look for. What goes there are the raw frames of the masters that the
archive would use, byte for byte, without those it has left out: these programs make their own masters.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arraystore import StoreError
from pipelines.calibration.apply.plan import Correction
from pipelines.calibration.apply.run import planned
from pipelines.calibration.select.criteria import Rules
from pipelines.documents.lookup import found_in
from pipelines.documents.schema import Doc
from pipelines.errors import DarkroomError, UsageError
from pipelines.progress import Progress
from pipelines.session import Session
from pipelines.table import Answer, Row

__all__ = ["FOLDERS", "export_belongings"]

COLUMNS = ("setup", "folder", "frame", "file", "outcome", "notes")

FOLDERS = ("lights", "darks", "flats", "biases", "darkflats")
"""Below the folder of each setup."""

_WORDS = {"lights": "light", "darks": "dark", "flats": "flat", "biases": "bias", "darkflats": "dark"}


@dataclass(frozen=True, slots=True)
class _Setup:
    """Lights that share filter, exposure time and masters.

    Attributes
    ----------
    name : str
        Of its folder.
    frames : Mapping
        Names of the frames by folder.
    notes : tuple of str
        What the lights lack.
    """

    name: str
    frames: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]


def export_belongings(
    session: Session,
    names: Sequence[str],
    folder: Path,
    *,
    write: Callable[[Doc, Path], object],
    rules: Rules | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Answer:
    """Write lights and the raw frames of their masters.

    Parameters
    ----------
    names : sequence of str
        The lights.
    folder : Path
        Made where it is not there.
    write : callable
        Writes the original file of a document to a path.
    rules : Rules, optional
        What is asked of the masters.
    overwrite : bool
        Replace files that are there.

    Returns
    -------
    Answer
        A row per file: ``outcome`` is ``'written'`` or ``'failed'``; at the lights, ``notes`` says what they lack.

    Raises
    ------
    UsageError
        A frame is none that is calibrated, a file is there already (nothing is written then), or a folder cannot
        be made.
    """
    setups = _setups(session, list(planned(session, names, rules)))
    files = [item for setup in setups for item in _targets(setup, folder)]
    there = [path for *_, path in files if path.exists() or path.is_symlink()]
    if there and not overwrite:
        more = f", and {len(there) - 1} more" if len(there) > 1 else ""
        raise UsageError(f"{there[0]} is there already{more}; nothing was written (--overwrite replaces files)")
    rows: list[Row] = []
    for done, (setup, place, frame, path) in enumerate(files, 1):
        rows.append(_written(session, setup, place, frame, path, write))
        if progress is not None:
            progress(done, len(files))
    return Answer(COLUMNS, tuple(rows), _title(setups, rows, folder))


def _setups(session: Session, plan: Sequence[Correction]) -> list[_Setup]:
    """Gather lights by what they share, in their order, with the frames of their masters."""
    shared: dict[tuple[Any, ...], list[Correction]] = {}
    for one in plan:
        key = (_label(one.frame), *((role, doc["_id"]) for role, doc in one.masters if role != "pixelmap"))
        shared.setdefault(key, []).append(one)
    flats = [one.flat for one in plan if one.flat is not None]
    wanted = sorted({used["id"] for flat in flats for used in flat.get("masters") or ()})
    under = {doc["_id"]: doc for doc in found_in(session.masters, "_id", wanted, {"inputs": 1, "kind": 1})}
    taken: dict[str, int] = {}
    setups = []
    for (label, *_), some in shared.items():
        taken[label] = taken.get(label, 0) + 1
        name = label if taken[label] == 1 else f"{label}_{taken[label]}"
        notes = dict.fromkeys(note for one in some for note in ([one.refused] if one.refused else one.notes))
        setups.append(_Setup(name, _frames(some, under), tuple(str(note) for note in notes)))
    return setups


def _frames(some: Sequence[Correction], under: Mapping[str, Doc]) -> dict[str, tuple[str, ...]]:
    """Return the frames of a setup by folder; one that serves twice is written once."""
    one = some[0]
    parts: list[tuple[str, Doc | None]] = [("darks", one.dark), ("biases", one.bias), ("flats", one.flat)]
    for used in (one.flat or {}).get("masters") or ():
        parts.append(("biases" if used["role"] == "bias" else "darkflats", under.get(used["id"])))
    found: dict[str, tuple[str, ...]] = {"lights": tuple(light.frame["_id"] for light in some)}
    seen: set[str] = set(found["lights"])
    for place, master in parts:
        new = [item["id"] for item in (master or {}).get("inputs") or () if item["id"] not in seen]
        seen.update(new)
        found[place] = (*found.get(place, ()), *new)
    return found


def _label(frame: Doc) -> str:
    """Name a setup for people: filter and exposure time.

    Examples
    --------
    >>> _label({"obs": {"filter": "H alpha", "exptime": 300.0}})
    'H_alpha_300s'
    """
    obs = frame.get("obs") or {}
    seconds = obs.get("exptime")
    parts = [str(obs.get("filter") or "no_filter"), *([f"{seconds:g}s"] if isinstance(seconds, int | float) else [])]
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", "_".join(parts)).strip("._") or "setup"


def _targets(setup: _Setup, folder: Path) -> Iterator[tuple[_Setup, str, str, Path]]:
    """Return the file of each frame; names say what they are, for programs that go by them."""
    for place, frames in setup.frames.items():
        files = {name: name.rpartition("/")[2] for name in frames}
        if len({file.lower() for file in files.values()}) < len(files):  # one name in several folders
            files = {name: name.replace("/", "_") for name in frames}
        for name, file in files.items():
            word = _WORDS[place]
            yield setup, place, name, folder / setup.name / place / (file if word in file.lower() else f"{word}_{file}")


def _written(
    session: Session, setup: _Setup, place: str, frame: str, path: Path, write: Callable[[Doc, Path], object]
) -> Row:
    notes = list(setup.notes) if place == "lights" else []
    outcome = "written"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder {path.parent} cannot be made: {error.strerror or error}") from error
    try:
        write(session.frame(frame), path)
    except (DarkroomError, StoreError) as error:  # one file that cannot be written costs no other
        outcome = "failed"
        notes.append(str(error))
    found = dict.fromkeys(COLUMNS) | {"setup": setup.name, "folder": place, "frame": frame}
    return {**found, "file": str(path), "outcome": outcome, "notes": notes}


def _title(setups: Sequence[_Setup], rows: Sequence[Row], folder: Path) -> str:
    counts = [(place, sum(row["folder"] == place for row in rows)) for place in FOLDERS]
    said = ", ".join(f"{count} {place}" for place, count in counts if count)
    failed = sum(row["outcome"] == "failed" for row in rows)
    lacking = sum(bool(setup.notes) for setup in setups)
    parts = [f"{len(setups)} setup{'s' * (len(setups) != 1)} in {folder}: {said}"]
    parts += [f"{failed} failed"] if failed else []
    parts += [f"{lacking} with something missing, see notes"] if lacking else []
    return "; ".join(parts)
