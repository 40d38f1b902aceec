"""The document of a master, and how it is kept: its record in the store first, then the document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import bson

from arraystore import ArrayDamaged, ArrayRef, Lost
from catalog import DuplicateKey
from pipelines.calibration.groups.keys import observed
from pipelines.calibration.masters.recipe import MasterRecipe, identity, master_name
from pipelines.documents.edits import AWARE
from pipelines.documents.lives import Life
from pipelines.documents.records import numbered, parse_key, record_key, record_stem
from pipelines.documents.schema import SCHEMA, Document, pixels_digest
from pipelines.documents.shared import observed_master, shared_obs
from pipelines.errors import Refused
from pipelines.session import Session
from pipelines.version import __version__

__all__ = ["MasterParts", "keep_master", "master_document", "recover_master"]


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
    instead : str or None
        The master that was made without the frames at fault.
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
    instead: str | None = None
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
    document: Document = {
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
        **({"instead": parts.instead} if parts.instead else {}),
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
    frames = sorted(parts.frames, key=lambda frame: str(frame["_id"]))
    seen = shared_obs([observed(frame) for frame in frames]) if frames else observed_master(document)
    return document | {"obs": seen.obs, "obs_from": seen.obs_from}


def keep_master(session: Session, document: Document) -> tuple[Document, bool]:
    """Keep a master: record, then document. Of two that make the same one, the first is kept.

    Returns
    -------
    Document
        The one that is kept.
    bool
        Whether it is this one.

    Raises
    ------
    Refused
        The store keeps an earlier master of this name that cannot be taken into use; nothing is overwritten.
    """
    if not session.store.add_record(record_key(document["_id"], 1, collection="masters"), bson.encode(document)):
        kept = recover_master(session, document["_id"])
        if kept is None:
            raise Refused(
                f"the store keeps an earlier record of {document['_id']} with arrays that are not there: put them "
                f"back from a copy of the store, or let the record go: darkroom sweep --forget {document['_id']}"
            )
        return kept, kept["ingest"]["run"] == document["ingest"]["run"]
    return _shown(session, bson.decode(bson.encode(document), AWARE)), True


def recover_master(session: Session, master_id: str) -> Document | None:
    """Take the master of a name that the store keeps into use, as its changes left it; None where there is none.

    Its making was cut short after its record, or the catalog that knew it was lost: then it comes back with what
    was certified, recalled or withdrawn since. A record whose planes are gone is of no use: it stays, and the planes
    are made again beside it.

    Raises
    ------
    Refused
        The store says that it was deleted, or one of its records cannot be read.
    """
    stem = record_stem(master_id, collection="masters")
    try:
        session.store.get_record(numbered(stem, 1))
    except Lost:
        return None
    except ArrayDamaged:
        pass  # said below, with the records of its changes
    names = [parse_key(record.key) for record in session.store.records(stem)]
    life = Life.read(session.store, stem, [(name.revision, name.change) for name in names if name is not None])
    if life.lost:
        raise Refused(f"what the store keeps of {master_id} cannot be read: {life.lost[0]}; see darkroom check")
    made = life.replay()
    if made.live is None:
        raise Refused(
            f"the store says that {master_id} was deleted: darkroom rebuild --missing brings it into the trash, "
            "from where it can be restored"
        )
    if not all(session.store.exists(ref) for ref in made.live["arrays"].values()):
        return None
    for entry in made.history:
        session.history.replace_one({"_id": entry["_id"]}, entry, upsert=True)
    return _shown(session, made.live)


def _shown(session: Session, document: Document) -> Document:
    """Put a document whose record is kept into the catalog, unless it is there."""
    try:
        session.masters.insert_one(document)
    except DuplicateKey:
        return session.masters.find_one({"_id": document["_id"]}) or document
    return document


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
