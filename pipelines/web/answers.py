"""What a view returns: a page that is JSON too, bytes, or another address; and what an error is on the web."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from arraystore import ArrayDamaged, Lost, StoreError
from catalog import CatalogError, Damaged, InvalidDocument, TimedOut
from pipelines.errors import DarkroomError, MissingExtra, NothingThere, UnknownDocument, UsageError
from pipelines.pixels.coordinates import NoSuchPixel
from pipelines.table import plain

__all__ = ["Content", "Failure", "Gone", "Page", "Redirect", "failure_of"]

_log = logging.getLogger(__name__)

RETRY = 5
"""Seconds after which what is away may be there again."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page for people, and what it says for machines.

    Attributes
    ----------
    template : str
        Its file.
    title : str
        Its head.
    values : Mapping
        What the template is filled with.
    data : Mapping
        The same as JSON.
    """

    template: str
    title: str
    values: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes: a picture.

    Attributes
    ----------
    body : bytes
        They.
    media : str
        Their type.
    tag : str
        What tells them from others at this address.
    """

    body: bytes
    media: str
    tag: str


@dataclass(frozen=True, slots=True)
class Redirect:
    """Another address."""

    to: str


class Gone(DarkroomError):
    """What was asked for was here, and is no more."""


class Busy(DarkroomError):
    """Too much is asked at once, or one question took too long."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as an answer.

    Attributes
    ----------
    status : int
        Of HTTP.
    reason : str
        What happened, and what to do.
    retry : int or None
        Seconds after which to ask again.
    """

    status: int
    reason: str
    retry: int | None = None


def failure_of(error: Exception) -> Failure:
    """Return what an error is on the web; one that nobody foresaw is logged, and its words stay here."""
    said = plain(str(error))[:1000]
    for kinds, status, retry in _KNOWN:
        if isinstance(error, kinds):
            if status >= 500:  # of those that are sent away there may be thousands
                level = logging.INFO if isinstance(error, Busy) else logging.WARNING
                _log.log(level, "%s: %s", type(error).__name__, said)
            return Failure(status, _WORDS.get(status, "{said}").format(said=said), retry)
    _log.error("a fault of this program", exc_info=error)
    return Failure(500, "a fault of this program; the log of the server has the details")


_KNOWN: tuple[tuple[tuple[type[Exception], ...], int, int | None], ...] = (
    ((Busy,), 503, RETRY),
    ((Gone, Lost, ArrayDamaged), 410, None),
    ((UnknownDocument, NoSuchPixel, NothingThere), 404, None),
    ((UsageError,), 400, None),
    ((MissingExtra,), 501, None),
    ((TimedOut,), 503, RETRY),
    ((InvalidDocument,), 400, None),
    ((Damaged,), 410, None),
    ((CatalogError, StoreError), 503, RETRY),
    ((DarkroomError,), 409, None),
)
"""Errors, the more special before the others; the status; after how many seconds to ask again."""

_WORDS: dict[int, str] = {410: "it was in the archive, and cannot be shown any more: {said}"}
