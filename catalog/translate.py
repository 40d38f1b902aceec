"""Turns the errors of PyMongo, BSON and SQLite into the catalog's own."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import bson.errors
import pymongo.errors as pm

from catalog import errors as ours

__all__ = ["FOREIGN", "reraise", "scrub", "translate", "translated"]

#: Whatever may come up from below: the roots of three trees, what they raise beside them, and of deep nesting.
FOREIGN: tuple[type[Exception], ...] = (
    RecursionError,
    pm.PyMongoError,
    bson.errors.BSONError,
    sqlite3.Error,
    sqlite3.Warning,
)

_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]*(?:@[^/\s@]*)*@")
_AUTH_CODES = frozenset({8000, 13, 18, 31, 33, 334})  # Atlas, Unauthorized, AuthenticationFailed, ...
_FULL_CODES = frozenset({14031, 12501, 39})  # OutOfDiskSpace, quota exceeded
_TIME_CODES = frozenset({24, 50, 89, 202, 262})  # LockTimeout, MaxTimeMSExpired, NetworkTimeout, ExceededTimeLimit
_TOO_LARGE_CODES = frozenset({10334, 17419, 17420})  # BSONObjectTooLarge; an update that would make it so
#: NotWritablePrimary, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary, PrimarySteppedDown, ShutdownInProgress, ...
_AWAY_CODES = frozenset({91, 189, 10107, 11600, 11602, 13435, 13436})
_QUERY_CODES = frozenset({2, 9, 14, 17, 20, 40, 72, 73, 85, 86, 115, 168, 241, 304})
_SQLITE_FULL = frozenset({13})  # SQLITE_FULL
_SQLITE_NO_ROOM = frozenset({4874})  # SQLITE_IOERR_SHMSIZE: what is shared by its readers cannot grow
_SQLITE_DAMAGED = frozenset({11, 26})  # SQLITE_CORRUPT, SQLITE_NOTADB
_SQLITE_FAULT = frozenset({1, 21, 25})  # SQLITE_ERROR (of the statement), SQLITE_MISUSE, SQLITE_RANGE
_SQLITE_READONLY = frozenset({8})


OLDEST_NAME = "MongoDB 6.0"
"""The oldest server that is used; newer ones are in the tests, see ``catalog/README.md``."""


def scrub(text: str) -> str:
    """Take user name and password out of every URL in a text.

    >>> scrub("mongodb://ada:lovelace@host/db is down")
    'mongodb://***@host/db is down'
    """
    return _CREDENTIALS.sub("***@", text)


def translate(error: Exception, where: str) -> ours.CatalogError:
    """Return the catalog's error of a foreign one.

    Parameters
    ----------
    error : Exception
        An error of `pymongo.errors`, `bson.errors` or `sqlite3`.
    where : str
        What was being worked on: a collection and the catalog's redacted URL.

    Returns
    -------
    CatalogError
        The error to raise; it says what happened, to what, and what to do next.
    """
    if isinstance(error, ours.CatalogError):
        return error
    if isinstance(error, RecursionError):
        return ours.InvalidQuery(f"{where}: the question, or a document it meets, is nested too deeply", 15)
    if isinstance(error, (sqlite3.Error, sqlite3.Warning)):
        return _of_sqlite(error, where)
    if isinstance(error, bson.errors.BSONError):
        return _of_bson(error, where)
    if isinstance(error, pm.OperationFailure):
        return _of_operation(error, where)
    return _of_pymongo(error, where)


def reraise(error: Exception, where: str) -> NoReturn:
    """Raise the catalog's error in place of a foreign one, without the foreign traceback's URL."""
    translation = translate(error, where)
    if translation is error:
        raise error
    raise translation from None


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Let nothing but the catalog's errors (and Python's own) out of the block."""
    try:
        yield
    except ours.CatalogError:
        raise
    except FOREIGN as error:
        reraise(error, where)


def _of_sqlite(error: Exception, where: str) -> ours.CatalogError:
    code = getattr(error, "sqlite_errorcode", 0) or 0
    text = f"{where}: {error}"
    if code & 0xFF in _SQLITE_FULL or code in _SQLITE_NO_ROOM or "disk is full" in str(error):
        return ours.StorageFull(f"{text}; nothing of this write was kept: free space and repeat it", 14031)
    if code & 0xFF in _SQLITE_DAMAGED:
        return ours.Damaged(f"{text}; restore the file, or rebuild the catalog from the array store")
    if code & 0xFF in _SQLITE_READONLY:
        return ours.ReadOnly(f"{text}; the file or its folder cannot be written: check its permissions", 13)
    if isinstance(error, sqlite3.IntegrityError):
        return ours.DuplicateKey(f"E11000 duplicate key: {text}", 11000)
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):
        return ours.Misused(f"{text}; open the catalog again")
    if code & 0xFF in _SQLITE_FAULT or isinstance(error, (sqlite3.ProgrammingError, sqlite3.NotSupportedError)):
        return ours.ServerError(f"{text}; a fault of this program: report it, with what was asked")
    if isinstance(error, sqlite3.OperationalError):
        return ours.Unreachable(f"{text}; another process may hold the file, or the disk failed: try again")
    return ours.Damaged(f"{text}; check the file with 'PRAGMA integrity_check', or rebuild the catalog")


def _of_bson(error: Exception, where: str) -> ours.CatalogError:
    if isinstance(error, pm.DocumentTooLarge):
        return ours.DocumentTooLarge(f"{where}: {error}; a document holds at most 16 MiB: keep bulk data in arrays")
    if isinstance(error, bson.errors.InvalidBSON):
        return ours.Damaged(f"{where}: {error}; the stored document cannot be read: restore or rebuild it")
    return ours.InvalidDocument(f"{where}: {error}; turn the value into one that BSON has a type for")


def _of_operation(error: pm.OperationFailure, where: str) -> ours.CatalogError:
    text = f"{where}: {_said(error)}"
    code, details = error.code, dict(error.details) if error.details else None
    if isinstance(error, pm.DuplicateKeyError):
        return ours.DuplicateKey(text, code or 11000, details)
    if isinstance(error, (pm.BulkWriteError, pm.ClientBulkWriteException)):
        return _of_bulk(error, where)
    if code in _TOO_LARGE_CODES:
        return ours.DocumentTooLarge(f"{text}; a document holds at most 16 MiB: keep bulk data in arrays")
    if code in _AWAY_CODES:
        return ours.Unreachable(f"{text}; the server is stopping, or another becomes the primary: try again")
    if code in _AUTH_CODES:
        return ours.AuthenticationFailed(f"{text}; check user name, password and the user's rights", code, details)
    if isinstance(error, (pm.ExecutionTimeout, pm.WTimeoutError)) or code in _TIME_CODES:
        return ours.TimedOut(f"{text}; ask for less or allow more time")
    if isinstance(error, pm.CursorNotFound):
        return ours.TimedOut(f"{text}; the server dropped the cursor: run the query again")
    if code in _FULL_CODES:
        return ours.StorageFull(f"{text}; free space on the server", code, details)
    if isinstance(error, pm.WriteError):
        return ours.InvalidUpdate(text, code, details)
    if isinstance(error, pm.WriteConcernError):
        return ours.ServerError(f"{text}; the write may not be durable: repeat it", code, details)
    if code is None or code in _QUERY_CODES or 10000 <= code < 12000 or code >= 15000:
        return ours.InvalidQuery(text, code, details)
    return ours.ServerError(text, code, details)


def _of_bulk(error: pm.OperationFailure, where: str) -> ours.CatalogError:
    details: dict[str, Any] = dict(error.details or {})
    failures = details.get("writeErrors") or []
    first = failures[0] if failures else {}
    reason = scrub(str(first["errmsg"])) if "errmsg" in first else _said(error)
    too_large = first.get("code") in _TOO_LARGE_CODES or "object to insert too large" in reason  # that has code 2
    if len(failures) == 1 and too_large:
        return ours.DocumentTooLarge(f"{where}: {reason}; a document holds at most 16 MiB: keep bulk data in arrays")
    number = len(failures) or "some"
    return ours.BulkFailure(f"{where}: {number} operation(s) of a bulk write failed, the first: {reason}", details)


def _said(error: Exception) -> str:
    """Return what an error says, without the reply and the description of the topology PyMongo appends."""
    text = str(error)
    for appended in (", full error:", ", Topology Description:"):
        text = text.partition(appended)[0]
    return scrub(text)


def _of_pymongo(error: Exception, where: str) -> ours.CatalogError:
    text = f"{where}: {_said(error)}"
    if isinstance(error, pm.NotPrimaryError):
        return ours.Unreachable(f"{text}; the server is stopping, or another becomes the primary: try again")
    if isinstance(error, pm.ConnectionFailure):
        return ours.Unreachable(f"{text}; check that the server runs and that the URL names it")
    if isinstance(error, pm.ConfigurationError) and "wire version" in text:
        return ours.ServerTooOld(f"{text.partition(',')[0]}; upgrade the server: {OLDEST_NAME} or later is needed")
    if isinstance(error, pm.ConfigurationError):
        return ours.InvalidURL(f"{text}; correct the URL or the options")
    if isinstance(error, (pm.InvalidName, pm.CollectionInvalid)):
        return ours.InvalidName(text)
    if isinstance(error, pm.InvalidOperation):
        return ours.Misused(text)
    if isinstance(error, pm.ProtocolError):
        return ours.Unreachable(f"{text}; is this a MongoDB server?")
    if isinstance(error, pm.EncryptionError):
        return ours.InvalidURL(f"{text}; client-side encryption is not set up")
    return ours.ServerError(text)
