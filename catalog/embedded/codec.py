"""Carries documents between users, BSON and the engine, whose instants are naive UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import bson
from bson.codec_options import CodecOptions, DatetimeConversion

from catalog.errors import DocumentTooLarge, InvalidDocument

__all__ = ["MAX_DOCUMENT", "aware", "decode_aware", "decode_naive", "encode", "normalise"]

#: The most bytes a document may have, as on a server.
MAX_DOCUMENT = 16 * 1024 * 1024
_AUTO = DatetimeConversion.DATETIME_AUTO  # beyond the years of Python, milliseconds
_NAIVE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=False, datetime_conversion=_AUTO)
_AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, datetime_conversion=_AUTO)
#: What holds no instant: nearly every value of a document.
_TIMELESS = frozenset({str, int, float, bool, bytes, type(None)})


def decode_naive(blob: bytes) -> dict[str, Any]:
    """Return a stored document as the engine takes it."""
    return bson.decode(blob, _NAIVE)


def decode_aware(blob: bytes) -> dict[str, Any]:
    """Return a stored document as users get it."""
    return bson.decode(blob, _AWARE)


def aware(value: Any) -> Any:
    """Return a value of the engine as users get it: instants in UTC, with their zone."""
    kind = type(value)
    if kind is dict:
        return {name: item if type(item) in _TIMELESS else aware(item) for name, item in value.items()}
    if kind is list:
        return [item if type(item) in _TIMELESS else aware(item) for item in value]
    if kind is datetime and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


def encode(document: Mapping[str, Any]) -> bytes:
    """Encode a document, ``_id`` first.

    Raises
    ------
    DocumentTooLarge
        If it has more than 16 MiB.
    bson.errors.InvalidDocument, OverflowError
        If a value has no BSON type.
    """
    try:
        blob = bson.encode(document)
    except OverflowError as error:
        raise InvalidDocument(f"{error}: an integer has more than 64 bits; store it as text") from None
    except RecursionError:
        raise InvalidDocument("the document is nested too deeply; 100 levels are allowed") from None
    if len(blob) > MAX_DOCUMENT:
        raise DocumentTooLarge(f"a document of {len(blob)} bytes, {MAX_DOCUMENT} are allowed; keep bulk data in arrays")
    return blob


def normalise(value: Any) -> Any:
    """Return a filter, pipeline or update as a server would read it off the wire."""
    try:
        return bson.decode(bson.encode({"": value}), _NAIVE)[""]
    except OverflowError as error:
        raise InvalidDocument(f"{error}: an integer has more than 64 bits") from None
