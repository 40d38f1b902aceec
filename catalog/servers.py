"""What a server says of itself, before anything is written to it: whether it is new enough, and what time it is."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from pymongo import MongoClient

from catalog.errors import ServerTooOld
from catalog.translate import OLDEST_NAME

__all__ = ["require_usable"]

logger = logging.getLogger(__name__)

_OLDEST = 17  # the wire version of MongoDB 6.0
_SKEW = 30.0  # seconds


def require_usable(client: MongoClient[dict[str, Any]], where: str) -> None:
    """Ask a server once what it is.

    A clock that differs from ours is only told of: leases allow for a minute, and what is older than the grace of a
    sweep is judged by the clock of this machine.

    Raises
    ------
    ServerTooOld
        It is of an older release than is used.
    """
    before = datetime.now(UTC)
    hello = client.admin.command("hello")
    spent = datetime.now(UTC) - before
    version = hello.get("maxWireVersion", 0)
    if version < _OLDEST:
        raise ServerTooOld(
            f"{where}: the server speaks wire version {version}, {OLDEST_NAME} or later ({_OLDEST}) is needed; upgrade "
            "it, or use a catalog in a file"
        )
    told = hello.get("localTime")
    if told is None:
        return
    skew = abs((told.replace(tzinfo=UTC) - before - spent / 2).total_seconds())
    if skew > _SKEW + spent.total_seconds():
        logger.warning(
            "the clock of the server of %s and that of this machine differ by %.0f s: set both by NTP; times of runs "
            "and leases are wrong by that much",
            where,
            skew,
        )
