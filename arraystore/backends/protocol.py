"""Backend: the one seam between the store and where its bytes are kept.

Paths are relative to the root of the store, with forward slashes. An object appears
whole or not at all: its files are staged, made durable, and published in one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Backend", "Entry", "RangeReader", "StagedFile", "Staging", "StoredObject"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a store: path, bytes, and seconds since 1970 of its last change."""

    path: str
    size: int
    modified: float


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object in a store.

    Attributes
    ----------
    digest : str
        Its identity.
    nbytes : int
        Bytes of its files.
    modified : float
        Seconds since 1970 when it was last put.
    """

    digest: str
    nbytes: int
    modified: float


class RangeReader(Protocol):
    """An open file."""

    @property
    def identity(self) -> tuple[int, ...] | None:
        """What is another when the file is another, or was written to; None where a place cannot tell.

        Where to tell is a question of its own it stands for the path alone: who finds something damaged by what it
        remembers of the file forgets that and reads again.
        """

    def read(self, offset: int, length: int) -> bytes:
        """Bytes from `offset`; fewer than `length` where the file ends."""

    def ahead(self, offset: int, length: int) -> None:
        """Say that these bytes will be read soon; a place that gains nothing by it does nothing."""


class StagedFile(Protocol):
    """A file being staged."""

    def write(self, data: bytes, /) -> object: ...


class Staging(Protocol):
    """The files of an object that is not yet published."""

    def create(self, name: str) -> AbstractContextManager[StagedFile]:
        """Open a new file; it is closed, not yet durable, when the context ends."""

    def publish(self, digest: str) -> bool:
        """Make the files durable and visible as object `digest`.

        Returns False, and publishes nothing, if the object is there already.
        """

    def discard(self) -> None:
        """Remove whatever has not been published. Never raises."""


class Backend(Protocol):
    """A place that keeps objects and records."""

    @property
    def url(self) -> str: ...

    @property
    def id(self) -> str:
        """Identity of the store, from its marker."""

    @property
    def concurrency(self) -> int:
        """Reads that gain from being under way at once, however few processors there are."""

    def reader(self, path: str) -> AbstractContextManager[RangeReader]:
        """Open a file to read; `Lost` if it is not there."""

    def read(self, path: str) -> bytes:
        """A whole file; `Lost` if it is not there."""

    def stat(self, path: str) -> Entry | None:
        """The file at `path`, or None."""

    def walk(self, prefix: str) -> Iterator[Entry]:
        """Every file at or below `prefix`, folder by folder; nothing if there is none."""

    def stage(self) -> Staging:
        """Begin an object."""

    def objects(self) -> Iterator[StoredObject]:
        """Every published object."""

    def touch(self, digest: str) -> bool:
        """Make an object young; False if it is not there."""

    def withdraw(self, digest: str, keep: Callable[[float], bool]) -> bool:
        """Remove an object for good, unless `keep` says otherwise at the last moment.

        The object is first put out of reach, then ``keep(modified)`` is asked; if it
        answers True the object is put back. Returns whether the object was removed.
        """

    def recover(self) -> None:
        """Put back what a sweep that was killed left out of reach."""

    def leftovers(self) -> Iterator[Entry]:
        """Abandoned staging: each with a path that `clear` takes, bytes and last change."""

    def clear(self, path: str) -> bool:
        """Remove abandoned staging; False if its writer turns out to be alive."""

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write small files, each whole or not at all, all durable on return."""

    def create(self, path: str, data: bytes) -> bool:
        """Write a small file that is not there yet, whole or not at all, durable on return.

        Returns False, and changes nothing, if there is one with other contents.
        """

    def create_many(self, files: Mapping[str, bytes]) -> set[str]:
        """Write small files that are not there yet, each as `create` does; return the paths that others have."""

    def remove(self, path: str) -> None:
        """Remove a small file; `Lost` if it is not there."""

    def require_writable(self) -> None:
        """Raise `StoreReadOnly` unless the store may be written."""
