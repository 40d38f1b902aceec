"""Holds the errors a catalog raises, one class for each thing a caller can do about it.

::

    CatalogError
    ├── Unreachable          (ConnectionFailure)      start the server, check the URL, try again
    │   └── TimedOut         (ExecutionTimeout)       ask for less, or allow more time
    ├── AuthenticationFailed (OperationFailure)       correct user name, password or rights
    ├── InvalidURL           (InvalidURI, ValueError) correct the URL or the options
    ├── ReadOnly             (OperationFailure)       open the catalog for writing
    ├── DuplicateKey         (DuplicateKeyError)      the document is there already
    ├── BulkFailure          (BulkWriteError)         look at ``details['writeErrors']``
    ├── InvalidQuery         (OperationFailure)       correct the filter, pipeline or update
    │   ├── NotSupported                              rewrite it, or use a MongoDB server
    │   └── InvalidUpdate    (WriteError)             the update cannot be applied to that document
    ├── InvalidName          (InvalidName)            correct the name of the collection
    ├── Misused              (InvalidOperation)       the call does not fit the state of the object
    ├── InvalidDocument      (bson InvalidDocument)   correct the document
    │   └── DocumentTooLarge (DocumentTooLarge)       keep bulk data in arrays, not in documents
    ├── StorageFull          (OperationFailure)       free space; nothing was half written
    ├── Damaged              (OperationFailure)       restore or rebuild the catalog
    ├── NoPandas             (ImportError)            install what the message names; stands in ``shown``
    ├── CatalogTooNew        (ConfigurationError)     upgrade this software
    ├── ServerTooOld         (ConfigurationError)     upgrade the server
    └── ServerError          (OperationFailure)       the server failed: read its message

Each class is also the PyMongo error in brackets, so code written for PyMongo catches it as it did.
"""

from __future__ import annotations

import bson.errors
import pymongo.errors as pm

__all__ = [
    "AuthenticationFailed",
    "BulkFailure",
    "CatalogError",
    "CatalogTooNew",
    "Damaged",
    "DocumentTooLarge",
    "DuplicateKey",
    "InvalidDocument",
    "InvalidName",
    "InvalidQuery",
    "InvalidURL",
    "InvalidUpdate",
    "Misused",
    "NotSupported",
    "ReadOnly",
    "ServerError",
    "ServerTooOld",
    "StorageFull",
    "TimedOut",
    "Unreachable",
]


class CatalogError(Exception):
    """Whatever goes wrong in a catalog: the root of the tree."""

    def __str__(self) -> str:
        return super().__str__().partition(", full error: ")[0]  # PyMongo appends the reply, which is in `details`

    def _render_traceback_(self) -> list[str]:
        # Asked by Jupyter and IPython: the message is for the asker, the frames are ours; %debug has them.
        return [f"{type(self).__name__}: {self}"]


class Unreachable(CatalogError, pm.ConnectionFailure):
    """The server or the file cannot be reached, now."""


class TimedOut(Unreachable, pm.ExecutionTimeout):
    """The operation took longer than it was allowed to."""

    def __init__(self, message: str) -> None:
        pm.OperationFailure.__init__(self, message, 50)


class AuthenticationFailed(CatalogError, pm.OperationFailure):
    """The server does not accept the user, or does not let the user do this."""


class InvalidURL(CatalogError, pm.InvalidURI, ValueError):
    """The URL, or an option beside it, cannot be used."""


class ReadOnly(CatalogError, pm.OperationFailure):
    """Something was to be written in a catalog that was opened for reading."""


class DuplicateKey(CatalogError, pm.DuplicateKeyError):
    """A document with that ``_id``, or that value of a unique index, exists already."""


class BulkFailure(CatalogError, pm.BulkWriteError):
    """Some operations of a bulk write failed; ``details`` says which, and what was written.

    Parameters
    ----------
    message : str
        What happened.
    details : dict
        The result document of the bulk write, with ``writeErrors``.
    """

    def __init__(self, message: str, details: dict[str, object]) -> None:
        pm.OperationFailure.__init__(self, message, 65, details)


class InvalidQuery(CatalogError, pm.OperationFailure):
    """The filter, pipeline, update or index is not valid."""


class NotSupported(InvalidQuery):
    """The embedded catalog would not answer this as MongoDB does, so it does not answer."""


class InvalidUpdate(InvalidQuery, pm.WriteError):
    """The update cannot be applied to the document it found."""


class InvalidName(CatalogError, pm.InvalidName):
    """The name of a collection is not allowed."""


class Misused(CatalogError, pm.InvalidOperation):
    """The call does not fit the state of the object, as a write with a closed catalog."""


class InvalidDocument(CatalogError, bson.errors.InvalidDocument):
    """The document holds something BSON cannot."""


class DocumentTooLarge(InvalidDocument, pm.DocumentTooLarge):
    """The document is larger than 16 MiB."""


class StorageFull(CatalogError, pm.OperationFailure):
    """There is no space left; the write was rolled back whole."""


class Damaged(CatalogError, pm.OperationFailure):
    """What is stored is not what was written."""


class CatalogTooNew(CatalogError, pm.ConfigurationError):
    """The catalog was written by a newer version."""


class ServerTooOld(CatalogError, pm.ConfigurationError):
    """The server is of a release that this software is not made for."""


class ServerError(CatalogError, pm.OperationFailure):
    """The server failed in a way no other class of this tree says."""
