"""Documents: MongoDB, or a file that answers as MongoDB does, behind one set of methods.

Knows MongoDB and BSON only. Nothing connects, and neither PyMongo nor the query engine is imported,
before a name below is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from catalog import limits
    from catalog.collection import Collection
    from catalog.connection import Catalog, connect
    from catalog.cursors import Cursor, ResultCursor
    from catalog.deadline import time_limit
    from catalog.errors import (
        AuthenticationFailed,
        BulkFailure,
        CatalogError,
        CatalogTooNew,
        Damaged,
        DocumentTooLarge,
        DuplicateKey,
        InvalidDocument,
        InvalidName,
        InvalidQuery,
        InvalidUpdate,
        InvalidURL,
        Misused,
        NotSupported,
        ReadOnly,
        ServerError,
        ServerTooOld,
        StorageFull,
        TimedOut,
        Unreachable,
    )
    from catalog.headers import (
        HeaderDocument,
        Unparsable,
        decode_keyword,
        encode_keyword,
        header_document,
        pack_cards,
        unpack_cards,
    )

__all__ = [
    "AuthenticationFailed",
    "BulkFailure",
    "Catalog",
    "CatalogError",
    "CatalogTooNew",
    "Collection",
    "Cursor",
    "Damaged",
    "DocumentTooLarge",
    "DuplicateKey",
    "HeaderDocument",
    "InvalidDocument",
    "InvalidName",
    "InvalidQuery",
    "InvalidURL",
    "InvalidUpdate",
    "Misused",
    "NotSupported",
    "ReadOnly",
    "ResultCursor",
    "ServerError",
    "ServerTooOld",
    "StorageFull",
    "TimedOut",
    "Unparsable",
    "Unreachable",
    "connect",
    "decode_keyword",
    "encode_keyword",
    "header_document",
    "limits",
    "pack_cards",
    "time_limit",
    "unpack_cards",
]

_HOMES = {
    **dict.fromkeys(("Catalog", "connect"), "catalog.connection"),
    "Collection": "catalog.collection",
    **dict.fromkeys(("Cursor", "ResultCursor"), "catalog.cursors"),
    "time_limit": "catalog.deadline",
    **dict.fromkeys(
        (
            "HeaderDocument",
            "Unparsable",
            "decode_keyword",
            "encode_keyword",
            "header_document",
            "pack_cards",
            "unpack_cards",
        ),
        "catalog.headers",
    ),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'catalog' has no attribute {name!r}")
    if name == "limits":
        return import_module("catalog.limits")
    value = getattr(import_module(_HOMES.get(name, "catalog.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
