"""Calibrates frames and nights: says what it would do, writes FITS files, or keeps what comes out."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from arraystore import ArrayDamaged, Lost
from pipelines.calibration.apply.calibrated import CalibratedImage, Calibrator
from pipelines.calibration.apply.header import primary_header
from pipelines.calibration.apply.keep import keep
from pipelines.calibration.apply.plan import Correction, corrections
from pipelines.calibration.apply.writing import write_images
from pipelines.calibration.select.criteria import Rules
from pipelines.combine.bands import threads
from pipelines.documents import runs as ledger
from pipelines.errors import DarkroomError, Refused, UsageError
from pipelines.instruments.nights import on
from pipelines.progress import Progress
from pipelines.session import Session
from pipelines.table import Answer, Row

__all__ = ["Output", "calibrate", "frames_of", "lights_of", "planned"]

COLUMNS = ("frame", "bias", "dark", "flat", "scale", "unit", "outcome", "result", "notes")

_NIGHT = re.compile(r"\d{4}-\d{2}-\d{2}")
_JOBS = 4  # frames at a time unless asked otherwise, so that memory does not grow with the machine
_AT_ONCE = 200  # documents, with their headers, that are held together


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where calibrated frames go.

    Attributes
    ----------
    folder : Path or None
        FITS files are written there, named as the raw ones.
    keep : bool
        Whether documents and planes are kept in the archive.
    overwrite : bool
        Whether files that are there may be replaced.
    cosmic_rays : bool
        Whether cosmic rays are masked and filled.
    """

    folder: Path | None = None
    keep: bool = False
    overwrite: bool = False
    cosmic_rays: bool = False

    @property
    def anything(self) -> bool:
        """Whether anything is to be made."""
        return self.keep or self.folder is not None


def frames_of(session: Session, what: str) -> list[str]:
    """Return the names of the frames meant: the lights of a night, or one frame.

    Raises
    ------
    UsageError
        The night has no lights; the message says what it has.
    UnknownDocument
        There is no such frame.
    """
    if not _NIGHT.fullmatch(what):
        return [session.frame(what)["_id"]]
    found = [doc["_id"] for doc in session.headers.find({"kind": "light", **on(what)}, {"_id": 1}).sort("_id", 1)]
    if not found:
        kinds = sorted({str(doc.get("kind")) for doc in session.headers.find(on(what), {"kind": 1})})
        has = f"its frames are {', '.join(kinds)}" if kinds else "the archive has no frame of it"
        raise UsageError(f"the night {what} has no lights: {has}")
    return found


def lights_of(session: Session, what: str | Sequence[str] | Mapping[str, Any]) -> list[str]:
    """Return the names of the frames meant: those of `frames_of`, several by name, or the lights of a filter.

    Raises
    ------
    UsageError
        No light matches the filter.
    UnknownDocument
        There is no such frame.
    """
    if isinstance(what, str):
        return frames_of(session, what)
    if not isinstance(what, Mapping):
        return [session.frame(name)["_id"] for name in what]
    found = [doc["_id"] for doc in session.headers.find({"$and": [{"kind": "light"}, what]}, {"_id": 1}).sort("_id", 1)]
    if not found:
        raise UsageError("no light matches the filter; `darkroom query` says what does")
    return found


def calibrate(
    session: Session,
    names: Sequence[str],
    *,
    output: Output | None = None,
    rules: Rules | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Answer:
    """Calibrate frames, or say what that would be.

    Frames of one setup are worked on together, so that their masters are read once. Memory: the planes
    of one setup of masters and of `jobs` frames, however many frames there are.

    Parameters
    ----------
    names : sequence of str
        Frames of the archive.
    output : Output, optional
        Where they go; without, nothing is made.
    rules : Rules, optional
        What is asked of the masters.
    jobs : int, optional
        Frames at a time; by default one for each processor, 4 at most: more would wait for the disk.

    Returns
    -------
    Answer
        A row per frame: its masters, the ``scale`` of the dark, the ``unit``, ``outcome`` (``'nothing
        made'``, ``'written'``, ``'kept'``, ``'not calibrated'``, ``'failed'``), ``result`` (file or document) and
        ``notes``: what it lacks, and why.

    Raises
    ------
    UsageError
        A frame is one that is not calibrated, the folder is not there, or two files would have one name.
    """
    output = output or Output()
    _require_folder(output.folder)
    plan = list(planned(session, names, rules))
    targets = _targets(plan, output)
    if not output.anything:
        rows = [_row(one, "not calibrated" if one.refused else "nothing made") for one in plan]
        return Answer(COLUMNS, tuple(rows), _title(rows, "would be calibrated; --out DIR or --keep does it"))
    run = ""
    if output.keep:
        run = ledger.start(session.runs, verb="calibrate", arguments={"frames": len(plan)})
    done: dict[str, Row] = {}
    try:
        for one, row in _all(session, plan, targets, output, run=run, jobs=jobs or min(threads(), _JOBS)):
            done[one.frame["_id"]] = row
            if progress is not None:
                progress(len(done), len(plan))
    finally:
        if run:
            kept = sum(row["outcome"] == "kept" for row in done.values())
            status = "finished" if len(done) == len(plan) else "failed"
            ledger.finish(session.runs, run, status=status, result={"kept": kept})
    rows = [done[one.frame["_id"]] for one in plan]
    return Answer(COLUMNS, tuple(rows), _title(rows, "calibrated") + (f" (run {run})" if run else ""))


def planned(session: Session, names: Sequence[str], rules: Rules | None) -> Iterator[Correction]:
    """Plan frames a few hundred at a time: their documents are large."""
    for start in range(0, len(names), _AT_ONCE):
        some = list(names[start : start + _AT_ONCE])
        found = {doc["_id"]: doc for doc in session.headers.find({"_id": {"$in": some}}, {"cards": 0})}
        yield from corrections(session, [found[name] for name in some if name in found], rules=rules)


def _all(
    session: Session,
    plan: Sequence[Correction],
    targets: Mapping[str, Path],
    output: Output,
    *,
    run: str,
    jobs: int,
) -> Iterator[tuple[Correction, Row]]:
    """Calibrate, setup by setup, a few frames at a time."""
    setups: dict[tuple[Any, ...], list[Correction]] = {}
    for one in plan:
        if one.refused:
            yield one, _row(one, "not calibrated")
        else:
            setups.setdefault(one.setup, []).append(one)
    worker = Calibrator(session.store, cosmic_rays=output.cosmic_rays)
    with ThreadPoolExecutor(jobs, thread_name_prefix="darkroom-calibrate") as pool:
        for some in setups.values():
            try:
                worker.load(some[0])
            except (DarkroomError, Lost, ArrayDamaged) as error:
                yield from ((one, _row(one, "failed", note=str(error))) for one in some)
                continue
            for start in range(0, len(some), jobs):
                part = [_whole(session, one) for one in some[start : start + jobs]]
                made = list(pool.map(lambda one: _images(worker, one, targets, output), part))
                for one, images in zip(part, made, strict=True):
                    yield one, _settled(session, one, images, targets, output, run=run)


def _whole(session: Session, one: Correction) -> Correction:
    """Return a correction whose frame has its cards again."""
    return replace(one, frame=session.frame(one.frame["_id"]))


def _images(
    worker: Calibrator, one: Correction, targets: Mapping[str, Path], output: Output
) -> list[CalibratedImage] | str:
    """Calibrate a frame and write its file; text says what was wrong with it. Touches no catalog."""
    try:
        images = worker.images(one)
        if output.folder is not None:
            primary = primary_header(one.frame)
            write_images(images, targets[one.frame["_id"]], primary=primary, overwrite=output.overwrite)
    except (DarkroomError, Lost, ArrayDamaged) as error:
        return str(error)
    return images if output.keep else []


def _settled(
    session: Session,
    one: Correction,
    images: list[CalibratedImage] | str,
    targets: Mapping[str, Path],
    output: Output,
    *,
    run: str,
) -> Row:
    if isinstance(images, str):
        return _row(one, "failed", note=images)
    if output.keep:
        try:
            return _row(one, "kept", result=keep(session, one, images, run=run, cosmic_rays=output.cosmic_rays))
        except Refused as error:
            return _row(one, "failed", note=str(error))
    return _row(one, "written", result=str(targets[one.frame["_id"]]))


def _targets(plan: Sequence[Correction], output: Output) -> dict[str, Path]:
    """Return the file of each frame.

    Raises
    ------
    UsageError
        One is there already.
    """
    if output.folder is None:
        return {}
    stems = {one.frame["_id"]: _stem(PurePosixPath(one.frame["_id"]).name) for one in plan}
    if len(set(stems.values())) < len(stems):  # one name in several folders: the folders are part of the name then
        stems = {name: _stem(name.replace("/", "_")) for name in stems}
    targets = {name: output.folder / f"{stem}_calibrated.fits" for name, stem in stems.items()}
    there = [path for path in targets.values() if path.exists()]
    if there and not output.overwrite:
        more = f", and {len(there) - 1} more" if len(there) > 1 else ""
        raise UsageError(f"{there[0]} is there already{more}; nothing was written (--overwrite replaces files)")
    return targets


def _stem(name: str) -> str:
    """Return the name of a file without its endings.

    Examples
    --------
    >>> _stem("light_001.fits.fz"), _stem("a.b.fit"), _stem("plain")
    ('light_001', 'a.b', 'plain')
    """
    return re.sub(r"(\.(fits|fit|fts|fz|gz|bz2|Z))+$", "", name, flags=re.IGNORECASE)


def _require_folder(folder: Path | None) -> None:
    if folder is None:
        return
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be made: {error.strerror or error}") from error


def _row(one: Correction, outcome: str, *, result: str | None = None, note: str | None = None) -> Row:
    row = one.row()
    notes = [*row["notes"], note] if note else row["notes"]
    return {**row, "outcome": outcome, "result": result, "notes": notes}


def _title(rows: Sequence[Row], what: str) -> str:
    wrong = sum(row["outcome"] in ("not calibrated", "failed") for row in rows)
    noted = sum(bool(row["notes"]) for row in rows) - wrong
    parts = [f"{len(rows) - wrong} of {len(rows)} frames {what}"]
    parts += [f"{noted} with something missing, see notes"] if noted > 0 else []
    return "; ".join(parts)
