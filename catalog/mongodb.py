"""Connects to a MongoDB server with PyMongo."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import IndexModel, MongoClient
from pymongo.errors import ConfigurationError, InvalidURI
from pymongo.uri_parser import split_options

from catalog.errors import InvalidURL, Misused
from catalog.indexes import Index
from catalog.translate import scrub, translated
from catalog.url import CatalogURL

__all__ = ["MongoBackend", "connect_mongodb"]

#: An election of a replica set takes up to twelve seconds.
_DEFAULTS: Mapping[str, Any] = {"serverSelectionTimeoutMS": 15_000, "appname": "darkroom"}
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
            client: MongoClient[dict[str, Any]] = MongoClient(url.target, **{**settings, **options, "tz_aware": True})
    except InvalidURL:
        raise
    except (ConfigurationError, InvalidURI, ValueError, TypeError) as error:
        raise InvalidURL(f"{url.redacted}: {scrub(str(error))}; correct the URL or the options") from None
    except OSError as error:  # of TLS, whose files are read when the client is made
        raise InvalidURL(
            f"{url.redacted}: a file of TLS cannot be used: {scrub(str(error))}; "
            "see tlsCAFile and tlsCertificateKeyFile"
        ) from None
    return MongoBackend(client, url.database)


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
    """The collections of one database on a server."""

    name = "mongodb"

    def __init__(self, client: MongoClient[dict[str, Any]], database: str) -> None:
        self._client = client
        self._database = client[database]

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

    def ensure(self, indexes: Sequence[Index]) -> None:
        """Make the indexes that are not there: a question per collection, and one command where some are missing."""
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
