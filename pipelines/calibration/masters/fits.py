"""Writes a master as a FITS file that other pipelines read: every plane an extension, provenance in the header."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.calibration.masters.bits import bad_pixels
from pipelines.calibration.masters.images import image_names, planes_of
from pipelines.errors import UsageError
from pipelines.processes.partial import partial_name
from pipelines.session import Session

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["EXTENSIONS", "export_master", "master_header"]

EXTENSIONS: Mapping[str, str] = {
    "variance_model": "UNCERT",
    "variance_scatter": "SCATTER",
    "count": "COUNT",
    "dq": "DQ",
    "rejection_power": "REJPOWER",
    "votes": "VOTES",
    "variance_all": "VARALL",
    "samples": "SAMPLES",
    "strikes": "STRIKES",
    "noise": "NOISE",
}
"""Names of the extensions by plane; the value is the primary HDU, called SCI. UNCERT and MASK are what
astropy's CCDData, and so ccdproc, looks for."""


_SECTIONS = ("BIASSEC", "TRIMSEC", "DATASEC")
"""Sections of the raw frame, which mean nothing once it is trimmed."""

_FRAMES_OWN = frozenset({"EPOCH", "EQUINOX", "RADESYS", "RADECSYS"})
"""Of the sky of a frame, which a master has none of; astropy's WCS stumbles over an EPOCH that is no number."""


def export_master(
    session: Session, master: Mapping[str, Any], out: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write a master as FITS.

    The primary HDU, SCI, holds the value; UNCERT its variance (UTYPE VarianceUncertainty); MASK is 1
    where a pixel has a flag of no use in DQ; COUNT, SCATTER, DQ, REJPOWER the other planes; INPUTS is a
    table of the frames, used and rejected, with digests and reasons. Of several images each has these
    extensions, with its number as EXTVER. Checksums are in every HDU.

    Parameters
    ----------
    master : Mapping
        A document of the collection ``masters``.
    out : path
        File to write.
    overwrite : bool
        Replace a file that is there.

    Raises
    ------
    UsageError
        The file is there.
    arraystore.Lost, arraystore.ArrayDamaged
        A plane is not what was stored; nothing is written.
    """
    from astropy.io import fits

    path = Path(out)
    if path.exists() and not overwrite:
        raise UsageError(f"{path} is there already; write elsewhere, or add --overwrite. Nothing was written")
    images = image_names(master)
    hdus: list[Any] = [fits.PrimaryHDU(None, master_header(master))] if len(images) > 1 else []
    for number, image in enumerate(images, 1):
        planes = {name: np.asarray(session.store.open(ref)) for name, ref in planes_of(master, image).items()}
        if len(images) == 1:
            hdus += _planes(planes, fits.PrimaryHDU, master_header(master))
            continue
        for hdu in _planes(planes, fits.ImageHDU, fits.Header()):
            hdu.header["EXTVER"] = number
            hdu.header["IMAGE"] = (image, "its array in the frames")
            hdus.append(hdu)
    hdus.append(_inputs(master))
    # Beside its place first: a file that is there is whole.
    partial = partial_name(path)
    try:
        fits.HDUList(hdus).writeto(partial, checksum=True, overwrite=True)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _planes(planes: Mapping[str, Any], kind: Any, header: "fits.Header") -> list[Any]:
    """Return the HDUs of one image of a master, the value first."""
    first = "value" if "value" in planes else "dq"
    hdus = [kind(planes[first], header)]
    hdus[0].header["EXTNAME"] = "SCI"
    for name, extension in EXTENSIONS.items():
        if name in planes and name != first:
            hdus.append(_image(planes[name], extension))
    if "dq" in planes and first != "dq":
        hdus.append(_image(bad_pixels(planes["dq"]).astype(np.uint8), "MASK"))
    return hdus


def _image(plane: Any, name: str) -> "fits.ImageHDU":
    from astropy.io import fits

    image = fits.ImageHDU(plane, name=name)
    if name == "UNCERT":
        image.header["UTYPE"] = ("VarianceUncertainty", "by the noise model, of the value")
    elif name == "SCATTER":
        image.header["UTYPE"] = ("VarianceUncertainty", "by the scatter of the frames, of the value")
    return image


def master_header(master: Mapping[str, Any]) -> "fits.Header":
    """Return what all frames share, then what the master is and where it comes from."""
    from astropy.io import fits

    header = fits.Header()
    parameters = master.get("parameters") or {}
    overscan = master["key"].get("overscan") or parameters.get("overscan")
    gone = {*_FRAMES_OWN, *(("BIASSEC",) if overscan else ()), *(_SECTIONS if "trim" in parameters else ())}
    for key, value in master["header"].items():
        if key not in gone:
            _set(header, key, value, "")
    marks = [mark["why"] for field in ("recalled", "stale") for mark in (master.get(field) or {}).values()]
    recall = "; ".join(marks) or None
    cards: list[tuple[str, Any, str]] = [
        ("BUNIT", "adu" if master["kind"] in ("dark", "bias") else "", "unit of the value"),
        ("IMAGETYP", f"master {master['kind']}", "what this is"),
        ("OVERSCAN", overscan, "its level was taken from each frame"),
        ("NCOMBINE", len(master["inputs"]), "frames combined"),
        ("NREJECT", len(master["rejected"]), "frames of the group that were not"),
        ("DRID", master["_id"], ""),
        ("DRHASH", master["identity"], ""),
        ("DRALGO", master["algorithm"], "version of the algorithm"),
        ("DRVERS", master["ingest"]["version"], "darkroom that made it"),
        ("DRSTATUS", master["status"], "certification"),
        ("DRRECALL", recall, "why it is recalled"),
        ("DATE-BEG", _iso(master["first"]), "first frame, UTC"),
        ("DATE-END", _iso(master["last"]), "last frame, UTC"),
        ("DATE", _iso(master["ingest"]["at"]), "when it was made, UTC"),
        *((f"DR{name}"[:8].upper(), value, "of the noise model") for name, value in _numbers(master["noise"])),
    ]
    for key, value, comment in cards:
        if value is not None:
            _set(header, key, value, comment)
    for n, item in enumerate(master["inputs"], 1):
        _set(header, f"IMCMB{n:03d}", item["id"], "")
    for n, used in enumerate(master["masters"], 1):
        _set(header, f"DRUSE{n:03d}", used["id"], f"{used['role']}, scale {used['scale']:g}")
    for name, value in sorted(master["parameters"].items()):
        header.add_history(f"{name} = {value}")
    for part in master["validity"]:
        header.add_history(f"valid {_iso(part['since']) or 'always'} to {_iso(part['until']) or 'open'}")
    return header


def _set(header: "fits.Header", key: str, value: Any, comment: str) -> None:
    """Set a card; what FITS cannot hold is written as text."""
    if value is not None and not isinstance(value, str | bool | int | float):
        value = str(value)
    if isinstance(value, str):
        value = value.encode("ascii", "replace").decode().replace("\n", " ")
    if isinstance(value, str) and len(value) + len(comment) > 60:
        comment = ""  # the value matters more
    name = key if len(key) <= 8 and key.upper() == key and "%" not in key else f"HIERARCH {key.upper()}"
    try:
        header[name] = (value, comment) if comment else value
    except ValueError:  # a keyword or a value that has no card: what it says is kept
        header.add_history(f"{key} = {value}".encode("ascii", "replace").decode())


def _inputs(master: Mapping[str, Any]) -> "fits.BinTableHDU":
    """Return the table of the frames of the group, used or not."""
    from astropy.io import fits

    rows = [(item["id"], item["pixels"], True, "") for item in master["inputs"]]
    rows += [(item["id"], "", False, item["reason"]) for item in master["rejected"]]
    texts = [[str(row[i]).encode("ascii", "replace").decode() for row in rows] for i in (0, 1, 3)]
    width = [max([1, *map(len, column)]) for column in texts]
    columns = [
        fits.Column("FRAME", f"{width[0]}A", array=np.array(texts[0], dtype=f"U{width[0]}")),
        fits.Column("PIXELS", f"{width[1]}A", array=np.array(texts[1], dtype=f"U{width[1]}")),
        fits.Column("USED", "L", array=np.array([row[2] for row in rows], dtype=bool)),
        fits.Column("REASON", f"{width[2]}A", array=np.array(texts[2], dtype=f"U{width[2]}")),
    ]
    return fits.BinTableHDU.from_columns(columns, name="INPUTS")


def _numbers(noise: Mapping[str, Any]) -> list[tuple[str, float]]:
    return [(name, float(value)) for name, value in sorted(noise.items()) if isinstance(value, int | float)]


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3]
