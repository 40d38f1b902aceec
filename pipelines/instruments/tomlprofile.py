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
from pipelines.instruments.dialects.kinds import KEYS, VOCABULARY
from pipelines.instruments.errors import ProfileError
from pipelines.instruments.home import place_of
from pipelines.instruments.kinds import word_kind
from pipelines.instruments.lab import read_ramp
from pipelines.instruments.profile import Claim, Clock, Profile, Take
from pipelines.instruments.tomlfile import TomlFile, read_toml

__all__ = ["FIELDS", "folders", "profile_files", "read_profile"]

FIELDS = frozenset(
    {"telescope", "instrument", "camera", "detector", "object", "ra", "dec", "airmass", "exptime", "darktime"}
    | {"filter", "set_temperature", "temperature", "binning", "binning_x", "binning_y", "window", "mode"}
    | {"gain_setting", "offset_setting", "gain", "read_noise", "saturation", "coadds", "rotator", "bayer", "kind"}
)
"""Observation fields whose keywords a profile may name."""

_TOP = frozenset(
    {"name", "title", "claims", "fields", "words", "values", "site", "saturation", "keys", "irrelevant", "ramp"}
)
_CLAIM = frozenset({"path", "header", "extensions", "ndim"})
_VALUES = frozenset({"instrument", "camera", "detector", "kind"})
_EVERYWHERE = frozenset({"SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "EXTEND", "END"})
"""Keywords of every image: a claim by them alone says nothing of a camera."""
_KINDS = tuple(dict.fromkeys([*(kind for kind, _ in VOCABULARY.values()), "darkflat"]))


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
        The file cannot be read, is not TOML, has a field that is not known, or says what makes no sense: with the
        line, where one can be named.
    """
    toml = read_toml(file)
    content = toml.content
    toml.require_known(content, _TOP, "the file")
    claims = content.get("claims", [])
    if not isinstance(claims, list) or not claims:
        raise toml.wrong("claims", "no [[claims]]: say which files it takes")
    values = _table(toml, "values")
    toml.require_known(values, _VALUES, "[values]")
    for name, value in values.items():
        if not isinstance(value, str):
            raise toml.wrong(name, f"{name} of [values] is a word, in quotes")
    fields = _table(toml, "fields")
    toml.require_known(fields, FIELDS, "[fields]")
    keywords = {name: _keywords(toml, name, value, f"{name} of [fields]") for name, value in fields.items()}
    site, zone = _site(toml)
    ramp = read_ramp(toml)
    try:
        return Profile(
            name=str(content.get("name", file.stem)),
            title=str(content.get("title", f"a file as {file.name} describes")),
            claims=tuple(_claim(toml, claim) for claim in claims),
            kind=_kind(toml, keywords.pop("kind", ()), values.get("kind")),
            instrument=Take(constant=values.get("instrument")),
            camera=Take(constant=values.get("camera")),
            detector=Take(constant=values.get("detector")),
            clock=Clock(zone=zone or "UTC", nightly=zone is not None),
            site=site,
            keywords=tuple(keywords.items()),
            calibration=_calibration(toml),
            arrays=() if ramp is None else ramp.rules,
            derive=None if ramp is None else ramp.derive,
        )
    except ProfileError as error:
        raise toml.wrong("name", str(error)) from error


def _kind(toml: TomlFile, keywords: tuple[str, ...], constant: str | None) -> Take:
    """Return where the kind comes from: words of the file that no dialect knows, and a kind for all."""
    words = _table(toml, "words")
    toml.require_known(words, ("kind",), "[words]")
    meanings = words.get("kind", {})
    if not isinstance(meanings, dict):
        raise toml.wrong("kind", "[words.kind] is a table of the file's words and the kinds they mean")
    for meaning in [*meanings.values(), *([constant] if constant is not None else [])]:
        if word_kind(str(meaning)) is None:
            raise toml.wrong(str(meaning), f"{meaning!r} is no kind of frame; there are {', '.join(_KINDS)}")
    if meanings and not keywords:
        keywords = tuple(key.name for key in KEYS)
    if not keywords and constant is None:
        return Take()
    vocabulary = tuple((" ".join(word.lower().split()), str(meaning)) for word, meaning in meanings.items())
    return Take(keywords=keywords, vocabulary=vocabulary, fold=True, constant=constant)


def _claim(toml: TomlFile, claim: object) -> Claim:
    if not isinstance(claim, dict):
        raise toml.wrong("claims", f"[[claims]] are tables, with {', '.join(sorted(_CLAIM))}")
    toml.require_known(claim, _CLAIM, "[[claims]]")
    header = claim.get("header", {})
    if not isinstance(header, dict):
        raise toml.wrong("header", "header of [[claims]] is a table: header.INSTRUME = 'ST-7.*'")
    path, ndim = claim.get("path"), claim.get("ndim")
    if ndim is not None and (isinstance(ndim, bool) or not isinstance(ndim, int) or ndim < 0):
        raise toml.wrong("ndim", f"ndim = {ndim!r} is no number of axes")
    for name, pattern in [("path", path)] * (path is not None) + list(header.items()):
        if not isinstance(pattern, str):
            raise toml.wrong(name, f"{name} of [[claims]] is a regular expression, in quotes: {str(pattern)!r}")
        try:
            re.compile(pattern)
        except re.error as error:
            raise toml.wrong(name, f"the expression {pattern!r} of [[claims]] does not compile: {error}") from error
    extensions = _texts(toml, "extensions", claim.get("extensions", ()), "extensions")
    told = set(map(_keyword, header)) - _EVERYWHERE
    if not (told or extensions or ndim is not None or (path is not None and not _takes_any(path))):
        raise toml.wrong("claims", "a claim that takes every file; name a keyword of the header, or a path")
    return Claim(
        path=path,
        header=tuple((_keyword(key), pattern) for key, pattern in header.items()),
        extensions=extensions,
        ndim=ndim,
    )


def _takes_any(pattern: str) -> bool:
    """Tell whether an expression matches whatever it is compared with."""
    return all(re.search(rf"(?:^|/)(?:{pattern})\Z", text) for text in ("/a", "/b/7.fits", "/x y/Z-0.fit.gz"))


def _site(toml: TomlFile) -> tuple[Site | None, str | None]:
    if "site" not in toml.content:
        return None, None
    place = place_of(toml, source="profile")
    if place.longitude is None:
        return None, place.zone
    if place.latitude is None:
        raise toml.wrong("longitude", "[site] has a longitude without a latitude; a profile's needs both")
    return Site(longitude=place.longitude, latitude=place.latitude), place.zone


def _calibration(toml: TomlFile) -> Calibration:
    limits = replace(generic.CALIBRATION.limits, saturation=_saturation(toml))
    made = replace(generic.CALIBRATION, limits=limits)
    return made.extended(*_setup(toml)) if {"keys", "irrelevant"} & set(toml.content) else made


def _setup(toml: TomlFile) -> tuple[tuple[GroupKey, ...], tuple[str, ...]]:
    """Return the keywords in which the frames of a group must agree too, and those that do not matter."""
    from catalog import encode_keyword  # brings MongoDB's driver, which most profiles do not need

    keys = _keywords(toml, "keys", toml.content.get("keys", ()), "keys")
    irrelevant = _keywords(toml, "irrelevant", toml.content.get("irrelevant", ()), "irrelevant")
    for key in keys:
        if key in irrelevant:
            raise toml.wrong(key, f"{key} is among keys and irrelevant; it can be one of them")
    made = (GroupKey(name=key.lower(), paths=(f"header.{encode_keyword(key)}",), required=False) for key in keys)
    return tuple(made), irrelevant


def _table(toml: TomlFile, name: str) -> dict[str, Any]:
    table = toml.content.get(name, {})
    if not isinstance(table, dict):
        raise toml.wrong(name, f"{name} is a table, [{name}]")
    return table


def _keyword(text: str) -> str:
    """Return a keyword as headers keep it: in capitals, HIERARCH ones without that word."""
    return text.strip().upper().removeprefix("HIERARCH ")


def _keywords(toml: TomlFile, name: str, value: object, where: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(_keyword, _texts(toml, name, value, where))))


def _texts(toml: TomlFile, name: str, value: object, where: str) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(text, str) and text.strip() for text in listed):
        raise toml.wrong(name, f"{where} is a word in quotes, or a list of them")
    return tuple(listed)


def _saturation(toml: TomlFile) -> float | None:
    value = toml.content.get("saturation")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise toml.wrong("saturation", f"saturation = {value!r} is no level of pixels")
    return float(value)
