"""Explain: what a profile makes of a file, field by field with the keyword that gave it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipelines.errors import UsageError
from pipelines.fits import open_fits
from pipelines.instruments.identify import choose, identify
from pipelines.instruments.profile import Profile
from pipelines.instruments.registry import profiles
from pipelines.table import Answer

__all__ = ["checked", "explain"]


def _profile(name: str) -> Profile:
    known = profiles()
    if name not in known:
        raise UsageError(f"no instrument profile {name!r}; there are: {', '.join(known)}")
    return known[name]


def explain(file: Path, *, profile: str | None = None) -> Answer:
    """Return the fields of a file: ``field``, ``value``, ``from`` (keyword and HDU).

    Raises
    ------
    UsageError
        There is no such profile.
    FitsError, ProfileError
        The file cannot be read, or not by that profile.
    """
    path = file.absolute()
    with open_fits(str(path)) as opened:
        used = choose(path, opened.hdus, profiles=profiles()) if profile is None else _profile(profile)
        identity = identify(used, path, opened.hdus)
    source = identity.obs_from
    rows = [
        {"field": "profile", "value": used.name, "from": ""},
        {"field": "kind", "value": identity.kind, "from": identity.obs.get("kind_source", "")},
        {"field": "night", "value": identity.date, "from": source.get("night", "")},
        {"field": "time", "value": identity.timestamp, "from": source.get("timestamp", "")},
    ]
    rows += [
        {"field": name, "value": value, "from": source.get(name, "")}
        for name, value in identity.obs.items()
        if name not in ("kind_source", "images")
    ]
    rows += [{"field": "flag", "value": flag, "from": ""} for flag in identity.flags]
    return Answer(("field", "value", "from"), tuple(rows), file.name)


def checked(name: str, files: Sequence[Path]) -> Answer:
    """Return for each file whether the profile claims it, its kind, night and camera, and what is unknown."""
    used = _profile(name)
    rows = []
    for file in files:
        path = file.absolute()
        with open_fits(str(path)) as opened:
            claimed = choose(path, opened.hdus, profiles=profiles()).name == name
            identity = identify(used, path, opened.hdus)
        row = {"file": file.name, "claimed": claimed, "kind": identity.kind, "night": identity.date}
        rows.append({**row, "camera": identity.obs.get("camera"), "unknown": ", ".join(identity.flags)})
    return Answer(("file", "claimed", "kind", "night", "camera", "unknown"), tuple(rows), f"Files by {name}")
