"""The document of a master, and how it is kept: its record in the store first, then the document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import bson

from arraystore import ArrayRef, Lost
from catalog import DuplicateKey
from pipelines.calibration.masters.recipe import MasterRecipe, identity, master_name
from pipelines.documents.edits import AWARE
from pipelines.documents.records import record_key
from pipelines.documents.schema import SCHEMA, pixels_digest
from pipelines.session import Session
from pipelines.version import __version__

__all__ = ["MasterParts", "keep_master", "master_document", "recover_master"]

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterParts:
    """What a master was made of, and what came out.

    Attributes
    ----------
    recipe : MasterRecipe
        Its identity.
    profile : str
        Of its frames.
    date : str
        The night.
    frames : sequence of Mapping
        The documents of the frames that were combined.
    rejected : sequence of (str, str)
        Frames of the group that were not, and why.
    refs : Mapping
        The stored planes.
    statistics, noise, acceptance, method : Mapping
        What was measured, and how the frames were combined.
    details : Mapping
        By frame: level, dark, scale.
    notes : sequence of str
        What it lacks, and why.
    images : sequence of Mapping
        Of several images each: its name, noise and statistics.
    status : str
        What leave-one-out makes of it.
    seconds : float
        Wall time to make it.
    """

    recipe: MasterRecipe
    profile: str
    date: str
    frames: Sequence[Mapping[str, Any]]
    rejected: Sequence[tuple[str, str]]
    refs: Mapping[str, ArrayRef]
    statistics: Mapping[str, Any]
    acceptance: Mapping[str, Any]
    noise: Mapping[str, Any] = field(default_factory=dict)
    method: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    images: Sequence[Mapping[str, Any]] = ()
    status: str = "proposed"
    timestamp: datetime | None = None
    instrument: str = ""
    camera: str = ""
    seconds: float = 0.0


def master_document(parts: MasterParts, *, run: str) -> Document:
    """Compose the document of a master.

    Returns
    -------
    dict
        Ready for BSON. ``parents`` names the frames and masters it was made from; ``header`` holds the
        keywords in which all its frames agree.
    """
    recipe = parts.recipe
    times = sorted(frame["timestamp"] for frame in parts.frames if frame.get("timestamp") is not None)
    inputs = [{**item.to_dict(), **parts.details.get(item.id, {})} for item in _ordered(recipe)]
    return {
        "_id": master_name(recipe, date=parts.date),
        "kind": recipe.kind,
        "date": parts.date,
        "timestamp": parts.timestamp if parts.timestamp is not None else _middle(times),
        "first": times[0] if times else None,
        "last": times[-1] if times else None,
        "instrument": parts.instrument,
        "camera": parts.camera,
        "profile": parts.profile,
        "key": dict(recipe.key),
        "flat_time": recipe.key.get("flat_time"),
        "header": shared_header(parts.frames),
        "arrays": {name: ref.to_dict() for name, ref in parts.refs.items()},
        "digests": sorted({ref.digest for ref in parts.refs.values()}),
        "pixels_digest": pixels_digest(parts.refs),
        "parents": [item.id for item in _ordered(recipe)] + sorted({used.id for used in recipe.used}),
        "inputs": inputs,
        "rejected": [{"id": name, "reason": reason} for name, reason in sorted(parts.rejected)],
        "masters": [used.to_dict() for used in recipe.used],
        "notes": list(parts.notes),
        **({"images": [dict(image) for image in parts.images]} if parts.images else {}),
        "parameters": dict(recipe.parameters),
        "algorithm": recipe.algorithm,
        "identity": identity(recipe),
        "noise": dict(parts.noise),
        "combined": dict(parts.method),
        "statistics": dict(parts.statistics),
        "acceptance": dict(parts.acceptance),
        "status": parts.status,
        "validity": [],
        # By run, so that each recall can be undone whatever the others do.
        "recalled": {},
        "stale": {},
        "qc": {"flags": []},
        "seconds": parts.seconds,
        "ingest": {
            "run": run,
            "at": datetime.now(UTC),
            "version": __version__,
            "revision": 1,
            "changes": 0,
            "arrays": "kept",
        },
        "schema": SCHEMA,
    }


def keep_master(session: Session, document: Document) -> tuple[Document, bool]:
    """Keep a master: record, then document. Of two that make the same one, the first is kept.

    Returns
    -------
    Document
        The one that is kept.
    bool
        Whether it is this one.
    """
    key = record_key(document["_id"], 1, collection="masters")
    data = bson.encode(document)
    if not session.store.add_record(key, data):
        data = session.store.get_record(key)
    kept: Document = bson.decode(data, AWARE)
    try:
        session.masters.insert_one(kept)
    except DuplicateKey:
        there = session.masters.find_one({"_id": kept["_id"]})
        return (there if there is not None else kept), False
    return kept, kept["ingest"]["run"] == document["ingest"]["run"]


def recover_master(session: Session, master_id: str) -> Document | None:
    """Finish a master whose making was cut short after its record: give its document, or None without one.

    A record whose planes are gone is of no use: it stays, and the planes are made again beside it.
    """
    try:
        document: Document = bson.decode(
            session.store.get_record(record_key(master_id, 1, collection="masters")), AWARE
        )
    except Lost:
        return None
    if not all(session.store.exists(ref) for ref in document["arrays"].values()):
        return None
    return keep_master(session, document)[0]


def shared_header(frames: Sequence[Mapping[str, Any]]) -> Document:
    """Return the keywords in which the headers of all frames agree; structural ones are left out."""
    if not frames:
        return {}
    first, *others = [frame.get("header") or {} for frame in frames]
    return {
        key: value
        for key, value in first.items()
        if key not in _STRUCTURE
        and not key.startswith(("NAXIS", "COMMENT", "HISTORY"))
        and all(key in other and other[key] == value for other in others)
    }


_STRUCTURE = frozenset(
    {"SIMPLE", "BITPIX", "EXTEND", "BSCALE", "BZERO", "BLANK", "PCOUNT", "GCOUNT", "XTENSION", "CHECKSUM", "DATASUM"}
)


def _ordered(recipe: MasterRecipe) -> list[Any]:
    return sorted(recipe.inputs, key=lambda item: item.id)


def _middle(times: Sequence[datetime]) -> datetime | None:
    """Return the middle of the first and the last time, in whole milliseconds."""
    if not times:
        return None
    middle = times[0] + (times[-1] - times[0]) / 2
    return middle.replace(microsecond=middle.microsecond // 1000 * 1000)
