"""Connects to a MongoDB server with PyMongo."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pymongo import MongoClient
from pymongo.errors import ConfigurationError, InvalidURI

from catalog.errors import InvalidURL, Misused
from catalog.translate import scrub, translated
from catalog.url import CatalogURL

__all__ = ["MongoBackend", "connect_mongodb"]

_DEFAULTS: Mapping[str, Any] = {"serverSelectionTimeoutMS": 5000, "appname": "darkroom"}
_CONCERN: Mapping[str, Any] = {"w": "majority", "journal": True}
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
        If PyMongo refuses URL or options.
    """
    asked = _query(url.target)
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
    return MongoBackend(client, url.database)


def _query(url: str) -> dict[str, str]:
    """Return the options of a URL: their names in small letters, parted by ``&`` or, all of them, by ``;``."""
    pairs = parse_qsl(urlsplit(url).query.replace(";", "&"), keep_blank_values=True)
    return {name.lower(): value for name, value in pairs}


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

    def one_transaction(self) -> AbstractContextManager[None]:
        """Do nothing: what is made idempotently needs no transaction on a server."""
        return nullcontext()

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

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
