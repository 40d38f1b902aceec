"""Reads the URL of a catalog and writes it without its password."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from catalog.errors import InvalidName, InvalidURL

__all__ = ["CatalogURL", "check_collection_name", "parse_url"]

_MONGODB = ("mongodb://", "mongodb+srv://")
_NOT_IN_DATABASE = set('/\\. "$*<>:|?\x00')


@dataclass(frozen=True, slots=True)
class CatalogURL:
    """Where a catalog is.

    Attributes
    ----------
    kind : {'embedded', 'mongodb'}
        Which backend serves it.
    target : str
        For a server the URL as given (with its password), for a file its path.
    redacted : str
        The URL as it may be printed.
    database : str
        The database a server URL names; empty for a file.
    query : str
        The options of a server URL, as they stand after its ``?``.
    """

    kind: Literal["embedded", "mongodb"]
    target: str
    redacted: str
    database: str = ""
    query: str = ""

    def __repr__(self) -> str:
        return f"CatalogURL({self.redacted!r})"


def parse_url(url: str) -> CatalogURL:
    """Read the URL of a catalog.

    Parameters
    ----------
    url : str
        ``mongodb://...``, ``mongodb+srv://...``, ``file:///...`` or a path.

    Raises
    ------
    InvalidURL
        If the scheme is unknown, no database is named, or user name or password hold characters that
        must be percent-encoded. The message never holds the password.
    """
    if not url:
        raise InvalidURL("the URL of the catalog is empty; give a path or mongodb://host/database")
    if url.startswith(_MONGODB):
        return _server(url)
    if url.startswith("file:"):
        return _file(url)
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", url)
    if scheme:
        raise InvalidURL(f"a catalog cannot be at {scheme[0]}...; use mongodb://, mongodb+srv://, file:// or a path")
    if slip := re.match(r"(mongodb(\+srv)?|https?|s3|gs|postgres(ql)?|mysql):", url, re.IGNORECASE):
        raise InvalidURL(f"{slip[0]}... is no path and no URL of a catalog; mongodb:// has two slashes")
    return CatalogURL("embedded", str(Path(url).expanduser()), str(Path(url).expanduser()))


def _file(url: str) -> CatalogURL:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        # What stands before a '@' may be a password, and it may have a '/' in it.
        shown = f"file://***@{url.rpartition('@')[2]}" if "@" in url else url
        raise InvalidURL(f"{shown}: a file URL has three slashes, file:///folder/catalog.db")
    path = unquote(parts.path)
    if not path.startswith("/"):
        shown = f"file:***@{url.rpartition('@')[2]}" if "@" in url else url
        raise InvalidURL(f"{shown}: the URL names no file by its whole path; use file:///folder/catalog.db")
    return CatalogURL("embedded", path, f"file://{path}")


def _server(url: str) -> CatalogURL:
    scheme, rest = url.split("://", 1)
    authority, slash, tail = _split_authority(rest)
    userinfo, at, hosts = authority.rpartition("@")
    shown = f"{scheme}://{'***@' if at else ''}{hosts}"
    if at:
        _check_userinfo(userinfo, shown)
    if not hosts:
        raise InvalidURL(f"{shown}: the URL names no host; use {scheme}://host/database")
    named, _, query = tail.partition("?")
    database = unquote(named) if slash else ""
    shown = f"{shown}/{database}"
    if not database:
        raise InvalidURL(f"{shown}: the URL names no database; add one after the host: {scheme}://host/darkroom")
    if set(database) & _NOT_IN_DATABASE or len(database.encode()) > 63:
        raise InvalidURL(f"{shown}: {database!r} cannot be the name of a database; use letters and digits")
    return CatalogURL("mongodb", url, shown, database, query)


def _split_authority(rest: str) -> tuple[str, str, str]:
    """Part what names user and hosts from the rest; an unescaped '/' in a password stays with it."""
    head = rest.partition("?")[0]
    if "@" not in head and "/" not in head:
        head = rest  # the '?' stands before the hosts: it belongs to a password
    last = head.rfind("@")
    authority, slash, tail = rest[max(last, 0) :].partition("/")
    return rest[: max(last, 0)] + authority.partition("?")[0], slash, tail


def _check_userinfo(userinfo: str, shown: str) -> None:
    user, _, password = userinfo.partition(":")
    odd = any(c in part for part in (user, password) for c in ":/?#[]@ ")
    badly_escaped = re.search(r"%(?![0-9A-Fa-f]{2})", userinfo)
    if odd or badly_escaped:
        raise InvalidURL(
            f"{shown}: user name or password hold characters that a URL cannot (: / ? # [ ] @ % or a space); "
            "percent-encode each of the two with urllib.parse.quote_plus(...)"
        )


def check_collection_name(name: object) -> str:
    """Return the name back if a collection may bear it.

    Raises
    ------
    TypeError
        If it is no string.
    InvalidName
        If MongoDB would refuse it.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a collection must be a string, not {type(name).__name__}")
    if not name or ".." in name or name[0] == "." or name[-1] == ".":
        raise InvalidName(f"{name!r} cannot name a collection: no empty parts between dots")
    if "$" in name or "\x00" in name or len(name.encode("utf-8", "replace")) > 200:
        raise InvalidName(f"{name[:40]!r} cannot name a collection: no '$', no NUL, at most 200 bytes")
    return name
