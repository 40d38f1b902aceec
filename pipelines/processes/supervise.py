"""Run a command under watch: output into a file, and all it started killed past a limit of memory or time."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_LOOK = 0.1  # seconds between looks at its memory: it may outgrow the limit by what it takes in that time

Ending = Literal["exited", "memory", "time"]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a watched command ended.

    Attributes
    ----------
    why : {'exited', 'memory', 'time'}
        By itself, or killed past a limit.
    status : int
        Exit code; minus the signal's number when a signal ended it.
    seconds : float
        Wall time.
    peak : int
        Largest resident memory of the group that was seen, bytes.
    """

    why: Ending
    status: int
    seconds: float
    peak: int


def supervise(
    command: Sequence[str],
    *,
    output: Path,
    environment: Mapping[str, str],
    memory: int | None = None,
    seconds: float | None = None,
    look: Callable[[], None] | None = None,
) -> Ended:
    """Run a command in a process group of its own until it ends, or passes a limit.

    Resident memory is what counts, of the command and all it has started, as the system reports it. Address
    space would not do: numerical libraries reserve much that they never use.

    Parameters
    ----------
    output : Path
        File for its standard output and error.
    memory : int, optional
        Bytes.
    seconds : float, optional
        Wall time.
    look : callable, optional
        Called at every look, to show progress.

    Returns
    -------
    Ended
        The group is gone by then, however it ended.
    """
    started = time.monotonic()
    peak = 0
    why: Ending = "exited"
    with open(output, "wb") as file:
        # Its standard input stays open as long as this process lives, so that it can end with it.
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                peak = max(peak, resident(process.pid))
                if memory is not None and peak > memory:
                    why = "memory"
                elif seconds is not None and time.monotonic() - started > seconds:
                    why = "time"
                if why != "exited":
                    break
                if look is not None:
                    look()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_LOOK)
        finally:
            with suppress(ProcessLookupError, PermissionError):  # all gone; macOS says it in the other way
                os.killpg(process.pid, signal.SIGKILL)
            status = process.wait()
            if process.stdin is not None:
                process.stdin.close()
    return Ended(why, status, time.monotonic() - started, peak)


def resident(group: int) -> int:
    """Return the resident memory of a process group, bytes; what pages its members share counts for each."""
    if os.path.isdir("/proc/self"):
        return _resident_proc(group)
    listed = subprocess.run(["ps", "-A", "-o", "pgid=,rss="], stdout=subprocess.PIPE, text=True, check=False).stdout
    pairs = (line.split() for line in listed.splitlines())
    return sum(int(rss) * 1024 for pgid, rss in pairs if int(pgid) == group)


def _resident_proc(group: int) -> int:
    page = os.sysconf("SC_PAGE_SIZE")
    total = 0
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with suppress(OSError):  # it has ended since
                # The command's name, in brackets, may hold anything; pgrp and rss are the 3rd and 22nd after it.
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
                if int(fields[2]) == group:
                    total += int(fields[21]) * page
    return total
