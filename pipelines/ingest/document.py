"""The document of a FITS file: what its cards, its profile and its stored arrays make together."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from arraystore import ArrayRef
from catalog import header_document, pack_cards
from pipelines.documents.schema import SCHEMA, Document, pixels_digest
from pipelines.fits import FitsFile, Hdu
from pipelines.ingest.walk import Candidate
from pipelines.instruments import ArrayPlan, Identity, Profile


def document_of(
    file: FitsFile,
    *,
    document_id: str,
    profile: Profile,
    identity: Identity,
    plans: Sequence[ArrayPlan],
    refs: Mapping[str, ArrayRef],
    found: Candidate,
    sha256: str | None,
    run: str,
    version: str,
) -> Document:
    """Compose the document of one file.

    Parameters
    ----------
    refs : Mapping
        The stored arrays by name; empty while only headers have been read.
    found : Candidate
        The file as it lay there when it was read.
    sha256 : str or None
        Of the file; None while only its headers have been read.
    run, version : str
        The ingest run, and the software that did it.

    Returns
    -------
    dict
        Ready for BSON; ``ingest.revision`` is 1 until the catalog knows better.
    """
    header = header_document(main_hdu(file).cards)
    hdus, flagged = _hdu_entries(file, plans)
    flagged = {**header.flagged, **flagged}
    document: Document = {
        "_id": document_id,
        "root": found.located.root,
        "path": found.located.path,
        **_identity_fields(identity),
        "profile": profile.name,
        **placed(identity.fields),
        "obs": identity.obs,
        "obs_from": identity.obs_from,
        "header": header.header,
        "cards": pack_cards(file.cards_blocks()),
        "hdus": hdus,
        "arrays": {name: ref.to_dict() for name, ref in refs.items()},
        "digests": sorted({ref.digest for ref in refs.values()}),
        "pixels_digest": pixels_digest(refs),
        "file": {
            "size": found.size,
            "mtime": datetime.fromtimestamp(found.mtime_ns // 1_000_000 / 1000, UTC),
            "sha256": sha256,
            "encoding": file.encoding,
            "parts": file.parts(),
        },
        "qc": {
            "flags": sorted({*flagged.values(), *identity.flags, *file.flags(data=sha256 is not None)}),
            "cards": flagged,
        },
        "ingest": {
            "run": run,
            "at": datetime.now(UTC),
            "version": version,
            "revision": 1,
            "changes": 0,
            "arrays": "pending" if sha256 is None else "kept",
        },
        "schema": SCHEMA,
    }
    return document


def _identity_fields(identity: Identity) -> Document:
    """Return the fields every question may ask for, null or not, and those a file has or has not."""
    optional = {
        "exposure_number": identity.exposure_number,
        "flat_time": identity.flat_time,
        "camera": identity.camera,
        "detector": identity.detector,
        "exposure": identity.exposure,
    }
    return {
        "date": identity.date,
        "timestamp": identity.timestamp,
        "instrument": identity.instrument,
        "kind": identity.kind,
        **{key: value for key, value in optional.items() if value is not None},
    }


def placed(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add its last column and row to a window, so that a query can ask which windows hold a pixel."""
    window = fields.get("window")
    if not isinstance(window, Mapping):
        return fields
    ends = {"right": window["x"] + window["nx"] - 1, "top": window["y"] + window["ny"] - 1}
    return {**fields, "window": {**window, **ends}}


def flags_of(file: FitsFile, identity: Identity) -> set[str]:
    """Return the flags that the document of a file would have, as far as its headers tell."""
    _, flagged = _hdu_entries(file, ())
    return {
        *header_document(main_hdu(file).cards).flagged.values(),
        *flagged.values(),
        *identity.flags,
        *file.flags(data=False),
    }


def main_hdu(file: FitsFile) -> Hdu:
    """Return the HDU whose header stands for the file: the primary, or the one image a packer moved.

    Tile compression moves a primary image, with its header, into the first extension and leaves an
    empty primary behind; the questions asked of the header mean the image's.
    """
    images = [hdu for hdu in file.hdus if hdu.kind == "compressed-image"]
    if file.encoding == "tile" and len(images) == 1 and len(file.hdus) == 2:
        return images[0]
    return file.hdus[0]


def _hdu_entries(file: FitsFile, plans: Sequence[ArrayPlan]) -> tuple[list[Document], dict[str, str]]:
    """Return the entry of each HDU, and the flags of their cards under ``number:keyword``."""
    entries, flagged = [], {}
    main = main_hdu(file)
    for hdu in file.hdus:
        entry, flags = _hdu_entry(hdu, [plan for plan in plans if plan.hdu == hdu.index])
        entries.append(entry)
        if hdu is not main:  # its flags stand under the keyword alone
            flagged.update({f"{hdu.index}:{key}": code for key, code in flags.items()})
    return entries, flagged


def _hdu_entry(hdu: Hdu, plans: Sequence[ArrayPlan]) -> tuple[Document, dict[str, str]]:
    entry: Document = {
        "name": hdu.name,
        "ver": hdu.ver,
        "kind": hdu.kind,
        "shape": list(hdu.shape),
        "dtype": hdu.dtype,
    }
    if plans:
        entry["arrays"] = [name for plan in plans for name in plan.names]
        splits = [plan.split for plan in plans if plan.split]
        if splits:
            entry["split"] = splits[0]
    flagged: dict[str, str] = {}
    if hdu.index > 0:
        header = header_document(hdu.cards)
        entry["header"] = header.header
        flagged = header.flagged
    return entry, flagged
