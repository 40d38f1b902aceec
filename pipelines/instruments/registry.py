"""The instrument profiles there are: the built-in ones, and those that installed distributions bring.

A distribution brings one by an entry point of the group ``darkroom.instruments``::

    [project.entry-points."darkroom.instruments"]
    huntsman = "huntsman_darkroom:PROFILE"
"""

from __future__ import annotations

import hashlib
import sys
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from pipelines.errors import UsageError
from pipelines.instruments import dragonfly, generic, jwst_nir, miri, miri_jpl, miri_otis
from pipelines.instruments.errors import ProfileError
from pipelines.instruments.profile import Profile
from pipelines.instruments.tomlprofile import folders, profile_files, read_profile

GROUP = "darkroom.instruments"

BUILT_IN = (dragonfly.PROFILE, miri.PROFILE, miri_jpl.PROFILE, miri_otis.PROFILE, *jwst_nir.PROFILES, generic.PROFILE)


def profiles() -> dict[str, Profile]:
    """Return every profile by name: the built-in ones first, then those of installed distributions.

    Raises
    ------
    ProfileError
        ``profile-plugin``: an installed profile does not load, is none, or has the name of
        another; the message names the distribution.
    """
    files = profile_files(folders())
    return dict(_profiles(tuple(sys.path), tuple((file, _state(file)) for file in files)))


def fingerprint() -> dict[str, str]:
    """Return what tells the profiles of this machine from those of another: distribution, or digest of the file."""
    found = dict.fromkeys(profiles(), "")
    found |= {f"entry point {entry.name}": _distribution(entry) for entry in entry_points(group=GROUP)}
    for file in profile_files(folders()):
        found[read_profile(file).name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found


def _state(file: Path) -> int:
    """Return what changes when a file is edited: the time, as its bytes are read once."""
    return file.stat().st_mtime_ns if file.exists() else -1


@lru_cache(maxsize=1)  # looking through every distribution takes ten milliseconds
def _profiles(path: tuple[str, ...], files: tuple[tuple[Path, int], ...]) -> dict[str, Profile]:
    """Return the profiles of what is installed on an import path, and those of TOML files."""
    found = {profile.name: profile for profile in BUILT_IN}
    owner = dict.fromkeys(found, "Darkroom itself")
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (_distribution(entry), entry.name)):
        profile = _load(entry)
        if found.get(profile.name) is profile:
            continue  # the built-in ones are entry points of our own distribution, too
        if profile.name in found:
            raise ProfileError(
                "profile-plugin",
                f"the profile {profile.name!r} of the distribution {_distribution(entry)} has the name "
                f"of one of {owner[profile.name]}",
                "uninstall one of the two, or have it renamed",
            )
        found[profile.name] = profile
        owner[profile.name] = f"the distribution {_distribution(entry)}"
    for file, _ in files:
        profile = read_profile(file)
        if profile.name in found:
            raise UsageError(
                f"{file}: the profile {profile.name!r} has the name of one of {owner[profile.name]}; give it another"
            )
        found[profile.name] = profile
        owner[profile.name] = str(file)
    return found


def _load(entry: EntryPoint) -> Profile:
    where = f"the instrument profile {entry.name!r} ({entry.value}) of the distribution {_distribution(entry)}"
    hint = "upgrade or uninstall that distribution"
    try:
        profile = entry.load()
    except Exception as error:  # a plugin may fail in any way; none may go by unnamed
        raise ProfileError("profile-plugin", f"{where} does not load: {type(error).__name__}: {error}", hint) from error
    if not isinstance(profile, Profile):
        raise ProfileError("profile-plugin", f"{where} is a {type(profile).__name__}, not a Profile", hint)
    return profile


def _distribution(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else "(unknown)"
