"""Calibrate an exposure of the archive with the JWST pipeline, and take what it made.

Detector1 runs in a process of its own, watched, on a copy of the exposure in a temporary folder; only when it
has ended well are its products moved to their folder and ingested. Until then the archive is as before.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pipelines.errors import DarkroomError, UsageError
from pipelines.ingest.export import export
from pipelines.ingest.run import IngestOptions, ingest
from pipelines.jwst import crds
from pipelines.jwst import products as folders
from pipelines.jwst.references import Reference, gather, needed, steps_of
from pipelines.jwst.uncal import write_uncal
from pipelines.processes import interpreter
from pipelines.processes.supervise import Ended, supervise
from pipelines.session import Session

MEMORY = 8 * 2**30
TIME = 3600.0

_INSTRUMENTS = ("MIRI", "NIRCAM", "NIRSPEC")
_TAKEN = "MIRI, NIRCam and NIRSpec"
_UNTRIED = frozenset({"NIRISS", "FGS"})

_TAIL = 12  # lines of the log that an error shows

logger = logging.getLogger(__name__)

Say = Callable[[int, int], None]


class CalibrationFailed(DarkroomError):
    """The pipeline did not end well; the archive is as before. ``log`` is what it said."""

    def __init__(self, message: str, *, log: str = "") -> None:
        super().__init__(message)
        self.log = log


class OutOfMemory(CalibrationFailed):
    """The pipeline outgrew its limit of memory, and was killed."""


class PipelineTimedOut(CalibrationFailed):
    """The pipeline ran longer than it was given, and was killed."""


class JwstMissing(UsageError):
    """The JWST pipeline is not installed."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What a run of the pipeline may take: resident memory in bytes, wall time in seconds."""

    memory: int | None = MEMORY
    seconds: float | None = TIME


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What came of calibrating an exposure.

    Attributes
    ----------
    exposure, uncal : str
        The exposure, and the document that was calibrated.
    key : str
        Digest of the exposure's bytes, the version and the parameters: the same work has the same key.
    folder : Path
        Where the products are.
    products : tuple of str
        Their documents.
    fresh : bool
        False when the same work had been done before and the pipeline was not run.
    seconds, peak : float, int
        Wall time and largest resident memory (bytes) of the pipeline; 0 when it was not run.
    """

    exposure: str
    uncal: str
    key: str
    folder: Path
    products: tuple[str, ...]
    fresh: bool
    seconds: float
    peak: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            **{name: getattr(self, name) for name in ("exposure", "uncal", "key", "fresh", "peak")},
            "products": list(self.products),
            "folder": str(self.folder),
            "seconds": round(self.seconds, 3),
        }

    def __repr__(self) -> str:
        done = f"{self.seconds:.1f} s, {self.peak / 1e6:.0f} MB" if self.fresh else "before, with just these parameters"
        head = f"{self.exposure}: calibrated ({done}), in {self.folder}"
        return "\n".join([head, *(f"  {product}" for product in self.products)])


def calibrate(
    session: Session,
    document_id: str,
    *,
    out: str | os.PathLike[str] | None = None,
    references: str | os.PathLike[str] | None = None,
    overrides: Mapping[str, str | os.PathLike[str]] | None = None,
    skip: Sequence[str] = (),
    limits: RunLimits | None = None,
    progress: Say | None = None,
) -> Calibrated:
    """Run Detector1 on an uncalibrated exposure, and ingest the ramp, rateints and rate it makes.

    Parameters
    ----------
    document_id : str
        An uncalibrated exposure, of flight or of the ground tests.
    out : path, optional
        The folder of products; each calibration has one of its own in it, ``exposure/key``. By default
        ``products`` beside the folder of the array store.
    references : path, optional
        A folder of reference files. With it, or `overrides`, the network is never used; without
        both, CRDS chooses the references.
    overrides : Mapping, optional
        Reference type to file.
    skip : sequence of str
        Steps to leave out.
    limits : RunLimits, optional
        By default 8 GiB and an hour.
    progress : callable, optional
        Told how many steps have begun, and how many there are.

    Returns
    -------
    Calibrated
        With the same parameters again, the one there is.

    Raises
    ------
    UsageError
        Not an uncalibrated exposure, unknown steps or types; `JwstMissing`; `MissingReferences`.
    CalibrationFailed
        The pipeline died, or its products could not be taken; `OutOfMemory`, `PipelineTimedOut`: it was killed.
    """
    document = _calibratable(session.document(document_id))
    jwst = _jwst_version()
    given: list[Reference] | None = None
    if references is not None or overrides:
        given = gather(folder=references, overrides=overrides or {}, skip=skip, document=document)
    needed(document, skip)
    asked = _Asked(document, given, tuple(sorted(set(skip))), jwst)
    base = _beside(session.store.url) if out is None else Path(os.path.abspath(Path(out).expanduser()))
    folder = base / document["exposure"] / asked.key
    ended: Ended | None = None
    if folders.record_in(folder) is not None:
        logger.info("not run again: %s: the same work is in %s", document_id, folder)
    else:
        logger.info("run: %s: jwst %s, steps left out: %s", document_id, jwst, ", ".join(asked.skip) or "none")
        with tempfile.TemporaryDirectory(prefix="darkroom-calibrate-", ignore_cleanup_errors=True) as place:
            ended = _run(session, asked, Path(place), limits or RunLimits(), progress)
            _publish(Path(place), folder, asked, ended)
    products = _take(session, folder, asked, folders.record_in(folder) or {})
    spent = (ended.seconds, ended.peak) if ended is not None else (0.0, 0)
    return Calibrated(document["exposure"], document_id, asked.key, folder, products, ended is not None, *spent)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked for: the exposure, its references (None: of CRDS), the steps left out, the version of jwst."""

    document: Mapping[str, Any]
    references: list[Reference] | None
    skip: tuple[str, ...]
    jwst: str

    @property
    def parameters(self) -> dict[str, Any]:
        """What the products depend on, as a document keeps it."""
        if self.references is None:
            chosen: Any = {"crds": os.environ.get("CRDS_CONTEXT", "latest")}
        else:
            chosen = {ref.kind: {"file": ref.path.name, "sha256": ref.sha256} for ref in self.references}
        return {"jwst": self.jwst, "skip": list(self.skip), "references": chosen}

    @property
    def key(self) -> str:
        identity = {"exposure": self.document["file"]["sha256"], **self.parameters}
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]


def _calibratable(document: dict[str, Any]) -> dict[str, Any]:
    instrument, name = document.get("instrument"), document["_id"]
    if instrument in _UNTRIED:
        raise UsageError(f"{name} is of {instrument}; detector1 takes {_TAKEN}: on {instrument} it was never tried")
    if instrument not in _INSTRUMENTS or document.get("kind") != "uncal":
        raise UsageError(
            f"{name} is {document.get('kind')!r} of {instrument}; detector1 takes uncalibrated exposures of {_TAKEN}: "
            'darkroom query \'{"kind": "uncal"}\' lists them'
        )
    if document["file"]["sha256"] is None:
        raise UsageError(f"only the headers of {name} were ingested; ingest it without --headers-only first")
    return document


def _beside(store: str) -> Path:
    """Return the folder of products that belongs to an array store on this machine."""
    if not store.startswith("file://"):
        raise UsageError("the arrays of this archive are in no folder here; say where products go with --out DIR")
    return Path(unquote(urlsplit(store).path)).parent / "products"


def _jwst_version() -> str:
    try:
        return version("jwst")
    except PackageNotFoundError:
        raise JwstMissing("calibrating needs the JWST pipeline: pip install 'darkroom-archive[jwst]'") from None


def _run(session: Session, asked: _Asked, place: Path, limits: RunLimits, progress: Say | None) -> Ended:
    """Lay the exposure out in a folder, run the pipeline on it, and see that it ended well."""
    (place / "products").mkdir()
    uncal = _lay_out(session, asked.document, place)
    told = None if asked.references is None else {ref.kind: str(ref.path) for ref in asked.references}
    order = {"uncal": str(uncal), "out": str(place / "products"), "skip": list(asked.skip), "references": told}
    (place / "order.json").write_text(json.dumps(order))
    environment = interpreter.environment()
    environment |= crds.online(environment) if told is None else crds.offline(place)
    log, steps = place / "log", steps_of(asked.document)
    ended = supervise(
        interpreter.command("pipelines.jwst.detector1", place),
        output=log,
        environment=environment,
        memory=limits.memory,
        seconds=limits.seconds,
        look=None if progress is None else lambda: progress(*crds.steps_begun(log, steps)),
    )
    _judge(ended, _text(log), asked, limits, made=(place / "made.json").exists())
    return ended


def _lay_out(session: Session, document: Mapping[str, Any], place: Path) -> Path:
    """Write the exposure as ``…_uncal.fits``: the original byte for byte, or a ground test converted.

    The products get their names of it, with the number of the segment where the exposure was cut into segments.
    """
    stem = Path(document["path"]).name.partition(".")[0].removesuffix("_uncal")
    target = place / f"{stem}_uncal.fits"
    if "converted" in document:
        return write_uncal(session, document, target)
    if document["file"]["encoding"] not in ("gzip", "bzip2"):
        export(session, document, target)
        return target
    from astropy.io import fits

    packed = place / Path(document["path"]).name
    export(session, document, packed)
    with fits.open(packed) as hdus:
        hdus.writeto(target)
    packed.unlink()
    return target


def _judge(ended: Ended, log: str, asked: _Asked, limits: RunLimits, *, made: bool) -> None:
    """Raise what there is to say of a run that did not end well."""
    name = asked.document["_id"]
    tail = "\n".join(["the last lines of its log:", *(f"  {line}" for line in log.splitlines()[-_TAIL:])])
    if ended.why == "memory":
        raise OutOfMemory(
            f"Detector1 of {name} took {ended.peak / 2**20:.0f} MiB, over its limit of "
            f"{(limits.memory or 0) / 2**20:.0f} MiB, and was stopped; give it more with --memory",
            log=log,
        )
    if ended.why == "time":
        raise PipelineTimedOut(
            f"Detector1 of {name} had not ended after {ended.seconds:.0f} s and was stopped; "
            f"give it longer with --timeout. {tail}",
            log=log,
        )
    if ended.status == 0 and made:
        return
    if asked.references is None and crds.unreachable(log):
        raise CalibrationFailed(
            f"CRDS, which chooses the reference files of {name}, cannot be reached; give them with --references DIR "
            "or --override TYPE=FILE, and the network is not used",
            log=log,
        )
    how = f"signal {-ended.status}" if ended.status < 0 else f"exit code {ended.status}"
    raise CalibrationFailed(f"Detector1 of {name} died ({how}); nothing was changed. {tail}", log=log)


def _publish(place: Path, folder: Path, asked: _Asked, ended: Ended) -> None:
    """Put what was made into its folder, with the record of how."""
    made, log = json.loads((place / "made.json").read_text()), _text(place / "log")
    if not made["products"]:
        name = asked.document["_id"]
        raise CalibrationFailed(f"Detector1 of {name} ended well and made no products; see its log", log=log)
    record = {
        "exposure": asked.document["exposure"],
        "uncal": asked.document["_id"],
        "uncal_sha256": asked.document["file"]["sha256"],
        "parameters": {**asked.parameters, "steps": made["steps"], "versions": made["versions"]},
        "seconds": round(ended.seconds, 3),
        "peak": ended.peak,
        "log": log,
    }
    folders.put([Path(product) for product in made["products"]], folder, record=record)


def _take(session: Session, folder: Path, asked: _Asked, record: Mapping[str, Any]) -> tuple[str, ...]:
    """Ingest the products of a folder, and keep log and parameters in their documents."""
    from pipelines.jwst.log import keep

    root = session.roots.covering(folder.parent.parent)
    files = [folder / name for name in record["products"]]
    report = ingest(session, files, options=IngestOptions(campaign=asked.document.get("campaign"), jobs=1))
    if report.refused:
        first = report.refused[0]
        raise CalibrationFailed(
            f"the products in {folder} were not all taken: {first.file} {first.message}; {first.hint}",
            log=record["log"],
        )
    base = session.roots.folder(root)
    paths = [file.relative_to(base).as_posix() for file in files]
    found = session.headers.find({"root": root, "path": {"$in": paths}}, {"_id": 1, "path": 1})
    ids = [doc["_id"] for doc in sorted(found, key=lambda doc: paths.index(doc["path"]))]
    keep(session, ids, record=record, run=report.run, key=asked.key)
    return tuple(ids)


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""
