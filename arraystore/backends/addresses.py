"""Addresses: which backend a URL or path of a store means. Only that backend is imported."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from arraystore.backends.protocol import Backend
from arraystore.errors import InvalidStoreURL

__all__ = ["open_backend"]


def open_backend(url: str | os.PathLike[str], *, readonly: bool, create: bool) -> Backend:
    """Open the store at an address; the errors are those of `arraystore.open_store`."""
    text = os.fspath(url)
    if "://" not in text and not text.startswith(("file:", "s3:", "gs:", "az:")):
        from arraystore.backends.files import FileBackend

        return FileBackend.open(Path(text).expanduser(), readonly=readonly, create=create)
    parts = urlsplit(text)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        from arraystore.backends.files import FileBackend

        return FileBackend.open(Path(unquote(parts.path)), readonly=readonly, create=create)
    if parts.scheme == "memory" and (parts.netloc or parts.path):
        from arraystore.backends.memory import MemoryBackend

        return MemoryBackend.open(parts.netloc + parts.path, readonly=readonly, create=create)
    if parts.scheme in ("s3", "gs", "az"):
        from arraystore.backends.cloud import CloudBackend

        return CloudBackend.open(text, readonly=readonly, create=create)
    # What stands before a '@' may be a password, with any character in it.
    shown = f"{parts.scheme}://{text.partition('?')[0].rpartition('@')[2].rpartition('://')[2]}"
    raise InvalidStoreURL(
        f"{shown!r:.200} names no array store: use file:///folder, a path, s3://bucket/prefix, gs://bucket/prefix, "
        "az://container/prefix or memory://name."
    )
