"""Profiles as TOML files: claims, keywords of fields, words for kinds, a site, and what to pass over.

See ``README.md`` beside this module for how to write one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines.errors import UsageError
from pipelines.instruments import generic
from pipelines.instruments.calibration import Calibration, GroupKey, Site
from pipelines.instruments.errors import ProfileError
from pipelines.instruments.home import place_of, read_toml
from pipelines.instruments.profile import Claim, Clock, Profile, Take

__all__ = ["FIELDS", "folders", "profile_files", "read_profile"]

FIELDS = frozenset(
    {"telescope", "instrument", "camera", "detector", "object", "ra", "dec", "airmass", "exptime", "darktime"}
    | {"filter", "set_temperature", "temperature", "binning", "binning_x", "binning_y", "window", "mode"}
    | {"gain_setting", "offset_setting", "gain", "read_noise", "saturation", "coadds", "rotator", "bayer", "kind"}
)
"""Observation fields whose keywords a profile may name."""

_TOP = frozenset({"name", "title", "claims", "fields", "words", "values", "site", "saturation", "keys", "irrelevant"})
_CLAIM = frozenset({"path", "header", "extensions", "ndim"})
_VALUES = frozenset({"instrument", "camera", "detector", "kind"})


def folders(environ: Mapping[str, str] | None = None) -> list[Path]:
    """Return where TOML profiles are looked for: ``profiles`` in DARKROOM_HOME, and what DARKROOM_PROFILES names."""
    env = os.environ if environ is None else environ
    home = Path(env.get("DARKROOM_HOME") or "~/darkroom").expanduser()
    named = [Path(text).expanduser() for text in env.get("DARKROOM_PROFILES", "").split(os.pathsep) if text]
    return [home / "profiles", *named]


def profile_files(places: Iterable[Path]) -> list[Path]:
    """Return the TOML files of some folders, and files named themselves, in order.

    Raises
    ------
    UsageError
        A folder cannot be looked into: files might be identified without the profile that is meant for them.
    """
    found: list[Path] = []
    for place in places:
        try:
            found += sorted(place.glob("*.toml")) if place.is_dir() else [place] if place.suffix == ".toml" else []
        except OSError as error:
            raise UsageError(
                f"{place}: profiles there cannot be read: {error.strerror}; ask for the right to read it, or set "
                "DARKROOM_HOME to a folder of yours"
            ) from error
    return found


def read_profile(file: Path) -> Profile:
    """Read a profile from a TOML file.

    Raises
    ------
    UsageError
        The file cannot be read, is not TOML, has a field that is not known, or says what makes no sense.
    """
    content = read_toml(file)
    _known(content, _TOP, file, "the file")
    claims = content.get("claims", [])
    if not isinstance(claims, list) or not claims:
        raise UsageError(f"{file}: no [[claims]]: say which files it takes")
    kind_words = _table(content, "words", file).get("kind", {})
    values = _table(content, "values", file)
    _known(values, _VALUES, file, "[values]")
    fields = _table(content, "fields", file)
    _known(fields, FIELDS, file, "[fields]")
    keywords = {name: _texts(value, file, f"[fields] {name}") for name, value in fields.items()}
    kind = keywords.pop("kind", ())
    if not isinstance(kind_words, dict):
        raise UsageError(f"{file}: [words.kind] is a table of the file's words and the catalog's")
    words = tuple((" ".join(str(word).lower().split()), str(meaning)) for word, meaning in kind_words.items())
    if words and not kind:
        kind = ("IMAGETYP", "OBSTYPE")
    site, zone = _site(content, file)
    try:
        return Profile(
            name=str(content.get("name", file.stem)),
            title=str(content.get("title", f"a file as {file.name} describes")),
            claims=tuple(_claim(claim, file) for claim in claims),
            kind=Take(keywords=kind, vocabulary=words, fold=True, constant=values.get("kind"))
            if kind or "kind" in values
            else Take(),
            instrument=Take(constant=values.get("instrument")),
            camera=Take(constant=values.get("camera")),
            detector=Take(constant=values.get("detector")),
            clock=Clock(zone=zone or "UTC", nightly=zone is not None),
            site=site,
            keywords=tuple(keywords.items()),
            calibration=_calibration(content, file),
        )
    except ProfileError as error:
        raise UsageError(f"{file}: {error}") from error


def _claim(claim: object, file: Path) -> Claim:
    if not isinstance(claim, dict):
        raise UsageError(f"{file}: [[claims]] are tables, with {', '.join(sorted(_CLAIM))}")
    _known(claim, _CLAIM, file, "[[claims]]")
    header = claim.get("header", {})
    if not isinstance(header, dict):
        raise UsageError(f"{file}: header of [[claims]] is a table: header.INSTRUME = 'ST-7.*'")
    if not (header or claim.get("path") or claim.get("extensions") or claim.get("ndim") is not None):
        raise UsageError(f"{file}: an empty claim takes every file; name a keyword of the header, or a path")
    for pattern in [claim.get("path"), *header.values()]:
        try:
            re.compile(str(pattern))
        except re.error as error:
            raise UsageError(f"{file}: the expression {pattern!r} of [[claims]] does not compile: {error}") from error
    return Claim(
        path=claim.get("path"),
        header=tuple((str(key), str(pattern)) for key, pattern in header.items()),
        extensions=_texts(claim.get("extensions", ()), file, "extensions"),
        ndim=claim.get("ndim"),
    )


def _site(content: Mapping[str, Any], file: Path) -> tuple[Site | None, str | None]:
    if "site" not in content:
        return None, None
    place = place_of(content["site"], where=str(file), source="profile")
    if place.longitude is None:
        return None, place.zone
    if place.latitude is None:
        raise UsageError(f"{file}: [site] has a longitude without a latitude; a profile's needs both")
    return Site(longitude=place.longitude, latitude=place.latitude), place.zone


def _calibration(content: Mapping[str, Any], file: Path) -> Calibration:
    limits = replace(generic.CALIBRATION.limits, saturation=_number(content.get("saturation"), file))
    made = replace(generic.CALIBRATION, limits=limits)
    return made.extended(*_setup(content, file)) if {"keys", "irrelevant"} & set(content) else made


def _setup(content: Mapping[str, Any], file: Path) -> tuple[tuple[GroupKey, ...], tuple[str, ...]]:
    """Return the keywords in which the frames of a group must agree too, and those that do not matter."""
    from catalog import encode_keyword  # brings MongoDB's driver, which most profiles do not need

    keys = _texts(content.get("keys", ()), file, "keys")
    made = (GroupKey(name=key.lower(), paths=(f"header.{encode_keyword(key)}",), required=False) for key in keys)
    return tuple(made), _texts(content.get("irrelevant", ()), file, "irrelevant")


def _table(content: Mapping[str, Any], name: str, file: Path) -> dict[str, Any]:
    table = content.get(name, {})
    if not isinstance(table, dict):
        raise UsageError(f"{file}: {name} is a table, [{name}]")
    return table


def _known(table: Mapping[str, Any], names: Iterable[str], file: Path, where: str) -> None:
    unknown = sorted(set(table) - set(names))
    if unknown:
        raise UsageError(f"{file}: {where} has no field {unknown[0]!r}; there are {', '.join(sorted(names))}")


def _texts(value: object, file: Path, where: str) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(text, str) for text in listed):
        raise UsageError(f"{file}: {where} is a keyword, or a list of keywords")
    return tuple(listed)


def _number(value: object, file: Path) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise UsageError(f"{file}: saturation = {value!r} is no level of pixels")
    return float(value)
