"""The databases the suite is put to, and how each is opened."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

SERVER = Path(__file__).with_name("mongoeco_server.py")
PYTHON_VARIABLE = "DARKROOM_MONGOECO_PYTHON"
OUTSIDE = {"gssapi", "mongodb-aws", "mongodb-oidc", "mongodb-x509"}  # their users are in no database
NO_URI = "MONGODB_URI is not set: set it to a server on which databases may be made and dropped"


class UnavailableError(Exception):
    """This backend cannot be had here; the message says why, and how to get it."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A database to put cases to.

    Parameters
    ----------
    name
        Its key in the table of expectations.
    title
        Its heading in the table of results.
    open
        Given an empty folder, a context with something that gives collections by ``[name]``.
    deprecated
        It warns of its own use of Python, which is nothing to fail of.
    """

    name: str
    title: str
    open: Callable[[Path], AbstractContextManager[Any]]
    deprecated: bool = False

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Where its questions are asked: without its warnings, if it is `deprecated`."""
        with warnings.catch_warnings():
            if self.deprecated:
                warnings.simplefilter("ignore", DeprecationWarning)
            yield


@contextmanager
def embedded(folder: Path) -> Iterator[Any]:
    """The embedded catalog, in a file of its own."""
    from catalog import connect

    with connect(folder / "catalog.db") as catalog:
        yield catalog


@contextmanager
def mongodb(folder: Path) -> Iterator[Any]:
    """The server of ``MONGODB_URI``, in a database of its own that is dropped afterwards."""
    from pymongo import MongoClient

    from catalog import connect

    uri = os.environ.get("MONGODB_URI")
    if not uri:
        raise UnavailableError(NO_URI)
    name = f"darkroom_conformance_{uuid.uuid4().hex[:12]}"
    url = with_database(uri, name)
    try:
        with connect(url) as catalog:
            yield catalog
    finally:
        with MongoClient(url) as client:
            client.drop_database(name)


def with_database(uri: str, name: str) -> str:
    """`uri` with another database, its user still looked up where it was."""
    parts = urlsplit(uri)
    query, asked = parts.query, parse_qs(parts.query.lower().replace(";", "&"))
    mechanism = asked.get("authmechanism", [""])[0]
    if "@" in parts.netloc and "authsource" not in asked and mechanism not in OUTSIDE:
        default = "%24external" if mechanism == "plain" else "admin"
        separator = ";" if ";" in query else "&"
        query = f"{query}{separator}authSource={parts.path.strip('/') or default}".strip(separator)
    return urlunsplit((parts.scheme, parts.netloc, f"/{name}", query, ""))


def mongoeco_python() -> str:
    """The Python that has mongoeco.

    Raises
    ------
    UnavailableError
        If there is none.
    """
    named = os.environ.get(PYTHON_VARIABLE)
    for python in (named,) if named else ("python3.13", sys.executable):
        found = shutil.which(python)
        if found and not subprocess.run([found, "-c", "import mongoeco.wire.proxy"], capture_output=True).returncode:
            return found
    raise UnavailableError(
        "no Python with mongoeco: make a virtual environment of Python 3.13 or newer, install "
        f"'mongoeco[wire]==4.11' into it, and set {PYTHON_VARIABLE} to its python"
    )


@contextmanager
def mongoeco(folder: Path) -> Iterator[Any]:
    """A server of MongoDB's wire protocol in another process, reached through PyMongo."""
    from catalog import connect

    command = [mongoeco_python(), str(SERVER)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            with connect(f"mongodb://127.0.0.1:{port}/conformance?directConnection=true") as catalog:
                yield catalog
        finally:
            server.stdin.close()  # the server ends when its input does
            server.wait(10)


@contextmanager
def mongomock(folder: Path) -> Iterator[Any]:
    """Mongomock as it is on PyPI, driven directly: a second opinion, with no guards."""
    try:
        import mongomock as package
    except ImportError as error:
        raise UnavailableError(f"{error}: pip install mongomock") from error
    yield package.MongoClient(tz_aware=True)["conformance"]


BACKENDS: tuple[Backend, ...] = (
    Backend("embedded", "embedded", embedded),
    Backend("mongodb", "MongoDB", mongodb),
    Backend("mongoeco", "mongoeco 4.11, by wire", mongoeco),
    Backend("mongomock", "mongomock 4.3, as it is", mongomock, deprecated=True),
)


def unavailable(backend: Backend) -> str:
    """Why `backend` cannot be had here, without starting it; empty where it can."""
    try:
        if backend.name == "mongodb" and not os.environ.get("MONGODB_URI"):
            return NO_URI
        if backend.name == "mongoeco":
            mongoeco_python()
        if backend.name == "mongomock" and importlib.util.find_spec("mongomock") is None:
            return "no mongomock: pip install mongomock"
    except UnavailableError as reason:
        return str(reason)
    return ""
