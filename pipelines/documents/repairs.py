"""Repairs of a night, each a run of its own: the latest one of a kind is put back exactly."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from arraystore import ArrayStore
from catalog import Catalog
from pipelines.errors import UsageError

__all__ = ["undo_latest"]


def undo_latest(
    verb: str, nights: Sequence[str], *, catalog: Catalog, store: ArrayStore, why: str
) -> tuple[str, list[str]]:
    """Put back what the latest repair of these nights replaced, of those that still stand.

    Parameters
    ----------
    verb : str
        Of the repair's runs: its command, ``'flats --fix'``.

    Returns
    -------
    str, list of str
        The run that was undone, and the ids that changed.

    Raises
    ------
    UsageError
        None of these nights was ever repaired so, or all has been undone.
    """
    from pipelines.documents.undoing import undo

    epoch = datetime.fromtimestamp(0, UTC)
    undone: set[Any] = set()
    for run in catalog.runs.find({"started": {"$gte": epoch}}).sort("started", -1):
        if run["verb"] == "undo":
            undone.add(run["arguments"]["run"])
        elif run["verb"] == verb and set(run["arguments"]["nights"]) & set(nights) and run["_id"] not in undone:
            return run["_id"], undo(run["_id"], catalog=catalog, store=store, why=why)
    raise UsageError(f"nothing to undo: no `darkroom {verb}` of {', '.join(nights)} changed what still stands")
