"""Calibrated frames that are kept: a document and its planes, named by all that decides them, like a master.

They stand in the collection ``masters``, as the kind ``calibrated``: so a recall finds them by their
``parents``, and check, rebuild, undo and export treat them as they treat every product made here.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from arraystore import ArrayStore
from pipelines.calibration.apply.arithmetic import Corrected
from pipelines.calibration.apply.calibrated import CalibratedImage
from pipelines.calibration.apply.plan import Correction
from pipelines.calibration.apply.writing import write_images
from pipelines.calibration.masters.document import keep_master
from pipelines.calibration.masters.images import image_names, plane_key, planes_of
from pipelines.documents.schema import CALIBRATED, SCHEMA, pixels_digest
from pipelines.errors import UsageError
from pipelines.session import Session
from pipelines.version import __version__

if TYPE_CHECKING:
    from astropy.io.fits import Header

__all__ = ["ALGORITHM", "CALIBRATED", "calibrated_name", "export_kept", "keep", "kept_header", "kept_images"]

ALGORITHM = 1
"""Version of the arithmetic: raised when results change, and only then."""


def identity(correction: Correction, *, cosmic_rays: bool) -> str:
    """Digest over everything that decides the pixels of a calibrated frame: 64 hexadecimal digits."""
    parts = {
        "algorithm": ALGORITHM,
        "frame": [correction.frame["_id"], correction.frame["pixels_digest"]],
        "masters": [[role, doc["identity"]] for role, doc in correction.masters],
        "scale": correction.scale,
        "gain": [one.gain for one in correction.conversions.values()],
        "read_noise": [one.read_noise for one in correction.conversions.values()],
        "saturation": correction.saturation,
        "overscan": correction.overscan,
        "cosmic_rays": cosmic_rays,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def calibrated_name(correction: Correction, *, cosmic_rays: bool = False) -> str:
    """Name of a kept calibrated frame: that of its raw frame, and the beginning of its identity."""
    digest = identity(correction, cosmic_rays=cosmic_rays)[:12]
    return f"{CALIBRATED}/{PurePosixPath(correction.frame['_id'])}-{digest}"


def keep(
    session: Session, correction: Correction, images: Sequence[CalibratedImage], *, run: str, cosmic_rays: bool
) -> str:
    """Store the planes of a calibrated frame and its document; again, it is the one there is.

    Returns
    -------
    str
        Its name.
    """
    names = tuple(image.name for image in images)
    refs = {}
    for image in images:
        for plane, array in _planes(image, session.store).items():
            refs[plane_key(plane, image.name, names)] = array
    document = _document(correction, refs, names, run=run, cosmic_rays=cosmic_rays)
    document["statistics"] = _statistics(images)
    if len(names) > 1:
        document["images"] = [{"name": name} for name in names]
    document["cards"] = [image.header.tostring(sep="\n", endcard=False, padding=False) for image in images]
    return str(keep_master(session, document)[0]["_id"])


def kept_images(session: Session, document: Mapping[str, Any]) -> list[CalibratedImage]:
    """Return the images of a calibrated frame that was kept.

    Raises
    ------
    arraystore.Lost, arraystore.ArrayDamaged
        A plane is not what was stored.
    """
    images = []
    for number, name in enumerate(image_names(document)):
        planes = {plane: np.asarray(session.store.open(ref)) for plane, ref in planes_of(document, name).items()}
        done = Corrected(planes["value"], planes.get("variance_model"), planes["mask"].view(np.bool_))
        images.append(CalibratedImage(name, done, kept_header(document, number)))
    return images


def kept_header(document: Mapping[str, Any], image: int = 0) -> "Header":
    """Return the header of an image of a calibrated frame that was kept.

    Raises
    ------
    UsageError
        It has no such image.
    """
    from astropy.io.fits import Header

    cards = document["cards"]
    if not 0 <= image < len(cards):
        raise UsageError(f"{document['_id']} has images 0 to {len(cards) - 1}, not {image}")
    return Header.fromstring(cards[image], sep="\n")


def export_kept(
    session: Session, document: Mapping[str, Any], out: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write a calibrated frame that was kept as FITS, as `write_images` does.

    Raises
    ------
    UsageError
        The file is there, or cannot be written.
    arraystore.Lost, arraystore.ArrayDamaged
        A plane is not what was stored; nothing is written.
    """
    from astropy.io.fits import Header

    path = Path(out)
    write_images(kept_images(session, document), path, primary=Header(), overwrite=overwrite)
    return path


def _planes(image: CalibratedImage, store: ArrayStore) -> dict[str, Any]:
    done = image.corrected
    planes = {"value": store.put(done.value, kind="master")}
    if done.variance is not None:
        planes["variance_model"] = store.put(done.variance, kind="master")
    planes["mask"] = store.put(done.mask.view(np.uint8), kind="dq")
    return planes


def _document(
    correction: Correction, refs: Mapping[str, Any], names: Sequence[str], *, run: str, cosmic_rays: bool
) -> dict[str, Any]:
    frame = correction.frame
    used = [
        {"role": role, "id": doc["_id"], "identity": doc["identity"], "frames": [frame["_id"]],
         "scale": correction.scale if role == "dark" else 1.0}
        for role, doc in correction.masters
    ]  # fmt: skip
    return {
        "_id": calibrated_name(correction, cosmic_rays=cosmic_rays),
        "kind": CALIBRATED,
        "date": frame.get("date"),
        **{name: frame.get("timestamp") for name in ("timestamp", "first", "last")},
        "instrument": frame.get("instrument"),
        "camera": (correction.dark or correction.bias or {}).get("camera"),
        "profile": frame.get("profile"),
        "obs": frame.get("obs"),
        "key": {},
        "header": frame.get("header") or {},
        "unit": correction.unit,
        "arrays": {name: ref.to_dict() for name, ref in refs.items()},
        "digests": sorted({ref.digest for ref in refs.values()}),
        "pixels_digest": pixels_digest(refs),
        "parents": [frame["_id"], *sorted(doc["_id"] for _, doc in correction.masters)],
        "inputs": [{"id": frame["_id"], "pixels": frame["pixels_digest"], "revision": frame["ingest"]["revision"]}],
        "rejected": [],
        "masters": used,
        "notes": list(correction.notes),
        "parameters": {
            "gain": [one.gain for one in correction.conversions.values()],
            "read_noise": [one.read_noise for one in correction.conversions.values()],
            "source": correction.conversion.source,
            "saturation": correction.saturation,
            "overscan": correction.overscan,
            "cosmic_rays": cosmic_rays,
        },
        "algorithm": ALGORITHM,
        "identity": identity(correction, cosmic_rays=cosmic_rays),
        "status": "derived",
        "validity": [],
        "recalled": {},
        "stale": {},
        "qc": {"flags": []},
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


def _statistics(images: Sequence[CalibratedImage]) -> dict[str, Any]:
    """Level and noise over the images, of what is not masked."""
    levels, noises, masked, pixels = [], [], 0, 0
    for image in images:
        done = image.corrected
        step = max(1, done.value.size >> 20)
        good = ~done.mask.ravel()[::step]
        if good.any():
            levels.append(float(np.median(done.value.ravel()[::step][good])))
            if done.variance is not None:
                noises.append(float(np.nanmedian(done.variance.ravel()[::step][good]) ** 0.5))
        masked += int(done.mask.sum())
        pixels += done.mask.size
    return {
        "level": float(np.median(levels)) if levels else None,
        "noise": float(np.median(noises)) if noises else None,
        "masked": masked / pixels if pixels else None,
    }
