"""Receiving: the place that a store is copied to, which is no store before the copy is finished.

::

    copying.json        stands there from the first moment: which store is being copied, and from where
    copying/<id>        what has arrived and was read back, so that a copy that was cut short goes on from there
    arraystore.json     the marker, written last: from then on it is a store, with the identity of the first
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from arraystore.backends.folders import make_folders
from arraystore.backends.markers import COPYING, MARKER, marker_of, parse_marker
from arraystore.backends.protocol import Backend
from arraystore.errors import InvalidStoreURL, Lost, NotAStore, StoreTooNew, translated

__all__ = ["LOG", "Receiver", "receive"]

LOG = "copying"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Receiver:
    """A place that a store is copied to.

    Attributes
    ----------
    backend : Backend
        Where the bytes go.
    complete : bool
        Whether it is a store already: then things are added to it, and nothing is replaced or removed.
    """

    backend: Backend
    complete: bool

    def finish(self) -> None:
        """Make it a store, and remove the notes of the copy."""
        self.backend.create(MARKER, marker_of(self.backend.id))
        for entry in (*self.backend.walk(LOG), *self.backend.walk(COPYING)):
            with suppress(Lost):
                self.backend.remove(entry.path)
        if (root := getattr(self.backend, "root", None)) is not None:
            with suppress(OSError):
                (root / LOG).rmdir()


def receive(url: str | os.PathLike[str], *, store: str, source: str, begin: bool = True) -> Receiver:
    """Open a place to copy a store to.

    Parameters
    ----------
    url : str or path
        As `arraystore.open_store` takes it.
    store : str
        Identity of the store that is copied.
    source : str
        Where that is, for those who find the unfinished copy.
    begin : bool
        Leave a note there that a copy has begun; without it nothing is written.

    Raises
    ------
    NotAStore
        The place holds other things, another store, or a copy of another.
    StoreTooNew
        The copy there was begun by a later release.
    InvalidStoreURL
        It names no place that lasts.
    StoreReadOnly, StoreUnreachable
        It cannot be written, or reached.
    """
    backend = _opened(os.fspath(url), store)
    if (marker := _read(backend, MARKER)) is not None:
        found = parse_marker(marker, backend.url)
        if found != store:
            raise NotAStore(f"{backend.url} is another store ({found}). Name an empty folder or prefix.")
        return Receiver(backend, complete=True)
    if _read(backend, COPYING) is None:
        _require_empty(backend)
        if not begin:
            return Receiver(backend, complete=False)
        if (root := getattr(backend, "root", None)) is not None:
            with translated("make", root):
                make_folders(root.absolute())
        note = json.dumps({"format": _FORMAT, "store": store, "source": source}).encode()
        if backend.create(COPYING, note) and (bucket := getattr(backend, "bucket", None)) is not None:
            bucket.require_conditions(COPYING)
    _require_same(backend, store)
    return Receiver(backend, complete=False)


def _read(backend: Backend, path: str) -> bytes | None:
    try:
        return backend.read(path)
    except Lost:
        return None


def _opened(url: str, store: str) -> Backend:
    parts = urlsplit(url)
    if "://" in url and parts.scheme in ("s3", "gs", "az"):
        from arraystore.backends.buckets import Bucket
        from arraystore.backends.cloud import CloudBackend

        return CloudBackend(Bucket.connect(url), store, readonly=False)
    if parts.scheme == "memory":
        raise InvalidStoreURL("memory:// is gone when this process ends: nothing is copied there. Name a folder.")
    if "://" in url and not (parts.scheme == "file" and parts.netloc in ("", "localhost")):
        shown = url.partition("?")[0].rpartition("@")[2].rpartition("://")[2]
        raise InvalidStoreURL(f"{parts.scheme}://{shown:.200} names no place for a store: use a folder or s3://bucket.")
    from arraystore.backends.files import FileBackend

    root = Path(unquote(parts.path) if parts.scheme == "file" else url).expanduser()
    if root.exists() and not root.is_dir():
        raise NotAStore(f"{root} is not a folder. Name an empty one.")
    return FileBackend(root, store, readonly=False)


def _require_empty(backend: Backend) -> None:
    root = getattr(backend, "root", None)
    if root is None:
        stranger = next((entry.path for entry in backend.bucket.list()), None)  # type: ignore[attr-defined]
    else:
        with translated("look into", root):
            names = set(os.listdir(root)) if root.exists() else set()
        stranger = min(names - {".staging", "lost+found"}, default=None)
    if stranger is not None:
        raise NotAStore(f"{backend.url} is not empty: it holds {stranger!r}. Name an empty folder or prefix.")


def _require_same(backend: Backend, store: str) -> None:
    try:
        note = json.loads(backend.read(COPYING))
        version, copied, source = int(note["format"]), str(note["store"]), str(note["source"])
    except (ValueError, KeyError, TypeError) as error:
        raise NotAStore(f"{backend.url}/{COPYING} cannot be read. Name an empty folder or prefix.") from error
    if version > _FORMAT:
        raise StoreTooNew(f"a later release began the copy at {backend.url}: upgrade, or name an empty place.")
    if copied != store:
        raise NotAStore(f"{backend.url} is an unfinished copy of another store, {source}. Name an empty place.")
