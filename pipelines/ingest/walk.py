"""From paths on the command line to the FITS files to take, each with its root, size and time."""

import logging
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from pipelines.documents.roots import Located, innermost
from pipelines.errors import UsageError

logger = logging.getLogger(__name__)

SUFFIXES = (".fits", ".fit", ".fts", ".fz", ".evt", ".ftz")
ASDF = ".asdf"  # the format of Roman, which is not read
COMPRESSIONS = ("", ".gz", ".bz2", ".z")
APPLE = "._"  # beside a file on a disk that is not Apple's own, with what the Finder knows of it: never a FITS file


class Candidate(NamedTuple):
    """A file to take.

    Attributes
    ----------
    located : Located
        Its root and relative path.
    file : str
        Where it is now.
    size : int
        Bytes; -1 when the file could not be looked at.
    mtime_ns : int
        Modification time, nanoseconds since 1970; -1 likewise.
    changed_ns : int
        When the file system last saw any change of it, likewise: also when it was copied with its old
        modification time, or renamed.
    target : str
        Where a link leads, looked up once, when it was checked against the roots; empty for what is no link.
    problem : tuple of (str, str, str), optional
        Code, message and hint when it cannot even be looked at.
    """

    located: Located
    file: str
    size: int
    mtime_ns: int
    changed_ns: int = -1
    target: str = ""
    problem: tuple[str, str, str] | None = None


class RootNames(Protocol):
    """The named roots, as far as a walk needs them: `Roots`, or what stands for them."""

    def all(self) -> dict[str, Path]:
        """Return every root: name to folder."""

    def covering(self, folder: Path) -> str:
        """Return the innermost root that holds a folder; make one if none does."""


def candidates(
    paths: Iterable[str | os.PathLike[str]], *, roots: RootNames, passed: Counter[str] | None = None
) -> list[Candidate]:
    """Find the files to take under some paths, in order, each once.

    Folders are walked; links to folders under a root are followed, each folder once, so that a loop ends; a link to
    a folder under no root is a problem that names the folder. In a folder only
    names that end like FITS (``.fits .fit .fts .fz .evt .ftz``, also with ``.gz``, ``.bz2`` or ``.Z``) count, but
    for those that begin with ``._``; a file named itself always does. `passed` counts what is passed over and ought
    to be said: names that begin with ``._``, and that end with ``.asdf``.

    Raises
    ------
    UsageError
        A path is not there, or no path was given.
    """
    given = [Path(os.path.abspath(Path(path).expanduser())) for path in paths]
    if not given:
        raise UsageError("nothing to ingest: give at least one file or folder")
    for path in given:
        if not os.path.lexists(path):
            raise UsageError(f"{path} is not there; give a file or a folder that exists")
    found: dict[str, Candidate] = {}
    covered: set[Path] = set()
    known: dict[str, Path] = {}
    beside = passed if passed is not None else Counter()
    for path in given:
        # The folder's own links are resolved once, so that one folder has one name.
        start = path.resolve() if path.is_dir() else path.parent.resolve() / path.name
        folder = start if start.is_dir() else start.parent
        if folder not in covered:  # a long list of files has few folders
            roots.covering(folder)
            known = roots.all()
            covered.add(folder)
        for candidate in _under(start, known, beside) if start.is_dir() else [_candidate(start, known)]:
            found.setdefault(candidate.file, candidate)
    return list(found.values())


def _under(folder: Path, known: dict[str, Path], passed: Counter[str]) -> Iterator[Candidate]:
    """Yield the FITS-named files under a folder in order of name, and the folders that refuse."""
    closed: list[OSError] = []
    seen = {_place(folder)}
    for place, folders, files in os.walk(folder, onerror=closed.append, followlinks=True):
        folders.sort()
        # Where a link leads may be walked itself, or be above it: each folder counts once, by its own name if it can.
        outside = [name for name in folders if _leads_outside(Path(place, name), known)]
        for name in outside:
            link = Path(place, name)
            yield _outside(_locate(link, known), link, Path(os.path.realpath(link)), Path(os.path.realpath(link)))
        folders[:] = [n for n in folders if n not in outside and _is_new(Path(place, n), folder, seen)]
        for name in sorted(files):
            if is_fits_name(name):
                yield _candidate(Path(place, name), known)
            elif name.startswith(APPLE) and is_fits_name(name.removeprefix(APPLE)):
                passed[APPLE] += 1
                logger.info("passed over: %s: not a FITS file, but what a Mac keeps beside one", Path(place, name))
            elif name.lower().endswith(ASDF):
                passed[ASDF] += 1
                logger.info("passed over: %s: ASDF, as of Roman, is not FITS", printable(os.path.join(place, name)))
            else:
                logger.debug("passed over: %s: its name does not end like FITS", printable(os.path.join(place, name)))
    for error in closed:
        refusing = Path(error.filename)
        yield _problem(
            _locate(refusing, known),
            refusing,
            "unreadable-folder",
            f"cannot be listed: {error.strerror}",
            "check its permissions, then ingest it again",
        )


def _leads_outside(folder: Path, known: dict[str, Path]) -> bool:
    """Tell whether a folder is a link to one under no root, which nobody named: what lies there is not looked at."""
    return folder.is_symlink() and innermost(known, Path(os.path.realpath(folder))) is None


def _outside(located: Located, path: Path, target: Path, folder: Path) -> Candidate:
    message = f"is a link to {target}, outside every root"
    hint = f"ingest {folder} itself, or name it: darkroom root add NAME {folder}"
    return _problem(located, path, "outside-roots", message, hint)


def _is_new(folder: Path, top: Path, seen: set[tuple[int, int]]) -> bool:
    """Tell whether a folder is to be walked: not met yet, and if a link, to a place outside of what is walked."""
    if folder.is_symlink():
        target = Path(os.path.realpath(folder))
        if target.is_relative_to(top) or top.is_relative_to(target):
            logger.info("passed over: %s: a link to %s, which is walked itself", folder, target)
            return False
    try:
        place = _place(folder)
    except OSError:
        return True  # walking it says what is wrong with it
    if place in seen:
        logger.info("passed over: %s: is a folder that was walked already", folder)
        return False
    seen.add(place)
    return True


def _place(folder: Path) -> tuple[int, int]:
    info = os.stat(folder)
    return info.st_dev, info.st_ino


def is_fits_name(name: str) -> bool:
    """Tell whether a file name ends like FITS, compressed or not, and is not what a Mac keeps beside one."""
    if name.startswith(APPLE):
        return False
    lowered = name.lower()
    return lowered.endswith(tuple(suffix + c for suffix in SUFFIXES for c in COMPRESSIONS))


def _locate(path: Path, known: dict[str, Path]) -> Located:
    root = innermost(known, path)
    if root is None:  # candidates() has just made sure of one
        raise UsageError(f"{path} lies under no root")
    relative = path.relative_to(known[root]).as_posix()
    return Located(root, printable(relative))


def printable(name: str) -> str:
    """Return a file name as it can stand in a document: bytes that are not UTF-8 are escaped."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _candidate(path: Path, known: dict[str, Path]) -> Candidate:
    located = _locate(path, known)
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return _problem(located, path, "bad-name", "has a name that is not UTF-8", "rename the file")
    try:
        info = os.lstat(path)
        leads = ""
        if stat.S_ISLNK(info.st_mode):
            target = Path(os.path.realpath(path))
            if not target.exists():
                message = f"is a link to {target}, which is not there"
                return _problem(located, path, "broken-symlink", message, "repair or remove the link")
            if innermost(known, target) is None:
                return _outside(located, path, target, target.parent)
            leads = str(target)
            info = os.lstat(target)
    except OSError as error:
        message = f"cannot be looked at: {error.strerror}"
        return _problem(located, path, "unreadable", message, "check its permissions")
    if not stat.S_ISREG(info.st_mode):
        return _problem(located, path, "not-a-file", "is not a regular file", "remove it, or name another file")
    return Candidate(located, str(path), info.st_size, info.st_mtime_ns, info.st_ctime_ns, leads)


def _problem(located: Located, path: Path, code: str, message: str, hint: str) -> Candidate:
    return Candidate(located, str(path), -1, -1, problem=(code, message, hint))
