"""The ledger: every run of a verb that changes the archive, and what each change replaced."""

import getpass
import os
import platform
import secrets
from datetime import UTC, datetime
from typing import Any

from catalog import Collection
from pipelines.version import __version__


def start(runs: Collection, *, verb: str, arguments: dict[str, Any]) -> str:
    """Write down that a run began; give its name.

    The name sorts by time: ``20240221T031502Z-3f9a1c``.
    """
    now = datetime.now(UTC)
    run = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    runs.insert_one(
        {
            "_id": run,
            "verb": verb,
            "arguments": arguments,
            "started": now,
            "status": "running",
            "version": __version__,
            **who(),
        }
    )
    return run


def finish(runs: Collection, run: str, *, status: str, result: dict[str, Any]) -> None:
    """Write down how a run ended."""
    runs.update_one({"_id": run}, {"$set": {"status": status, "finished": datetime.now(UTC), "result": result}})


def remember(history: Collection, *, document: dict[str, Any], why: str, run: str) -> None:
    """Keep a document as it was before a change.

    The entry's name is made of the document and its revision, so that a change cut short and done
    again is remembered once.
    """
    revision = document["ingest"]["revision"]
    history.replace_one(
        {"_id": f"{document['_id']}@{revision}"},
        {
            "_id": f"{document['_id']}@{revision}",
            "document": document["_id"],
            "collection": "headers",
            "revision": revision,
            "at": datetime.now(UTC),
            "why": why,
            "run": run,
            "digests": document["digests"],
            "before": document,
            **who(),
        },
        upsert=True,
    )


def who() -> dict[str, Any]:
    """Say who is at work, on which machine, in which process."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # no such user in this container
        user = str(os.getuid())
    return {"user": user, "host": platform.node(), "pid": os.getpid()}
