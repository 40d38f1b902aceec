"""Partial files: what is written under a name of its own until it is whole, and what the killed left of it."""

import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

OLD: Final = 3600.0  # seconds after which a process of another machine, on a shared disk, is not waited for
_NAME: Final = re.compile(r"\.(?P<target>.+)\.(?P<pid>[1-9][0-9]*)\.part")


def partial_name(target: Path) -> Path:
    """Return the name to write a file under until it is whole, and remove what killed processes left of it.

    Examples
    --------
    >>> partial_name(Path("dark.fits")).name == f".dark.fits.{os.getpid()}.part"
    True
    """
    for path in _left_in(str(target.parent)).pop(target.name, ()):
        logger.info("removed %s, left by a process that was killed", path)
        with suppress(OSError):  # only its room is lost
            path.unlink()
    return target.with_name(f".{target.name}.{os.getpid()}.part")


@lru_cache(maxsize=16)
def _left_in(folder: str) -> dict[str, list[Path]]:
    """List a folder once in this process, however many files are written there; by what was to be written."""
    found: dict[str, list[Path]] = {}
    for path in leftovers(Path(folder)):
        name = _NAME.fullmatch(path.name)
        if name is not None:
            found.setdefault(name["target"], []).append(path)
    return found


def leftovers(folder: Path, *, deep: bool = False) -> Iterator[Path]:
    """Yield the partial files in a folder whose writers are no more.

    A writer on another machine cannot be asked: its file is left alone for an hour after its last change.

    Parameters
    ----------
    deep : bool
        Also in the folders below.
    """
    with suppress(OSError):  # a folder that cannot be listed shows nothing
        for path in sorted(folder.rglob(".*.part") if deep else folder.glob(".*.part")):
            found = _NAME.fullmatch(path.name)
            if found is None or path.is_symlink() or not path.is_file() or _runs(int(found["pid"])):
                continue
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > OLD:
                    yield path


def _runs(pid: int) -> bool:
    """Tell whether there is a process of that number on this machine."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
