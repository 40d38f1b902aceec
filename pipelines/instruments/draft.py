"""Draft: a profile as a commented TOML file, from the headers of some files of one camera."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import UsageError
from pipelines.fits.file import Hdu
from pipelines.instruments.dialects.cameras import INDIVIDUAL, MODEL, TELESCOPE
from pipelines.instruments.explain import seen
from pipelines.instruments.lookup import Headers
from pipelines.instruments.profile import Identity, Profile
from pipelines.instruments.registry import profiles
from pipelines.instruments.sites import NOWHERE, Place
from pipelines.instruments.tomlprofile import FIELDS, read_profile
from pipelines.instruments.unused import unused

__all__ = ["write_draft"]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SHOWN = 4
"""Values of one keyword that a comment names."""

_ASKED = (
    "exptime",
    "filter",
    "set_temperature",
    "temperature",
    "binning",
    "mode",
    "gain_setting",
    "gain",
    "read_noise",
)
"""Fields that every draft speaks of, found or not."""


@dataclass(frozen=True, slots=True)
class _File:
    """A file as it is identified without the profile that is to be written."""

    path: Path
    profile: Profile
    identity: Identity
    hdus: tuple[Hdu, ...]

    @property
    def headers(self) -> Headers:
        return Headers(self.hdus)


def write_draft(name: str, files: Sequence[Path], *, folder: Path, site: Place = NOWHERE) -> Path:
    """Write the draft of a profile, and return its file. What is known without it stands there as comments.

    Parameters
    ----------
    files
        Frames of one camera, of every kind it takes.
    folder
        Where profiles are kept; the file is ``NAME.toml`` in it.
    site
        Where the camera stands if no header tells.

    Raises
    ------
    UsageError
        The name is not one, or is taken; there is such a file; no file is given; the files have nothing in common
        by which they could be claimed. Nothing was written.
    FitsError
        A file cannot be read.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a profile; lower-case letters, digits and _, a letter first")
    if name in profiles():
        raise UsageError(f"there is a profile {name!r} already; choose another name")
    target = folder / f"{name}.toml"
    if target.exists():
        raise UsageError(f"{target} is there already and is not overwritten; choose another name, or edit it")
    if not files:
        raise UsageError("name some files of the camera, best of every kind it takes")
    text = "".join(_draft(name, [_File(file, *seen(file, site=site)) for file in files]))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as out:
            out.write(text)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from error
    read_profile(target)
    return target


def _draft(name: str, files: Sequence[_File]) -> Iterable[str]:
    many = "1 file" if len(files) == 1 else f"{len(files)} files"
    yield f"# Draft from {many}. A line that begins with # is a suggestion, or what is known without this profile.\n"
    yield f"# Try it: darkroom profile check {name} FILES...\n\n"
    yield f'name = "{name}"\n'
    yield f"title = {_quoted(_title(files))}\n"
    yield from _limits(files)
    yield from _setup(files)
    yield from _claims(files)
    yield from _fields(files)
    yield from _words(files)
    yield from _values(files)
    yield from _site(files)


def _title(files: Sequence[_File]) -> str:
    named = Counter(str(file.identity.obs.get("camera") or file.identity.instrument) for file in files)
    return named.most_common(1)[0][0]


def _limits(files: Sequence[_File]) -> Iterable[str]:
    levels = _counted(file.identity.obs.get("saturation") for file in files)
    sources = {file.identity.obs_from.get("saturation") for file in files} - {None}
    by = "the range of its integers alone" if sources == {"BITPIX"} else ", ".join(sorted(map(str, sources)))
    yield f"# saturation = 60000    # pixels from here on are saturated; now {levels}{f', by {by}' if by else ''}\n"


def _setup(files: Sequence[_File]) -> Iterable[str]:
    """Suggest what to do with keywords that look like setup and differ between the files."""
    loose: dict[str, list[Any]] = {}
    for file in files:
        for one in unused(file.hdus, file.profile, file.identity):
            loose.setdefault(one.keyword, []).append(one.value)
    differ = {keyword: values for keyword, values in loose.items() if len(set(map(str, values))) > 1}
    alike = [keyword for keyword in loose if keyword not in differ]
    yield "\n# Frames of a group agree in the fields below. Further keywords in which they must agree, and\n"
    yield "# keywords that may differ within a group:\n"
    for keyword, values in differ.items():
        yield f"#   {keyword}: {_counted(values)}\n"
    if not differ:
        yield "#   (none that looks like setup differs between these files)\n"
    yield f"# keys = {json.dumps(list(differ), ensure_ascii=False)}\n"
    yield "# irrelevant = []\n"
    if alike:
        yield f"# Look like setup, not used, the same in all of them: {_comment(', '.join(alike))}\n"


def _claims(files: Sequence[_File]) -> Iterable[str]:
    yield "\n[[claims]]    # which files it takes: all conditions of one of these tables\n"
    shared = dict(_shared(files))
    if shared:
        for keyword, text in shared.items():
            name = keyword if re.fullmatch(r"[A-Z0-9_-]+", keyword) else _quoted(keyword)
            yield f"header.{name} = {_quoted(_pattern(text))}    # a regular expression for the whole value\n"
        return
    folders = {file.path.absolute().parent.name for file in files}
    if len(folders) > 1 or folders == {""}:
        raise UsageError(
            "the files have neither INSTRUME, TELESCOP nor a serial number in common, nor a folder, by which a profile "
            "could take them; name files of one camera"
        )
    yield f"path = {_quoted(_pattern(folders.pop()) + '/.*')}    # no keyword tells the camera; the folder does\n"


def _shared(files: Sequence[_File]) -> Iterable[tuple[str, str]]:
    """Yield keywords that name a camera and say the same in every file."""
    for table in (INDIVIDUAL, MODEL, TELESCOPE):
        for key in table:
            found = [file.headers.find((key,)) for file in files]
            values = {str(one.value) for one in found if one is not None}
            if len(values) == 1 and all(found) and not re.fullmatch(r"[-+0-9.]*", text := values.pop()):
                yield key.name, text
                break


def _fields(files: Sequence[_File]) -> Iterable[str]:
    yield "\n[fields]    # a field and the keyword, or the list of keywords, that gives it\n"
    found = {name for file in files for name in file.identity.obs}
    for name in sorted(FIELDS & (found | set(_ASKED)), key=lambda field: (field not in _ASKED, field)):
        having = [file for file in files if name in file.identity.obs]
        if not having:
            yield f'# {name} = "KEYWORD"    # nothing tells it\n'
            continue
        sources = [str(file.identity.obs_from.get(name, "")) for file in having]
        keyword = next((source.partition("@")[0] for source in sources if "@" in source), None)
        if keyword is None:
            continue
        missing = len(files) - len(having)
        lacks = f", missing in {missing}" if missing else ""
        values = _counted(file.identity.obs[name] for file in having)
        yield f"# {name} = {_quoted(keyword)}    # found without this profile: {values}{lacks}\n"


def _words(files: Sequence[_File]) -> Iterable[str]:
    yield "\n[words.kind]    # a word of the files and the kind it means: bias, dark, darkflat, flat, light, arc ...\n"
    for kind, count in Counter(file.identity.kind for file in files).items():
        flags = {flag for file in files if file.identity.kind == kind for flag in file.identity.flags}
        source = next((file.identity.obs.get("kind_source") for file in files if file.identity.kind == kind), None)
        if "kind-unknown" in flags:
            yield f'# {_quoted(kind)} = "dark"    # {count} files, by {source}; not known: say what it means\n'
        elif "kind-missing" in flags:
            yield f'# {count} files have no keyword for the kind; name one in [fields], kind = "KEYWORD"\n'
        else:
            yield f"# {_quoted(kind)} is understood: {count} files, by {_comment(str(source))}\n"


def _values(files: Sequence[_File]) -> Iterable[str]:
    yield "\n[values]    # what no keyword says\n"
    cameras = _counted(file.identity.obs.get("camera") for file in files)
    flags = {flag for file in files for flag in file.identity.flags}
    note = "only a model: name the one that is yours" if "camera-model-only" in flags else "which one of its kind"
    yield f"# camera = {_quoted(_title(files))}    # {note}; now {cameras}\n"
    yield f"# instrument = {_quoted(files[0].identity.instrument)}\n"


def _site(files: Sequence[_File]) -> Iterable[str]:
    known = next((file.identity.obs.get("site") for file in files if file.identity.obs.get("site")), None)
    if known is not None:
        yield f"\n# [site] is known without this profile: {_comment(json.dumps(known))}\n"
        return
    yield "\n# [site]    # nights run from local noon to local noon; nothing tells where the camera stands\n"
    yield "# longitude = -79.4    # degrees east\n# latitude = 43.7      # degrees north\n"


def _counted(values: Iterable[Any]) -> str:
    """Say which values there are, the most frequent first."""
    counts = Counter("nothing" if value is None else str(value) for value in values)
    shown = [f"{value} x{count}" for value, count in counts.most_common(_SHOWN)]
    return _comment(", ".join(shown) + (", ..." if len(counts) > _SHOWN else ""))


def _comment(text: str) -> str:
    """Return text that stays on the line of its comment."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _pattern(text: str) -> str:
    """Return the regular expression of a text; blanks need no escape."""
    return re.escape(text).replace("\\ ", " ")


def _quoted(text: str) -> str:
    """Return a TOML string: a JSON one, which TOML reads alike."""
    return json.dumps(text, ensure_ascii=True)
