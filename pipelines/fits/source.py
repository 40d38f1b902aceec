"""Bytes of a FITS file by position, decompressed when they must be.

A compressed file is decompressed into a temporary file as far as it is asked for, and
counted while it is: never more than the limits allow.
"""

from __future__ import annotations

import bz2
import errno
import os
import stat
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol

from pipelines.fits.errors import FitsError
from pipelines.fits.limits import Limits

__all__ = ["ByteSource", "DiskSource", "Expanded", "compression", "open_disk"]

_CHUNK = 1 << 18

_UNREAD = {
    b"PK\x03\x04": "zip",
    b"\xfd7zXZ\x00": "xz",
    b"\x1f\x9d": "compress",
    b"\x28\xb5\x2f\xfd": "zstd",
}


class ByteSource(Protocol):
    """Bytes by position."""

    def read(self, offset: int, count: int) -> bytes:
        """Return `count` bytes at `offset`; fewer only where the file ends."""

    def fill(self, offset: int, buffer: memoryview) -> None:
        """Fill `buffer` from `offset`; an end before it is full is an error."""

    def reaches(self, position: int) -> bool:
        """Tell whether there are at least `position` bytes."""

    def extent(self) -> int:
        """Return how many bytes there are."""

    def disk(self) -> DiskSource:
        """Return the file on disk that holds the bytes."""


class DiskSource:
    """A regular file, read by position: safe in threads, no cursor, no mapping."""

    def __init__(self, descriptor: int, size: int) -> None:
        self.descriptor = descriptor
        self.size = size

    def read(self, offset: int, count: int) -> bytes:
        """Return `count` bytes at `offset`; fewer only where the file ends."""
        data = self._pread(count, offset)
        if len(data) == count or not data:
            return data
        parts = [data]
        have = len(data)
        while have < count and (data := self._pread(count - have, offset + have)):
            parts.append(data)
            have += len(data)
        return b"".join(parts)

    def fill(self, offset: int, buffer: memoryview) -> None:
        """Fill `buffer` from `offset`; an end before it is full is an error."""
        done = 0
        while done < len(buffer):
            self._refuse_closed()
            try:
                count = os.preadv(self.descriptor, [buffer[done:]], offset + done)
            except OSError as error:
                raise _unreadable(error) from error
            if count == 0:
                raise FitsError(
                    "truncated",
                    f"the file ended at byte {offset + done:,} while it was read",
                    "it was changed meanwhile; try again when nothing writes it",
                )
            done += count

    def reaches(self, position: int) -> bool:
        """Tell whether there are at least `position` bytes."""
        return position <= self.size

    def extent(self) -> int:
        """Return how many bytes there are."""
        return self.size

    def disk(self) -> DiskSource:
        """Return this file."""
        return self

    def close(self) -> None:
        """Return the descriptor back; reading afterwards is an error."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _refuse_closed(self) -> None:
        if self.descriptor < 0:
            raise FitsError("unreadable", "the file has been closed", "open it again to read it")

    def _pread(self, count: int, offset: int) -> bytes:
        self._refuse_closed()
        try:
            return os.pread(self.descriptor, count, offset)
        except OSError as error:
            raise _unreadable(error) from error


class Expanded:
    """The decompressed bytes of a gzip or bzip2 file, in an unnamed temporary file."""

    def __init__(self, packed: DiskSource, encoding: str, limits: Limits) -> None:
        self._packed = packed
        self._make: Callable[[], _Decompressor] = _MAKERS[encoding]
        self._magic = _MAGIC[encoding]
        self._encoding = encoding
        self._allowed = limits.expansion(packed.size)
        self._position = 0
        self._have = 0
        self._decoder: _Decompressor | None = self._make()
        self._spool: IO[bytes] = tempfile.TemporaryFile(prefix="darkroom-")  # noqa: SIM115 - closed by close()
        self._disk = DiskSource(self._spool.fileno(), 0)

    def read(self, offset: int, count: int) -> bytes:
        """Return `count` bytes at `offset`; fewer only where the file ends."""
        self.reaches(offset + count)
        return self._disk.read(offset, count)

    def fill(self, offset: int, buffer: memoryview) -> None:
        """Fill `buffer` from `offset`; an end before it is full is an error."""
        self.reaches(offset + len(buffer))
        self._disk.fill(offset, buffer)

    def reaches(self, position: int) -> bool:
        """Decompress until there are `position` bytes, and tell whether there are."""
        while self._have < position and self._decoder is not None:
            if position > self._allowed and self._have >= self._allowed:
                raise self.too_large(position)
            self._step(self._decoder)
        return position <= self._have

    def extent(self) -> int:
        """Return how many bytes have been decompressed."""
        return self._have

    def disk(self) -> DiskSource:
        """Return the temporary file, as far as it has been filled."""
        return DiskSource(self._disk.descriptor, self._have)

    def too_large(self, declared: int) -> FitsError:
        """Return the error for `declared` bytes out of this file."""
        return FitsError(
            "too-large",
            f"{self._packed.size:,} compressed bytes would become {declared:,} or more,"
            f" over the {self._allowed:,} they may",
            "if it is genuine, decompress it first, or raise Limits(ratio=...)",
        )

    @property
    def allowed(self) -> int:
        """Most bytes this file may become."""
        return self._allowed

    def close(self) -> None:
        """Return the temporary file back."""
        self._disk.descriptor = -1
        self._spool.close()

    def _step(self, decoder: _Decompressor) -> None:
        """Decompress one chunk more into the temporary file."""
        try:
            data = decoder.more(self._feed, _CHUNK)
        except (zlib.error, OSError, ValueError) as error:
            raise FitsError(
                "bad-compression",
                f"the {self._encoding} data are damaged after {self._have:,} bytes ({error})",
                "copy the file again from where it came",
            ) from error
        try:
            self._spool.write(data)
            self._spool.flush()
        except OSError as error:
            raise FitsError(
                "no-space",
                f"no room to decompress into {tempfile.gettempdir()} ({error.strerror})",
                "free some, or point TMPDIR elsewhere",
            ) from error
        self._have += len(data)
        if decoder.finished:
            self._decoder = self._next_member(decoder.unused)

    def _feed(self) -> bytes:
        data = self._packed.read(self._position, _CHUNK)
        if not data:
            raise FitsError(
                "truncated",
                f"the {self._encoding} data end before they are complete",
                "copy the file again from where it came",
            )
        self._position += len(data)
        return data

    def _next_member(self, unused: bytes) -> _Decompressor | None:
        """Return the decoder of another compressed stream after this one, if there is one."""
        self._position -= len(unused)
        if not self._packed.read(self._position, len(self._magic)).startswith(self._magic):
            return None
        return self._make()


class _Decompressor(Protocol):
    @property
    def finished(self) -> bool: ...

    @property
    def unused(self) -> bytes: ...

    def more(self, feed: Callable[[], bytes], most: int) -> bytes: ...


class _Gzip:
    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)

    @property
    def finished(self) -> bool:
        return self._zlib.eof

    @property
    def unused(self) -> bytes:
        return self._zlib.unused_data

    def more(self, feed: Callable[[], bytes], most: int) -> bytes:
        data = self._zlib.unconsumed_tail
        return self._zlib.decompress(data or feed(), most)


class _Bzip2:
    def __init__(self) -> None:
        self._bz2 = bz2.BZ2Decompressor()

    @property
    def finished(self) -> bool:
        return self._bz2.eof

    @property
    def unused(self) -> bytes:
        return self._bz2.unused_data

    def more(self, feed: Callable[[], bytes], most: int) -> bytes:
        return self._bz2.decompress(feed() if self._bz2.needs_input else b"", most)


_MAKERS: dict[str, Callable[[], _Decompressor]] = {"gzip": _Gzip, "bzip2": _Bzip2}
_MAGIC = {"gzip": b"\x1f\x8b\x08", "bzip2": b"BZh"}


def compression(start: bytes) -> str | None:
    """Return how a file that begins with `start` is compressed, if it is.

    Raises
    ------
    FitsError
        ``bad-compression`` for a compression that is not read.
    """
    for encoding, magic in _MAGIC.items():
        if start.startswith(magic):
            return encoding
    for magic, name in _UNREAD.items():
        if start.startswith(magic):
            raise FitsError("bad-compression", f"the file is packed with {name}, which is not read", "unpack it first")
    return None


def open_disk(path: str, *, follow: bool = True) -> DiskSource:
    """Open a regular file for reading by position.

    Parameters
    ----------
    follow
        Whether `path` may be a link.

    Raises
    ------
    FitsError
        ``not-found``, ``broken-symlink``, ``unreadable`` or ``empty-file``.
    """
    try:
        # Not blocking: a pipe or device put under this name must not hold us.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(path, flags if follow else flags | os.O_NOFOLLOW)
    except (OSError, ValueError) as error:
        if not follow and isinstance(error, OSError) and error.errno == errno.ELOOP:
            raise FitsError(
                "unreadable", "a link was put in its place since it was found", "ingest it again, if the link is meant"
            ) from error
        raise _cannot_open(path, error) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise FitsError(
                "unreadable",
                f"this is a {_sort(status.st_mode)}, not a file",
                "name the files in it, or another",
            )
        if status.st_size == 0:
            raise FitsError("empty-file", "the file has no bytes", "copy it again from where it came")
    except BaseException:
        os.close(descriptor)
        raise
    return DiskSource(descriptor, status.st_size)


def _cannot_open(path: str, error: OSError | ValueError) -> FitsError:
    if isinstance(error, ValueError):
        return FitsError("not-found", f"no file can have this name ({error})", "check the name")
    nowhere = error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR)
    if nowhere and Path(path).is_symlink():
        target = Path(path).readlink()
        return FitsError(
            "broken-symlink",
            f"the symbolic link leads to {target}, which is not there",
            "repair or remove the link",
        )
    if nowhere:
        return FitsError("not-found", "there is no such file", "check the name, and that its disk is mounted")
    return _unreadable(error)


def _unreadable(error: OSError) -> FitsError:
    return FitsError("unreadable", f"the file cannot be read ({error.strerror})", "check its permissions and its disk")


def _sort(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "folder"
    return "pipe" if stat.S_ISFIFO(mode) else "device or socket"
