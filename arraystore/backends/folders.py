"""Folders: making, recognising and syncing the folder that holds a store."""

from __future__ import annotations

import os
import stat
import uuid
from contextlib import suppress
from pathlib import Path

from arraystore.backends.markers import COPYING, MARKER, new_marker, parse_marker, unfinished
from arraystore.backends.protocol import StoredObject
from arraystore.errors import ArrayDamaged, NotAStore, StoreUnreachable, translated

__all__ = [
    "described",
    "folders",
    "identity",
    "make_folders",
    "regular",
    "sync_folder",
    "unfinished_marker",
    "unless_gone",
]

_OURS = {MARKER, "objects", "records", ".staging", ".aside", "lost+found"}


def identity(root: Path, *, readonly: bool, create: bool) -> str:
    """Identity of the store in `root`, made if it is not there and `create` is true.

    Raises
    ------
    StoreUnreachable
        There is no such folder, and it is not to be made.
    NotAStore
        The folder holds other things, or is no folder.
    StoreTooNew
        A later release made it.
    """
    marker = root / MARKER
    with translated("open the store", root):
        if root.exists() and not root.is_dir():
            raise NotAStore(f"{root} is not a folder. Name the folder of an array store, or an empty one.")
        if not marker.is_file():
            if not root.exists() and (readonly or not create):
                raise StoreUnreachable(f"there is no array store at {root}. Check the path, or mount its disk.")
            if (root / COPYING).is_file():
                raise unfinished(root)
            strangers = sorted(n for n in os.listdir(root) if not _ours(n)) if root.exists() else []
            if strangers or readonly or not create:
                held = f"it holds {strangers[0]!r}" if strangers else "it has no marker"
                place = "a store" if readonly or not create else "a store, or an empty folder"
                raise NotAStore(f"{root} is not an array store: {held}. Name {place}, or mount its disk.")
            _make_marker(root)
        return parse_marker(marker.read_bytes(), root)


def _ours(name: str) -> bool:
    return name in _OURS or (name.startswith(f".{MARKER}.") and name.endswith(".new"))


def unfinished_marker(name: str) -> str:
    """Name of a marker that is being written; one that stays was left by a kill."""
    return f".{MARKER}.{name}.new"


def _make_marker(root: Path) -> None:
    """Write the marker; of several processes that do so at once, one wins."""
    make_folders(root)
    new = root / unfinished_marker(uuid.uuid4().hex)
    try:
        with new.open("xb") as file:
            file.write(new_marker())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(new, root / MARKER)
    finally:
        new.unlink(missing_ok=True)
    sync_folder(root)


def sync_folder(path: Path) -> None:
    """Force the entries of a folder to disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folders(path: Path) -> None:
    """Make a folder and those above it, each durable in the one above."""
    if path.is_dir():
        return
    make_folders(path.parent)
    path.mkdir(exist_ok=True)
    sync_folder(path.parent)


def regular(descriptor: int, path: str) -> os.stat_result:
    """Refuse what is open and no plain file: a pipe would be waited for, a device has no end."""
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode):
        return status
    os.close(descriptor)
    raise ArrayDamaged(f"{path} is not a regular file. Remove it, and restore the store from a copy.")


def unless_gone(error: OSError) -> None:
    """Raise an error of a listing, unless what was listed is gone."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


def folders(top: Path) -> list[os.DirEntry[str]]:
    """Return the folders in a folder, by name; none where it is not there."""
    try:
        with os.scandir(top) as entries:
            return sorted((e for e in entries if e.is_dir(follow_symlinks=False)), key=lambda e: e.name)
    except FileNotFoundError:
        return []


def described(folder: Path) -> StoredObject:
    """Bytes of a folder's files, and when its manifest (else anything in it) last changed."""
    nbytes, newest, manifest = 0, 0.0, None
    for inside, _, names in os.walk(folder):
        for path in (inside, *(f"{inside}/{name}" for name in names)):
            with suppress(FileNotFoundError):
                found = os.stat(path, follow_symlinks=False)
                newest = max(newest, found.st_mtime)
                if path != inside:
                    nbytes += found.st_size
                if path == f"{folder}/manifest.json":
                    manifest = found.st_mtime
    return StoredObject(folder.name, nbytes, newest if manifest is None else manifest)
