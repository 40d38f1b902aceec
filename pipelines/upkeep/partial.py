"""Partial files of an archive: what killed processes left in its home and among its products."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pipelines.processes.partial import leftovers
from pipelines.session import Session


def partial_files(session: Session, *, grace: timedelta) -> Iterator[Path]:
    """Yield the files that were begun in the folders of an archive and never ended, older than a grace time.

    What was exported into other folders is not looked for; the next export of that file removes it.
    """
    for folder, deep in _folders(session).items():
        for path in leftovers(folder, deep=deep):
            if time.time() - path.stat().st_mtime >= grace.total_seconds():
                yield path


def _folders(session: Session) -> dict[Path, bool]:
    """Return the folders an archive writes files to, and whether to look below."""
    places: dict[Path, bool] = {}
    if session.home is not None:
        places[session.home] = False
    if session.store.url.startswith("file://"):
        places[Path(unquote(urlsplit(session.store.url).path)).parent / "products"] = True
    return places
