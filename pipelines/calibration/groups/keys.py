"""The traits of a frame: the group keys of its profile as values, read from its observation fields."""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pipelines.calibration.groups.kinds import KINDS
from pipelines.documents.observations import obs_of
from pipelines.documents.schema import RESIDUE, Doc
from pipelines.documents.shared import observed_master
from pipelines.errors import UsageError
from pipelines.instruments import Calibration, GroupKey, GroupRule, profiles
from pipelines.instruments.values import plain

__all__ = [
    "calibration_of",
    "camera_of",
    "exposure_time",
    "image_headers",
    "images_of",
    "master_trait",
    "matching_keys",
    "number",
    "obs_number",
    "observed",
    "rule_for",
    "trait",
    "traits",
]


def rule_for(profile: str, kind: str) -> GroupRule:
    """Return the rule by which a profile groups the frames of a kind of master.

    Raises
    ------
    UsageError
        The profile is not known here, or has none.
    """
    found = calibration_of(profile)
    rule = None if found is None else found.rule(KINDS[kind].frames)
    if rule is None:
        raise UsageError(
            f"the profile {profile!r} does not say how {KINDS[kind].frames} frames are grouped; declare it there"
        )
    return rule


def calibration_of(profile: str) -> Calibration | None:
    """Return what a profile declares about calibration; None of one that is not known here."""
    known = profiles().get(profile)
    return None if known is None else known.calibration


def matching_keys(rule: GroupRule, kind: str) -> tuple[GroupKey, ...]:
    """Return the keys in which a frame and a master of this kind must agree."""
    return tuple(key for key in rule.keys if key.name not in KINDS[kind].free)


def traits(document: Doc, rule: GroupRule) -> dict[str, Any]:
    """Return the values of a rule's keys in a document: of each the first field that is there; None without."""
    return {key.name: trait(document, key)[0] for key in rule.keys}


def trait(document: Doc, key: GroupKey) -> tuple[Any, GroupKey]:
    """Return the value of a key in a document, and the key by whose tolerance it is compared."""
    for path in key.paths:
        value = _at(document, path)
        if value is not None:
            return value, key
    return (None, key) if key.fallback is None else trait(document, key.fallback)


def master_trait(master: Doc, key: GroupKey) -> Any:
    """Return the value of a key in a master: what its frames shared.

    Masters of releases before the observation fields have other names for it; of those their fields tell.
    """
    own = master.get("key") or {}
    return trait(master, key)[0] if "xbinning" in own and key.name not in _AS_BEFORE else own.get(key.name)


_AS_BEFORE = frozenset({"camera", "exptime", "temperature", "filter", "flat_time", "shape", "dtype", "scale"})


def observed(document: Doc) -> Doc:
    """Return the normalised observation fields of a frame or master: those it keeps, else those its headers give."""
    kept: Doc | None = document.get("obs")
    if kept is not None:
        return kept
    if "cards" in document:
        return obs_of(document)
    return observed_master(dict(document)).obs if "inputs" in document and "header" in document else {}


def camera_of(document: Doc) -> str | None:
    """Return the one key of a frame's camera, used wherever cameras are told apart; None where none is known."""
    found = observed(document).get("camera")
    return None if found is None else str(found)


def exposure_time(document: Doc) -> float | None:
    """Return the exposure time of a frame, s; None without a number."""
    return obs_number(document, "exptime")


def obs_number(document: Doc, field: str) -> float | None:
    """Return a number among the observation fields; None without one."""
    return number(observed(document).get(field))


def number(value: Any) -> float | None:
    """Return a finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def images_of(document: Doc) -> tuple[str, ...]:
    """Return the names of the arrays that are frames: one, or one for each chip or amplifier of the file.

    Masks and uncertainties beside an image are none. Nothing, of a file whose pixels are not in the archive.
    """
    arrays = document.get("arrays") or {}
    listed = [image.get("name") for image in observed(document).get("images") or ()]
    names = tuple(name for name in listed if name in arrays and len(arrays[name]["shape"]) == 2)
    return names or (("sci",) if "sci" in arrays else tuple(sorted(set(arrays) - {RESIDUE})))


def image_headers(document: Doc) -> list[Mapping[str, Any]]:
    """Return the headers that describe a frame: the main one, then that of each image in an extension."""
    images = set(images_of(document))
    others = [
        hdu["header"]
        for hdu in document.get("hdus") or ()
        if hdu.get("header") and (not images or images & set(hdu.get("arrays") or ()))
    ]
    return [document.get("header") or {}, *others]


@lru_cache(maxsize=512)
def _steps(path: str) -> tuple[str, str, tuple[str, ...]]:
    first, _, rest = path.partition(".")
    return first, rest, tuple(rest.split("."))


def _at(document: Doc, path: str) -> Any:
    first, rest, steps = _steps(path)
    if first == "obs":
        value: Any = document.get("obs")
        if value is None:
            value = observed(document)
        if len(steps) == 1:
            return value.get(rest)
    elif first == "header":  # a keyword may have dots of its own
        return next((h[rest] for h in image_headers(document) if plain(h.get(rest)) is not None), None)
    elif first == "images":
        return _of_images(document, rest)
    else:
        value, steps = document, (first, *steps) if rest else (first,)
    for part in steps:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _of_images(document: Doc, field: str) -> Any:
    """Return a field of the one image, or of several by their names."""
    arrays, names = document.get("arrays") or {}, images_of(document)
    if len(names) == 1:
        return arrays[names[0]].get(field)
    found = {name: value for name in names if (value := arrays[name].get(field)) is not None}
    return found or None
