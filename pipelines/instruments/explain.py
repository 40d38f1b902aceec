"""Explain: what a profile makes of a file, field by field with the keyword that gave it, and what gave none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.errors import UsageError
from pipelines.fits import open_fits
from pipelines.fits.file import Hdu
from pipelines.instruments.choosing import choose
from pipelines.instruments.identify import identify
from pipelines.instruments.profile import Identity, Profile
from pipelines.instruments.registry import profiles
from pipelines.instruments.sites import NOWHERE, Place
from pipelines.instruments.unused import Loose, unused, varying_here
from pipelines.table import Answer

__all__ = ["checked", "explain", "seen", "varying"]

UNUSED = "not used"
"""Field of a keyword that looks like setup and gave none."""


def explain(file: Path, *, profile: str | None = None, site: Place = NOWHERE) -> Answer:
    """Return the fields of a file: ``field``, ``value``, ``from`` (keyword and HDU).

    Keywords that look like setup and were not used follow as ``not used``: they are compared by the guard of a
    group, and a profile may make them keys or irrelevant.

    Parameters
    ----------
    site
        Where the camera stands if neither header nor profile tells.

    Raises
    ------
    UsageError
        There is no such profile.
    FitsError, ProfileError
        The file cannot be read, or not by that profile.
    """
    used, identity, hdus = seen(file, profile=profile, site=site)
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
    rows += [row for image in identity.obs.get("images", ()) for row in _sections(image)]
    rows += [{"field": "flag", "value": flag, "from": ""} for flag in identity.flags]
    rows += [
        {"field": UNUSED, "value": loose.value, "from": f"{loose.keyword}@{loose.hdu}"}
        for loose in unused(hdus, used, identity)
    ]
    return Answer(("field", "value", "from"), tuple(rows), file.name)


def varying(file: Path, *, profile: str | None = None) -> Answer:
    """Return the keywords of a file that may differ within a group: ``keyword``, ``hdu``, ``value``, ``subject``.

    Raises
    ------
    UsageError, FitsError, ProfileError
        As `explain`.
    """
    used, identity, hdus = seen(file, profile=profile)
    rows: list[dict[str, Any]] = [loose._asdict() for loose in varying_here(hdus, identity.kind)]
    rows += [
        {**Loose(pattern, 0, None, f"irrelevant by the profile {used.name}")._asdict()}
        for pattern in used.calibration.irrelevant
    ]
    title = f"Keywords of {file.name} that may differ within a group of kind {identity.kind}"
    return Answer(("keyword", "hdu", "value", "subject"), tuple(rows), title)


def checked(name: str, files: Sequence[Path], *, site: Place = NOWHERE) -> Answer:
    """Return for each file whether the profile claims it, its kind, night and camera, and what is unknown."""
    used = _profile(name)
    rows = []
    for file in files:
        path = file.absolute()
        with open_fits(str(path)) as opened:
            claimed = choose(path, opened.hdus, profiles=profiles()).name == name
            identity = identify(used, path, opened.hdus, site=site)
        row = {"file": file.name, "claimed": claimed, "kind": identity.kind, "night": identity.date}
        rows.append({**row, "camera": identity.obs.get("camera"), "unknown": ", ".join(identity.flags)})
    return Answer(("file", "claimed", "kind", "night", "camera", "unknown"), tuple(rows), f"Files by {name}")


def seen(file: Path, *, profile: str | None = None, site: Place = NOWHERE) -> tuple[Profile, Identity, tuple[Hdu, ...]]:
    """Return the profile of a file, what it is by that, and its HDUs.

    Raises
    ------
    UsageError, FitsError, ProfileError
        As `explain`.
    """
    path = file.absolute()
    with open_fits(str(path)) as opened:
        used = choose(path, opened.hdus, profiles=profiles()) if profile is None else _profile(profile)
        return used, identify(used, path, opened.hdus, site=site), opened.hdus


def _profile(name: str) -> Profile:
    known = profiles()
    if name not in known:
        raise UsageError(f"no instrument profile {name!r}; there are: {', '.join(known)}")
    return known[name]


def _sections(image: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the sections of an image, as rows."""
    return [
        {"field": f"{image['name']} {part}", "value": text, "from": f"@{image['hdu']}"}
        for amplifier in image.get("amplifiers", ())
        for part, text in amplifier.items()
    ]
