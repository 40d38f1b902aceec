"""The reference files of a calibration: which steps of Detector1 ask for which, and which files of a folder serve."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.detectors.keywords import steps_for
from pipelines.errors import UsageError

_REFERENCES: Mapping[str, tuple[str, ...]] = {
    "dq_init": ("mask",),
    "emicorr": ("emicorr",),
    "saturation": ("saturation",),
    "ipc": ("ipc",),
    "superbias": ("superbias",),
    "reset": ("reset",),
    "linearity": ("linearity",),
    "rscd": ("rscd",),
    "dark_current": ("dark",),
    "jump": ("gain", "readnoise"),
    "ramp_fit": ("gain", "readnoise"),
    "gain_scale": ("gain",),
}
"""References that a step of Detector1 of jwst 3.0.0 cannot do without; a step that is not here needs none."""

_IRS2: Mapping[str, tuple[str, ...]] = {"refpix": ("refpix",)}
"""The same for the IRS2 readout of NIRSpec alone, whose reference pixels are weighed by frequency."""

DORMANT = frozenset(
    {"emicorr", "firstframe", "charge_migration", "picture_frame", "clean_flicker_noise", "persistence"}
)
"""Steps that the pipeline skips by default: their references are not asked for."""

_SELECTORS = (
    ("INSTRUME", "instrument"),
    ("DETECTOR", "detector"),
    ("SUBARRAY", "subarray"),
    ("READPATT", "readpatt"),
)

_ANY = frozenset({"ANY", "N/A", "ALL", "GENERIC", "NONE"})


class MissingReferences(UsageError):
    """A step has no reference file."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference file: its type, where it is, and the digest of its bytes."""

    kind: str
    path: Path
    sha256: str


def steps_of(document: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the steps that Detector1 has for an exposure, with the reference types each needs.

    Parameters
    ----------
    document : Mapping
        ``instrument`` and ``readpatt`` decide.

    Examples
    --------
    >>> steps_of({"instrument": "NIRCAM", "readpatt": "RAPID"})["superbias"]
    ('superbias',)
    """
    irs2 = str(document.get("readpatt") or "").upper().startswith("NRSIRS2")
    references = {**_REFERENCES, **_IRS2} if irs2 else _REFERENCES
    return {step: references.get(step, ()) for step in steps_for(str(document.get("instrument")))}


def needed(document: Mapping[str, Any], skip: Sequence[str]) -> dict[str, list[str]]:
    """Return the reference types that an exposure needs, each with the steps that ask.

    Parameters
    ----------
    document : Mapping
        The exposure.
    skip : sequence of str
        Steps left out.

    Raises
    ------
    UsageError
        There is no such step; the message lists them.
    """
    steps = steps_of(document)
    unknown = sorted(set(skip) - set(steps))
    if unknown:
        raise UsageError(
            f"Detector1 has no step {', '.join(unknown)} for {document.get('instrument')}; it has: {', '.join(steps)}"
        )
    asked: dict[str, list[str]] = {}
    for step, kinds in steps.items():
        if step not in skip and step not in DORMANT:
            for kind in kinds:
                asked.setdefault(kind, []).append(step)
    return asked


def gather(
    *,
    folder: str | os.PathLike[str] | None,
    overrides: Mapping[str, str | os.PathLike[str]],
    skip: Sequence[str],
    document: Mapping[str, Any],
) -> list[Reference]:
    """Find a reference file for every type that is asked for.

    Parameters
    ----------
    folder : path, optional
        A folder of reference files. A file serves by its REFTYPE, if its INSTRUME, DETECTOR, SUBARRAY and
        READPATT, where it has them, are those of the exposure or stand for any.
    overrides : Mapping
        Type to file; these win over the folder.
    skip : sequence of str
        Steps left out.
    document : Mapping
        The exposure: ``instrument``, ``detector``, ``subarray`` and ``readpatt`` are compared.

    Returns
    -------
    list of Reference
        One for each type that a step asks for, in order of type.

    Raises
    ------
    MissingReferences
        No file for a type; the message names the types, the steps, and the alternative.
    UsageError
        A file is not there, several of a folder serve alike, or a type or step is unknown.
    """
    asked = needed(document, skip)
    kinds = {kind for step, kinds in steps_of(document).items() if step not in DORMANT for kind in kinds}
    strange = sorted(set(overrides) - kinds)
    if strange:
        raise UsageError(f"no reference type {', '.join(strange)}; there are: {', '.join(sorted(kinds))}")
    found = {kind: Path(path) for kind, path in overrides.items()}
    for kind, path in found.items():
        if not path.is_file():
            raise UsageError(f"the {kind} reference {path} is not there; give a file that is")
    if folder is not None:
        found = {**_serving(Path(folder), document, kinds), **found}
    missing = [f"{kind} (for {', '.join(steps)})" for kind, steps in asked.items() if kind not in found]
    if missing:
        raise MissingReferences(
            f"no reference files for {document['_id']}: {'; '.join(missing)}. Put them into the folder, "
            "name them with --override TYPE=FILE, or leave the steps out with --skip STEP"
        )
    return [Reference(kind, found[kind].resolve(), _digest(found[kind])) for kind in sorted(asked)]


def _serving(folder: Path, document: Mapping[str, Any], kinds: Set[str]) -> dict[str, Path]:
    """Return the file of a folder that serves for each type; the one for just this subarray before a general one."""
    if not folder.is_dir():
        raise UsageError(f"the folder of references {folder} is not there; name one that is")
    offers: dict[str, list[tuple[int, Path]]] = {}
    for path in sorted(folder.iterdir()):
        header = _header(path)
        kind = str(header.get("REFTYPE", "")).strip().lower()
        if kind in kinds and (rank := _fit(header, document)) is not None:
            offers.setdefault(kind, []).append((rank, path))
    chosen = {}
    for kind, files in offers.items():
        best = max(rank for rank, _ in files)
        first, *others = [path for rank, path in files if rank == best]
        if others:
            names = ", ".join(path.name for path in (first, *others))
            raise UsageError(f"several {kind} references in {folder} serve alike: {names}; choose with --override")
        chosen[kind] = first
    return chosen


def _header(path: Path) -> Mapping[str, Any]:
    """Return the primary header of a FITS file; nothing for any other file."""
    from astropy.io import fits

    if not path.is_file() or not path.name.endswith((".fits", ".fits.gz")):
        return {}
    try:
        header: Mapping[str, Any] = fits.getheader(path)
    except OSError:  # named FITS and is none; what it was meant for will be missing, and said so
        return {}
    return header


def _fit(header: Mapping[str, Any], document: Mapping[str, Any]) -> int | None:
    """Return how many of its selectors are just those of the exposure; None where one contradicts it."""
    exact = 0
    for keyword, field in _SELECTORS:
        selector = str(header.get(keyword, "ANY")).strip().upper()
        if selector == str(document.get(field)).upper():
            exact += 1
        elif selector not in _ANY and not (field == "subarray" and selector == "FULL"):
            return None  # a full-frame reference is cut out by the pipeline where it can be
    return exact


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
