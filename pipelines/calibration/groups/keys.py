"""The traits of a frame by which masters are found for it: the group keys of its profile, as values."""

import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from pipelines.calibration.groups.groups import number
from pipelines.errors import UsageError
from pipelines.instruments import GroupKey, GroupRule, profiles

__all__ = ["RULES", "exposure_time", "matching_keys", "rule_for", "taken_at", "traits"]

RULES: Mapping[str, str] = {"bias": "bias", "dark": "dark", "flat": "flat", "pixelmap": "dark"}
"""For each kind of master, the kind of frames whose group rule has its keys."""

# How pixels are stored does not matter once they are read; a flat holds for any temperature and both
# twilights; a map of bad pixels for any exposure.
_FREE: Mapping[str, frozenset[str]] = {
    "bias": frozenset({"dtype", "scale"}),
    "dark": frozenset({"dtype", "scale"}),
    "flat": frozenset({"dtype", "scale", "temperature", "flat_time", "exptime"}),
    "pixelmap": frozenset({"dtype", "scale", "temperature", "exptime"}),
}


def rule_for(profile: str, kind: str) -> GroupRule:
    """Return the rule by which a profile groups the frames of a kind of master.

    Raises
    ------
    UsageError
        The profile is not known here, or has none.
    """
    rule = _rule(profile, RULES[kind], tuple(sys.path))
    if rule is None:
        raise UsageError(f"the profile {profile!r} does not say how {RULES[kind]} frames are grouped; declare it there")
    return rule


@lru_cache(maxsize=256)
def _rule(profile: str, kind: str, path: tuple[str, ...]) -> GroupRule | None:
    """Look a rule up; distributions are looked through once for each import path, which takes 10 ms."""
    known = profiles().get(profile)
    return None if known is None else known.calibration.rule(kind)


def matching_keys(rule: GroupRule, kind: str) -> tuple[GroupKey, ...]:
    """Return the keys in which a frame and a master of this kind must agree."""
    return tuple(key for key in rule.keys if key.name not in _FREE[kind])


def traits(document: Mapping[str, Any], rule: GroupRule) -> dict[str, Any]:
    """Return the values of a rule's keys in a document: of each the first field that is there; None without."""
    return {key.name: _first(document, key.paths) for key in rule.keys}


def taken_at(frame: Mapping[str, Any], paths: Sequence[str]) -> float | None:
    """Return the first number among some fields of a document."""
    return next((found for path in paths if (found := number(_first(frame, (path,)))) is not None), None)


def exposure_time(frame: Mapping[str, Any]) -> float | None:
    """Return the exposure time of a frame in seconds, by either of the common keywords; None without a number."""
    return taken_at(frame, ("header.EXPTIME", "header.EXPOSURE"))


def _first(document: Mapping[str, Any], paths: tuple[str, ...]) -> Any:
    for path in paths:
        value: Any = document
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is not None:
            return value
    return None
