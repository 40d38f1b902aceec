"""How a calibration came about, kept in the documents of its products: parameters, versions, and the pipeline's log."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from bson import Binary

from pipelines.errors import UsageError
from pipelines.session import Session


def keep(session: Session, ids: Sequence[str], *, record: Mapping[str, Any], run: str, key: str) -> None:
    """Keep a calibration's record in the documents of its products; what they have already is left.

    Parameters
    ----------
    ids : sequence of str
        The documents.
    record : Mapping
        As it stands beside the products: ``parameters``, ``log``, ``uncal``, ``seconds``, ``peak``.
    run : str
        The ingest that took them.
    key : str
        What tells calibrations of one exposure apart.
    """
    from pipelines.documents.changes import Edit, change

    log = Binary(zlib.compress(record["log"].encode()))
    fields = {
        "parents": [record["uncal"]],
        "calibration.key": key,
        "calibration.uncal": record["uncal"],
        "calibration.parameters": record["parameters"],
        "calibration.seconds": record["seconds"],
        "calibration.peak": record["peak"],
        "calibration.log": log,
    }
    change(
        [Edit(document_id, set=fields) for document_id in ids],
        catalog=session.catalog,
        store=session.store,
        why=f"calibrated here: {record['uncal']}",
        run=run,
    )


def log_of(document: Mapping[str, Any]) -> str:
    """Return what the pipeline said when it made a product.

    Raises
    ------
    UsageError
        It was not calibrated here.
    """
    if document.get("kind") == "uncal":
        raise UsageError(f"{document['_id']} is raw; name a product of it, as `darkroom detector1` prints them")
    packed = (document.get("calibration") or {}).get("log")
    if packed is None:
        raise UsageError(f"{document['_id']} was not calibrated by this archive, which has no log of it")
    return zlib.decompress(packed).decode()
