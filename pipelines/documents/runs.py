"""The ledger: every run of a verb that changes the archive, and what each change replaced."""

import getpass
import logging
import os
import platform
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from catalog import Collection
from pipelines.version import __version__

logger = logging.getLogger(__name__)


def start(runs: Collection, *, verb: str, arguments: dict[str, Any]) -> str:
    """Write down that a run began, and which runs before it were killed; return its name.

    The name sorts by time: ``20240221T031502Z-3f9a1c``.
    """
    note_killed(runs)
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
            "born": born(os.getpid()),
            **who(),
        }
    )
    logger.info("run %s: %s begins", run, verb)
    return run


def newest(runs: Collection, *, before: datetime | None = None) -> datetime | None:
    """Return when the newest run began, of those that began before a moment; None without one."""
    earlier = {} if before is None else {"$lt": f"{before:%Y%m%dT%H%M%SZ}"}
    found = runs.find_one({"_id": earlier} if earlier else {}, {"_id": 1}, sort=[("_id", -1)])
    if found is None:
        return None
    second = found["_id"].partition("-")[0]  # within it names are in no order
    begun: list[datetime] = [run["started"] for run in runs.find({"_id": {"$gte": second, **earlier}}, {"started": 1})]
    return max(begun)


def note_killed(runs: Collection) -> None:
    """Write down which runs on this machine have ended without being able to say so."""
    for run in runs.find({"status": "running", "host": platform.node()}, {"host": 1, "pid": 1, "born": 1}):
        if has_ended(run):
            logger.info("run %s: its process ended without a word", run["_id"])
            runs.update_one({"_id": run["_id"], "status": "running"}, {"$set": {"status": "killed"}})


def finish(runs: Collection, run: str, *, status: str, result: dict[str, Any]) -> None:
    """Write down how a run ended."""
    runs.update_one({"_id": run}, {"$set": {"status": status, "finished": datetime.now(UTC), "result": result}})
    logger.info("run %s: %s", run, status)


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


def is_here(entry: Mapping[str, Any]) -> bool:
    """Tell whether what wrote an entry is, or was, a process of this machine."""
    return entry.get("born") is not None and entry["host"] == platform.node()


def has_ended(entry: Mapping[str, Any]) -> bool:
    """Tell whether what wrote an entry was a process of this machine, and is no more."""
    return is_here(entry) and born(entry["pid"]) != entry["born"]


def born(pid: int) -> str | None:
    """Return what tells a process from any other that ever has its number: boot and time of start."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        # The name of the program, in brackets, may hold anything; the start time is 20 fields after it.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else f"{boot} {fields[19]}"
