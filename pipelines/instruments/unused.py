"""Unused: keywords of a file that look like setup and gave no field, and those that are taken as varying."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from pipelines.instruments.dialects import (
    cameras,
    exposure,
    filters,
    geometry,
    kinds,
    readout,
    sites,
    targets,
    temperature,
    times,
)
from pipelines.instruments.dialects.entry import Key
from pipelines.instruments.dialects.settings import SETTINGS
from pipelines.instruments.profile import HduLike, Identity, Profile
from pipelines.instruments.values import plain
from pipelines.instruments.varying import varying_subject

__all__ = ["Loose", "unused", "varying_here"]

_SOURCE = re.compile(r"(?:1/)?([^@,\s][^@,]*)@\d+")
_PARTS = {part: subject for subject, parts in SETTINGS for part in parts.split()}
_PART = re.compile("|".join(map(re.escape, _PARTS)))
_TABLES = (cameras, exposure, filters, geometry, kinds, readout, sites, targets, temperature, times)
_BESIDE = (geometry.BINNING_Y, geometry.CORNER_Y, readout.BAYER_SHIFT, exposure.EXPOSURE_UNIT, *chain(*filters.WHEELS))
_WEIGHED = frozenset(key.name for table in _BESIDE for key in (table if isinstance(table, tuple) else (table,)))
"""Keywords that are read beside another, which is named: YBINNING beside XBINNING, a wheel that stands open."""


class Loose(NamedTuple):
    """A keyword that gave no field.

    Attributes
    ----------
    keyword, hdu
        Where it stands.
    value
        What it says.
    subject
        What it looks like a setting of, or as what it is taken to vary.
    """

    keyword: str
    hdu: int
    value: Any
    subject: str


def unused(hdus: Sequence[HduLike], profile: Profile, identity: Identity) -> list[Loose]:
    """Return the keywords that look like setup and were not used, in the order of the file.

    A keyword that differs between the frames of a group makes it mixed unless it is taken as varying;
    those named here are the ones to list in a profile first.
    """
    used = _used(identity, profile)
    found = []
    for index, keyword, value in _cards(hdus):
        part = _PART.search(keyword.upper())
        if part is None or keyword in used or varying_subject(keyword, identity.kind) is not None:
            continue
        if any(fnmatchcase(keyword, pattern) for pattern in profile.calibration.irrelevant):
            continue
        if not any(_says_the_same(keyword, value, other, hdus) for other in used):
            found.append(Loose(keyword, index, value, _PARTS[part[0]]))
    return found


def varying_here(hdus: Sequence[HduLike], kind: str) -> list[Loose]:
    """Return the keywords that are taken to vary from frame to frame of one setup, in the order of the file."""
    named = ((index, keyword, value, varying_subject(keyword, kind)) for index, keyword, value in _cards(hdus))
    return [Loose(keyword, index, value, subject) for index, keyword, value, subject in named if subject is not None]


def _cards(hdus: Sequence[HduLike]) -> Iterator[tuple[int, str, Any]]:
    """Yield HDU, keyword and value of the primary and of the images: headers of tables hold no setup."""
    for hdu in hdus:
        if hdu.index == 0 or hdu.shape:
            for keyword, value in hdu.header.items():
                yield hdu.index, keyword, value


def _used(identity: Identity, profile: Profile) -> set[str]:
    sources = " , ".join([*identity.obs_from.values(), str(identity.obs.get("kind_source", ""))])
    parts = (*geometry.DATA, *geometry.BIAS, *geometry.TRIM)
    sections = {f"{name}{end}" for name in parts for end in geometry.AMPLIFIER_ENDINGS}
    keys = {key.name.upper() for rule in profile.calibration.groups for key in rule.keys}
    return set(_SOURCE.findall(sources)) | sections | keys | _WEIGHED


def _says_the_same(keyword: str, value: Any, other: str, hdus: Sequence[HduLike]) -> bool:
    """Tell whether a keyword repeats one that was used: EXPOSURE beside EXPTIME."""
    if not _alternatives().get(keyword, frozenset()) & {other}:
        return False
    return any(plain(hdu.header.get(other)) == plain(value) for hdu in hdus)


@lru_cache(maxsize=1)
def _alternatives() -> Mapping[str, frozenset[str]]:
    """Return for each keyword of the tables those that stand in a table with it."""
    found: dict[str, set[str]] = {}
    for module in _TABLES:
        for table in vars(module).values():
            if isinstance(table, tuple) and table and all(isinstance(key, Key) for key in table):
                names = {key.name for key in table}
                for name in names:
                    found.setdefault(name, set()).update(names)
    return {name: frozenset(others) for name, others in found.items()}
