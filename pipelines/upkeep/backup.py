"""Backup: a catalog copied to a file while it is in use."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import UsageError
from pipelines.session import Session


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What was copied and verified.

    Attributes
    ----------
    target : str
        The file.
    documents : dict of str to int
        Documents there now, by collection.
    written : int
        Their number.
    nbytes : int
        Bytes of the file.
    """

    target: str
    documents: dict[str, int]
    written: int
    nbytes: int

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as plain data."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {name}" for name, count in self.documents.items() if count)
        return f"{self.target}: {counts or 'no documents'}; {self.nbytes / 1e6:.1f} MB; verified"


def backup(session: Session, out: str | os.PathLike[str]) -> BackedUp:
    """Write an embedded catalog, as it is at this moment, to a new file; others may go on writing.

    The file is a catalog like any other: ``darkroom --catalog FILE status`` reads it.

    Raises
    ------
    UsageError
        There is a file of that name, or no folder for it, or the catalog is on a server.
    catalog.Damaged
        The copy does not hold what the original does. Nothing is written.
    """
    target = Path(out).expanduser().absolute()
    if session.catalog.backend != "embedded":
        raise UsageError(f"{session.catalog.url} is on a server: use mongodump, or `darkroom copy --to {target}`")
    if target.exists():
        raise UsageError(f"{target} exists and is not overwritten; name a new file")
    if not target.parent.is_dir():
        raise UsageError(f"the folder {target.parent} is not there; make it, or write elsewhere")
    counts = session.catalog.back_up(target)
    return BackedUp(str(target), counts, sum(counts.values()), target.stat().st_size)
