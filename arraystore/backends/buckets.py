"""Buckets: what an object store does for us (get, put, put if absent, list), and its errors as ours.

The addresses are ``s3://bucket/prefix``, ``gs://bucket/prefix`` and ``az://container/prefix``. What the
connection needs is taken from the query of the address, ``?endpoint=http://127.0.0.1:9000&region=...``,
or from the environment as the vendors' own tools read it (``AWS_*``, ``GOOGLE_*``, ``AZURE_*``). No part
of the query is ever shown. S3 is tested against a whole server; of the two others what is asked of them is
(``tests/arraystore/backends/test_clouds.py``), no real service was at hand.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from arraystore.backends.protocol import Entry
from arraystore.errors import InvalidStoreURL, Lost, StoreError, StoreFull, StoreReadOnly, StoreUnreachable

T = TypeVar("T")

_NO_CONDITIONS = (
    'does not keep to "write only if it is not there" (If-None-Match), so two writers would overwrite each other. '
    "Use another service, or a newer release of this one."
)

__all__ = ["Bucket", "BucketEntry", "translated"]

#: Options that are of the client, not of the service.
_CLIENT = {"allow_http", "connect_timeout", "proxy_url", "timeout"}


@dataclass(frozen=True, slots=True)
class BucketEntry:
    """The contents of a key, and which version of it they are."""

    data: bytes
    version: dict[str, Any]
    modified: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """The keys below a prefix of a bucket.

    Attributes
    ----------
    url : str
        Scheme, bucket and prefix; never the query.
    store : object
        The store of ``obstore`` that is used.
    """

    url: str
    store: Any

    @classmethod
    def connect(cls, url: str) -> Bucket:
        """Make a bucket of its address; nothing is sent yet.

        Raises
        ------
        InvalidStoreURL
            No bucket is named, or an option is unknown.
        """
        parts = urlsplit(url)
        place = f"{parts.hostname or ''}{parts.path.rstrip('/')}"
        shown = f"{parts.scheme}://{place.rpartition('@')[2]}"
        if not parts.netloc or "@" in url.partition("?")[0] or ":" in parts.netloc or parts.fragment:
            raise InvalidStoreURL(
                f"{shown!r:.200} names no bucket: use {parts.scheme}://bucket/prefix, and give keys and the "
                "endpoint in the environment or as ?name=value."
            )
        return cls(shown, _client(parts, shown))

    # -- reading ------------------------------------------------------------------

    def get(self, path: str) -> BucketEntry | None:
        """Contents and version of a key; None if it is not there."""
        try:
            with self._translated("read", path):
                meta, data = _whole(lambda: _contents(self.store.get(path)))
        except Lost:
            return None
        return BucketEntry(data, _version(meta), meta["last_modified"].timestamp())

    def read(self, path: str, offset: int, length: int) -> bytes:
        """Bytes from `offset`, fewer where the key ends; `Lost` if there is no such key."""
        if length <= 0:
            return b""
        with self._translated("read", path):
            try:
                return _whole(lambda: bytes(self.store.get_range(path, start=offset, length=length)))
            except Exception as error:
                if "416 Range Not Satisfiable" in str(error) or "larger than" in str(error):
                    return b""
                raise

    def stat(self, path: str) -> Entry | None:
        """The key at `path`, or None."""
        try:
            with self._translated("look at", path):
                meta = _whole(lambda: self.store.head(path))
        except Lost:
            return None
        return Entry(path, meta["size"], meta["last_modified"].timestamp())

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Each key below `prefix`; a list that is cut on its way goes on after the last key that came."""
        from obstore.exceptions import BaseError

        last: str | None = None
        with self._translated("list", prefix):
            for _ in range(_TRIES):
                try:
                    for batch in self.store.list(prefix or None, offset=last, chunk_size=1000):
                        for meta in batch:
                            yield Entry(meta["path"], meta["size"], meta["last_modified"].timestamp())
                            last = meta["path"]
                    return
                except BaseError as error:
                    if _CUT not in str(error):
                        raise
                    cut = error
            raise cut

    # -- writing ------------------------------------------------------------------

    def put(self, path: str, data: bytes) -> None:
        """Write a key whole, whatever was there."""
        with self._translated("write", path):
            _whole(lambda: self.store.put(path, data))

    def create(self, path: str, data: bytes) -> dict[str, Any] | None:
        """Write a key that is not there, and return its version; None if others have written it."""
        return self._conditional(path, data, "create")

    def replace(self, path: str, data: bytes, version: dict[str, Any]) -> dict[str, Any] | None:
        """Write a key that is still of this version, and return the new one; else None."""
        return self._conditional(path, data, version)

    def require_conditions(self, path: str) -> None:
        """Refuse a service that writes over a key where it is asked to write only what is not there.

        Parameters
        ----------
        path : str
            A key that is there.

        Raises
        ------
        StoreUnreachable
            It does, or it knows no such request. What was there is put back.
        """
        held = self.get(path)
        if held is None:
            return
        try:
            kept = self.create(path, b"") is None
        except StoreUnreachable as error:
            self.delete(path)
            raise StoreUnreachable(f"{error} {_NO_CONDITIONS}") from error
        if not kept:
            self.delete(path)
            raise StoreUnreachable(f"{self.url} {_NO_CONDITIONS}")

    def _conditional(self, path: str, data: bytes, mode: Any) -> dict[str, Any] | None:
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with self._translated("write", path):
            try:
                return _version(_whole(lambda: self.store.put(path, data, mode=mode)))
            except (AlreadyExistsError, PreconditionError):
                # One whose answer was lost on the way is sent again, and finds itself there.
                found = self.get(path)
            except FileNotFoundError:
                if mode == "create":
                    raise  # the bucket itself is not there
                found = None
        return found.version if found is not None and found.data == data else None

    def writer(self, path: str) -> Any:
        """Open a key that is sent in parts while it is written, and is there once it is closed."""
        import obstore

        return obstore.open_writer(self.store, path, max_concurrency=4)

    def copy(self, source: str, target: str) -> None:
        """Copy a key within the bucket."""
        with self._translated("copy", source):
            _whole(lambda: self.store.copy(source, target))

    def delete(self, *paths: str) -> None:
        """Remove keys; those that are not there are passed over."""
        for path in paths:
            with self._translated("remove", path):
                try:
                    _whole(partial(self.store.delete, path))
                except FileNotFoundError:
                    continue

    @contextmanager
    def _translated(self, action: str, path: str) -> Iterator[None]:
        with translated(action, f"{self.url}/{path}"):
            yield


#: What the client says where the body of an answer was cut; it tries again what was cut before that, but not this.
_CUT = "response body"
_TRIES = 5


def _whole(ask: Callable[[], T]) -> T:
    """Ask again where an answer was cut on its way."""
    for _ in range(_TRIES - 1):
        try:
            return ask()
        except Exception as error:
            if _CUT not in str(error):
                raise
    return ask()


def _contents(answer: Any) -> tuple[Any, bytes]:
    return answer.meta, bytes(answer.bytes())


def _version(meta: Any) -> dict[str, Any]:
    return {name: meta[name] for name in ("e_tag", "version") if meta[name] is not None}


def _client(parts: SplitResult, shown: str) -> Any:
    try:
        from obstore.exceptions import BaseError
        from obstore.store import AzureStore, GCSStore, S3Store
    except ImportError as error:
        raise InvalidStoreURL(f"{shown} needs obstore: pip install 'darkroom-archive[s3]'.") from error
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    client: dict[str, Any] = {name: options.pop(name) for name in _CLIENT & options.keys()}
    retry: dict[str, Any] = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}
    config: dict[str, Any] = {}
    try:
        if "max_retries" in options:
            retry["max_retries"] = int(options.pop("max_retries"))
        if "retry_timeout" in options:
            retry["retry_timeout"] = timedelta(seconds=float(options.pop("retry_timeout")))
        names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
        asked = (os.environ.get(name) for name in names if parts.scheme == "s3")
        places = [options.get("endpoint"), options.get("base_url"), *asked]
        endpoint = next((place for place in places if place), "")
        if "@" in urlsplit(endpoint).netloc:
            raise InvalidStoreURL(f"the endpoint of {shown} holds a password: give keys by their own names.")
        client.setdefault("allow_http", str(endpoint.startswith("http://")).lower())
        client["allow_http"] = client["allow_http"] == "true"
        config |= options
        make = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}[parts.scheme]
        prefix = unquote(parts.path).strip("/") or None
        return make(parts.hostname, prefix=prefix, config=config, client_options=client, retry_config=retry)
    except (BaseError, ValueError, TypeError) as error:
        if isinstance(error, InvalidStoreURL):
            raise
        # The reason may quote what was given: only the names of the options are safe to show.
        named = ", ".join(sorted(options)) or "none"
        raise InvalidStoreURL(f"{shown} cannot be used with the options it was given ({named}).") from None


_FULL = ("507 ", "QuotaExceeded", "StorageFull", "InsufficientStorage")
_KEYS = ("InvalidAccessKeyId", "SignatureDoesNotMatch")
_EXPIRED = ("ExpiredToken", "TokenRefreshRequired", "InvalidToken", "security token included in the request is expired")


@contextmanager
def translated(action: str, place: str) -> Iterator[None]:
    """Turn an error of the object store inside the block into the matching `StoreError`."""
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, OSError) as error:
        raise _told(error, action, place) from error


def _told(error: Exception, action: str, place: str) -> StoreError:
    """Return the error of ours for one of the object store."""
    from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

    text, cannot = str(error), f"cannot {action} {place}"
    if isinstance(error, FileNotFoundError) and "NoSuchBucket" not in text:
        return Lost(f"{cannot}: it is not there. Check the address, or ingest it again.")
    if "RequestTimeTooSkewed" in text:
        return StoreUnreachable(f"{cannot}: the clock of this machine is wrong. Set it (NTP), then try again.")
    if any(name in text for name in _EXPIRED):
        return StoreUnreachable(
            f"{cannot}: the session token has expired, or is none. Get a new one (AWS_SESSION_TOKEN, or `aws sso "
            "login`), then run the same command again."
        )
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        known = isinstance(error, PermissionDeniedError) and not any(name in text for name in _KEYS)
        if known and action in ("write", "remove", "copy"):
            return StoreReadOnly(f"{cannot}: it is forbidden. Ask for the right to write to the bucket.")
        return StoreUnreachable(f"{cannot}: access was refused. Check the keys.")
    if "NoSuchBucket" in text:
        return StoreUnreachable(f"{cannot}: there is no such bucket. Make it, or check the address.")
    if any(name in text for name in _FULL):
        return StoreFull(f"{cannot}: {_reason(text)}. Nothing was published; free some space.")
    return StoreUnreachable(f"{cannot}: {_reason(text)}. Check the network and try again.")


def _reason(text: str) -> str:
    """Return what a server answered, else what the client says, whole sentences of it."""
    status = re.search(r"status code: (\d{3}[^:\n<]*)", text)
    code, said = (re.search(rf"<{name}>([^<]*)</{name}>", text) for name in ("Code", "Message"))
    answered = [f"the server answered {status[1].strip()}"] if status else []
    answered += [found[1].strip().rstrip(".") for found in (code, said) if found and found[1].strip()]
    return ", ".join(answered) or text.partition("\n")[0].rstrip(".")
