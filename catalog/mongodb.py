"""Connects to a MongoDB server with PyMongo."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import IndexModel, MongoClient
from pymongo.database import Database
from pymongo.errors import ConfigurationError, InvalidURI
from pymongo.uri_parser import split_options

from catalog.errors import InvalidURL, Misused
from catalog.indexes import Index
from catalog.servers import require_usable
from catalog.translate import scrub, translated
from catalog.url import CatalogURL
from catalog.waiting import ServerWaiter, Waiter

__all__ = ["MongoBackend", "connect_mongodb"]

#: An election of a replica set takes up to twelve seconds; a server that is frozen is waited for ten minutes at most.
_DEFAULTS: Mapping[str, Any] = {
    "serverSelectionTimeoutMS": 15_000,
    "socketTimeoutMS": 600_000,
    "retryReads": True,
    "retryWrites": True,
    "appname": "darkroom",
}
_CONCERN: Mapping[str, Any] = {"w": "majority", "journal": True}
_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
_CONCERN_NAMES = {"w": {"w"}, "journal": {"journal", "j"}}


def connect_mongodb(url: CatalogURL, *, options: Mapping[str, Any]) -> MongoBackend:
    """Return the client of a server; nothing is sent before the first question.

    Parameters
    ----------
    url : CatalogURL
        Where the server is.
    options : mapping
        Options of `pymongo.MongoClient`; what they or the URL say wins over the defaults here.

    Raises
    ------
    InvalidURL
        If PyMongo refuses URL or options, or a file they name.
    """
    asked = _options(url)
    given = {*map(str.lower, options), *asked}
    settings = {name: value for name, value in _DEFAULTS.items() if name.lower() not in given}
    settings |= {name: value for name, value in _CONCERN.items() if not _CONCERN_NAMES[name] & given}
    if str(options.get("w", asked.get("w"))) == "0":
        settings.pop("journal", None)
    try:
        with translated(url.redacted):
            settings = {**settings, **options, "tz_aware": True}
            return MongoBackend(lambda: MongoClient(url.target, **settings), url)
    except InvalidURL:
        raise
    except (ConfigurationError, InvalidURI, ValueError, TypeError) as error:
        raise InvalidURL(f"{url.redacted}: {scrub(str(error))}; correct the URL or the options") from None
    except OSError as error:  # of TLS, whose files are read when the client is made
        raise InvalidURL(
            f"{url.redacted}: a file of TLS cannot be used: {scrub(str(error))}; "
            "see tlsCAFile and tlsCertificateKeyFile"
        ) from None


def _options(url: CatalogURL) -> dict[str, str]:
    """Return the options of a URL, their names in small letters, parted by ``&`` or, all of them, by ``;``.

    An option that PyMongo would pass over with a warning is refused: a mistyped one of TLS means plain text.
    """
    options = [option for option in url.query.replace(";", "&").split("&") if option]
    for option in options:
        name = option.partition("=")[0]
        try:
            split_options(option, validate=True, warn=False)
        except OSError as error:
            raise InvalidURL(f"{url.redacted}: {name}: {error.strerror or error}; name a file that is there") from None
        except (ConfigurationError, InvalidURI, ValueError, TypeError) as error:
            raise InvalidURL(f"{url.redacted}: {name}: {scrub(str(error))}; correct the option") from None
    counts = Counter(option.partition("=")[0].lower() for option in options)
    for name, count in counts.items():
        if count > 1 and name != "readpreferencetags":
            raise InvalidURL(f"{url.redacted}: {name} is given {count} times; give it once")
    return {name.lower(): unquote_plus(value) for name, _, value in (option.partition("=") for option in options)}


class MongoBackend:
    """The collections of one database on a server.

    Every process has a client of its own, also after a fork: the connections of another are never used.
    """

    name = "mongodb"

    def __init__(self, connect: Callable[[], MongoClient[dict[str, Any]]], place: CatalogURL) -> None:
        self._connect = connect
        self._place = place
        self._known = os.getpid(), connect()

    @property
    def _client(self) -> MongoClient[dict[str, Any]]:
        process, client = self._known
        if process != os.getpid():
            client = self._connect()
            self._known = os.getpid(), client
        return client

    @property
    def _database(self) -> Database[dict[str, Any]]:
        return self._client[self._place.database]

    def collection(self, name: str) -> Any:
        """Return PyMongo's collection."""
        return self._database[name]

    def collection_names(self) -> list[str]:
        """Return the names of the collections there are."""
        return sorted(self._database.list_collection_names())

    def blobs(self, name: str) -> Iterator[bytes]:
        """Return the documents of a collection as BSON, in the order of their ``_id``."""
        for document in self._database[name].with_options(codec_options=_RAW).find(sort=[("_id", 1)]):
            yield bytes(document.raw)

    def waiter(self) -> Waiter:
        """Return what waits for changes."""
        return ServerWaiter(self._database)

    def ensure(self, indexes: Sequence[Index]) -> None:
        """Make the indexes that are not there: a question per collection, and one command where some are missing."""
        require_usable(self._client, self._place.redacted)
        for name in dict.fromkeys(index.collection for index in indexes):
            collection = self._database[name]
            found = collection.list_indexes()
            there = {(*map(tuple, one["key"].items()), bool(one.get("unique"))) for one in found}
            missing = [
                IndexModel(index.spec, unique=index.unique)
                for index in indexes
                if index.collection == name and (*index.spec, index.unique) not in there
            ]
            if missing:
                collection.create_indexes(missing)

    def back_up(self, out: Path) -> dict[str, int]:
        """Refuse: a server has a tool of its own for it.

        Raises
        ------
        Misused
            Always.
        """
        raise Misused(
            f"a MongoDB catalog is not backed up to {out}; use mongodump, or copy it: darkroom copy --to FILE"
        )

    def keep_reserve(self) -> None:
        """Do nothing: a server's disk is its own matter."""

    def release_reserve(self) -> None:
        """Do nothing."""

    def require_there(self) -> None:
        """Do nothing: a server that is away says so with the next question."""

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
