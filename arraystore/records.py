"""Records: small named files beside the arrays, each whole, durable and checked.

A record is kept as one line with its sha256, then its bytes as they are. Its name may be
any text of parts with ``/`` between them; on disk each part is percent-encoded, a part
too long for a file name is continued in a folder of its own, and the last part ends in
``~``, so that ``a`` and ``a/b`` can both be records.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from arraystore.backends.protocol import Backend
from arraystore.errors import ArrayDamaged, InvalidKey, Lost

__all__ = [
    "StoredRecord",
    "add_record",
    "add_records",
    "get_record",
    "list_records",
    "put_records",
    "record_path",
    "remove_record",
    "unframed",
]

_ROOT = "records"
_MAX_KEY = 1024
_PIECE = 200
_PLAIN = re.compile(r"[A-Za-z0-9_.-]+")
_HEAD = re.compile(rb"record 1 ([0-9a-f]{64})\n")


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record in a store.

    Attributes
    ----------
    key : str
        Its name.
    nbytes : int
        Bytes of its file.
    modified : float
        Seconds since 1970 when it was last put.
    """

    key: str
    nbytes: int
    modified: float


def record_path(key: str) -> str:
    """Where a record is kept, relative to the root of the store.

    Raises
    ------
    InvalidKey
        Empty, over 1024 bytes of UTF-8, not text, or with a part that is empty or dots.
    """
    try:
        size = len(key.encode("utf-8"))
    except (AttributeError, UnicodeEncodeError) as error:
        raise InvalidKey(f"{key!r:.80} cannot name a record: text that UTF-8 can hold is needed.") from error
    parts = key.split("/")
    if size > _MAX_KEY or any(part in ("", ".", "..") for part in parts):
        raise InvalidKey(
            f"{key!r:.80} cannot name a record: use parts that are neither empty nor dots, "
            f"with '/' between them, and at most {_MAX_KEY} bytes in all."
        )
    return f"{_ROOT}/{'/'.join(map(_encode, parts))}~"


def _encode(part: str) -> str:
    if len(part) <= _PIECE and _PLAIN.fullmatch(part):
        return part
    text = quote(part, safe="").replace("~", "%7E")
    return "+/".join(text[n : n + _PIECE] for n in range(0, len(text), _PIECE))


def _key(path: str) -> str | None:
    if not path.endswith("~"):
        return None
    text = path.removeprefix(f"{_ROOT}/").removesuffix("~").replace("+/", "")
    return "/".join(unquote(part) for part in text.split("/"))


def put_records(backend: Backend, records: Mapping[str, bytes]) -> None:
    """Write records, replacing those of the same name; all are durable on return."""
    backend.require_writable()
    if records:
        backend.write({record_path(key): _framed(bytes(data)) for key, data in records.items()})


def add_record(backend: Backend, key: str, data: bytes) -> bool:
    """Write a record unless there is another of that name; durable on return.

    Returns
    -------
    bool
        Whether the record of that name is now this one: False if others have the name.
    """
    backend.require_writable()
    return backend.create(record_path(key), _framed(bytes(data)))


def add_records(backend: Backend, records: Mapping[str, bytes]) -> set[str]:
    """Write records that are not there yet; durable on return.

    Returns
    -------
    set of str
        The keys whose name others have.
    """
    backend.require_writable()
    paths = {record_path(key): key for key in records}
    taken = backend.create_many({path: _framed(bytes(records[key])) for path, key in paths.items()}) if records else ()
    return {paths[path] for path in taken}


def _framed(data: bytes) -> bytes:
    return b"record 1 " + hashlib.sha256(data).hexdigest().encode() + b"\n" + data


def get_record(backend: Backend, key: str) -> bytes:
    """The bytes of a record; `Lost` or `ArrayDamaged` if they are not what was put."""
    try:
        data = backend.read(record_path(key))
    except Lost as error:
        raise Lost(f"there is no record {key!r} in {backend.url}.") from error
    body = unframed(data)
    if body is None:
        raise ArrayDamaged(f"the record {key!r} in {backend.url} is damaged. Restore it from a copy.")
    return body


def unframed(data: bytes) -> bytes | None:
    """Return what the file of a record holds; None if that is not what was put."""
    head = _HEAD.match(data)
    body = data[head.end() :] if head else b""
    return body if head is not None and hashlib.sha256(body).hexdigest().encode() == head[1] else None


def list_records(backend: Backend, prefix: str = "") -> Iterator[StoredRecord]:
    """Return the records whose names begin with `prefix`, folder by folder."""
    folder, slash, _ = prefix.rpartition("/")
    top = record_path(folder).removesuffix("~") if slash and folder else _ROOT
    for entry in backend.walk(top):
        key = _key(entry.path)
        if key is not None and key.startswith(prefix):
            yield StoredRecord(key, entry.size, entry.modified)


def remove_record(backend: Backend, key: str) -> None:
    """Remove a record; `Lost` if there is none of that name."""
    backend.remove(record_path(key))
