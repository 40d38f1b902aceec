"""Checks a night's frames before anything is combined; what was measured and the verdict stay in the documents.

Each frame gets ``stats``, what was measured of it, and ``qc.verdict`` with ``qc.checks``, the criteria one by
one. Pixels never change, so they are measured once; verdicts are made anew, for they depend on
the frames that a frame is compared with.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from catalog import Collection
from pipelines.calibration.groups.divide import partition
from pipelines.calibration.groups.keys import calibration_of, camera_of, exposure_time, images_of, obs_number
from pipelines.calibration.quality.criteria import FrameCheck, Peers, judge, verdict_of
from pipelines.calibration.quality.imaged import MeasuredImage, kept_images, known_images, measure_images, merged
from pipelines.calibration.quality.reference import distance_of, previous_masters
from pipelines.calibration.times.frames import Frame, frames_of
from pipelines.combine.bands import threads
from pipelines.documents import runs as ledger
from pipelines.documents.lookup import batches, found_in
from pipelines.errors import UsageError
from pipelines.instruments import FrameLimits, profiles
from pipelines.instruments.calibration import CAMERA, EXPTIME, TEMPERATURE
from pipelines.progress import Progress
from pipelines.schedulers.workers import SharedStore
from pipelines.session import Session
from pipelines.table import Answer, Row
from pipelines.table.cells import counted

if TYPE_CHECKING:
    from arraystore import ArrayStore

logger = logging.getLogger(__name__)

VERSION = 4
"""Of the measurements: raised when the same pixels give other numbers, so that they are measured again."""

TOGETHER = 8  # frames in one piece of work for a scheduler
VERB = "frames --check"
KINDS = ("dark", "bias", "flat")

_SHOWN = ("level", "noise", "hot", "saturated", "gradient", "asymmetry", "temperature")
_COLUMNS = ("id", "camera", "kind", "exposure_number", "exptime", "verdict", "reasons", *_SHOWN)
_MAIN = ("id", "verdict", "reasons")


@dataclass(frozen=True, slots=True)
class _MeasuredFrame:
    """A frame and what was measured of it, now or before, or why nothing could be."""

    frame: Frame
    images: Mapping[str, MeasuredImage] = field(default_factory=dict)
    problem: str | None = None
    unreadable: bool = False
    known: bool = False


def frame_checks(headers: Collection, date: str | Sequence[str], *, kinds: Sequence[str] = KINDS) -> Answer:
    """Tell what is known of a night's frames: verdicts, reasons and measurements in their documents.

    Returns
    -------
    Answer
        A row per frame: ``id``, ``camera``, ``kind``, ``exposure_number``, ``exptime`` (s), ``verdict``
        (``'good'``, ``'doubtful'``, ``'bad'`` or ``'not checked'``), ``reasons``, and what was measured.
    """
    nights = [date] if isinstance(date, str) else list(date)
    frames = [frame for night in nights for frame in _documents(headers, night, kinds)]
    rows = [_row(frame, frame.get("qc", {}), frame.get("stats") or {}) for frame in frames]
    return Answer(_COLUMNS, tuple(rows), f"Frames, {', '.join(nights)}", _MAIN)


def check_frames(
    session: Session,
    date: str,
    *,
    kinds: Sequence[str] = KINDS,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Answer:
    """Measure and judge a night's frames, and keep the outcome in their documents.

    Parameters
    ----------
    date
        The night, ``YYYY-MM-DD``.
    kinds
        Of frames to check.
    jobs
        Frames measured at a time; by default one for each processor.

    Returns
    -------
    Answer
        As `frame_checks`; frames that were not checked say why, those whose pixels are lost or
        damaged have the verdict ``'unreadable'``. Neither is written down.
    """
    frames = _documents(session.headers, date, kinds)
    measured: list[_MeasuredFrame] = []
    try:
        for one in _measure_all(frames, session, jobs=jobs, progress=progress):
            measured.append(one)
    except KeyboardInterrupt:  # what was measured is not measured again; verdicts need all frames of the night
        new = [one for one in measured if one.images and not one.known]
        stats = {one.frame["_id"]: {"stats": _kept(one.frame, one.images)} for one in new}
        _write(session, stats, date)
        logger.warning("interrupted: what was measured of %s is kept", counted(len(stats), "frame"))
        raise
    outcome = {one.frame["_id"]: one for one in measured}
    companies = _peers(session, [(one.frame, one.images) for one in measured if one.images])
    rows, edits = [], {}
    for frame in frames:
        one = outcome[frame["_id"]]
        if not one.images:
            verdict = "unreadable" if one.unreadable else "not checked"
            rows.append(_row(frame, {"verdict": verdict, "reasons": [one.problem]}, {}))
            continue
        limits = _limits(frame)
        peers = companies[frame["_id"]]
        checks = merged({name: judge(frame, of.stats, peers[name], limits) for name, of in one.images.items()})
        qc = {"verdict": verdict_of(checks), "checks": [check.to_dict() for check in checks]}
        stats = _kept(frame, one.images)
        edits[frame["_id"]] = {"stats": stats, "qc.verdict": qc["verdict"], "qc.checks": qc["checks"]}
        rows.append(_row(frame, qc, stats))
    _write(session, edits, date)
    return Answer(_COLUMNS, tuple(rows), f"Frames, {date}", _MAIN)


def check_unchecked(
    session: Session, night: str, *, kinds: Sequence[str], jobs: int | None = None, progress: Progress | None = None
) -> int:
    """Check the frames of a night before masters are made of them, where some have no verdict yet.

    Returns
    -------
    int
        How many had none. Frames that are judged already are left alone, but for what newcomers change in them.
    """
    wanted = [kind for kind in KINDS if kind in kinds]
    frames = _documents(session.headers, night, wanted)
    new = [one for one in frames if not (one.get("qc") or {}).get("verdict") and images_of(one)]
    if new:
        check_frames(session, night, kinds=wanted, jobs=jobs, progress=progress)
    return len(new)


def _write(session: Session, edits: Mapping[str, Mapping[str, Any]], night: str) -> None:
    from pipelines.documents.batches import change_batch
    from pipelines.documents.changes import Edit

    if not edits:
        return
    run = ledger.start(session.runs, verb=VERB, arguments={"nights": [night]})
    why, changed = "checked before combining", []
    for names in batches(edits):
        there = found_in(session.headers, "_id", names, {"cards": 0, "header": 0})
        some = [(document, Edit(document["_id"], set=edits[document["_id"]])) for document in there]
        changed += change_batch(some, catalog=session.catalog, store=session.store, why=why, run=run)
    ledger.finish(session.runs, run, status="finished", result={"checked": len(edits), "changed": len(changed)})


def _documents(headers: Collection, night: str, kinds: Sequence[str]) -> list[Frame]:
    """Return the documents of a night's frames, without their cards, in order of camera and exposure."""
    names = [frame["_id"] for frame in frames_of(headers, night, kinds=kinds)]
    found: dict[str, Frame] = {}
    for document in found_in(headers, "_id", names, {"cards": 0}):
        found[document["_id"]] = document
    return [found[name] for name in names if name in found]


def _measure_all(
    frames: Sequence[Frame], session: Session, *, jobs: int | None, progress: Progress | None
) -> Iterator[_MeasuredFrame]:
    done = 0
    if session.workers is not None:
        pieces = [frames[first : first + TOGETHER] for first in range(0, len(frames), TOGETHER)]
        for piece in session.workers.in_order(_measure_some, pieces):
            yield from piece.require(f"measuring {piece.piece[0]['_id']} and those after it")
            done += len(piece.piece)
            if progress is not None:
                progress(done, len(frames))
        return
    store = session.store
    pool = ThreadPoolExecutor(jobs or threads(), thread_name_prefix="darkroom-measure")
    try:
        for done, one in enumerate(pool.map(lambda frame: _measure(frame, store), frames), 1):
            yield one
            if progress is not None:
                progress(done, len(frames))
    finally:
        pool.shutdown(cancel_futures=True)  # of an interrupted run, those that wait


def _measure_some(shared: SharedStore, frames: Sequence[Frame]) -> list[_MeasuredFrame]:
    return [_measure(frame, shared.store) for frame in frames]


def _measure(frame: Frame, store: ArrayStore) -> _MeasuredFrame:
    from arraystore import ArrayDamaged, Lost

    if not images_of(frame):
        return _MeasuredFrame(frame, problem="its pixels are not in the archive: ingest it without --headers-only")
    made_of = _made_of(frame)
    known = _known(frame, made_of)
    if known is not None:
        return _MeasuredFrame(frame, known, known=True)  # lost or damaged since, `check` finds it, and who reads it
    try:
        return _MeasuredFrame(frame, measure_images(frame, store, made_of))
    except (Lost, ArrayDamaged) as error:
        return _MeasuredFrame(frame, problem=str(error), unreadable=True)
    except UsageError as error:
        return _MeasuredFrame(frame, problem=str(error))


def _limits(frame: Frame) -> FrameLimits:
    profile = profiles().get(frame["profile"])
    return profile.calibration.limits if profile is not None else FrameLimits()


def _known(frame: Frame, made_of: Mapping[str, Any]) -> dict[str, MeasuredImage] | None:
    """Return what was measured of these very pixels in the same way, if it was."""
    kept = frame.get("stats") or {}
    if any(kept.get(name) != value for name, value in made_of.items()):
        return None
    return known_images(images_of(frame), kept)


def _made_of(frame: Frame) -> dict[str, Any]:
    """Return what measurements depend on."""
    limits = _limits(frame)
    return {
        "pixels": frame["pixels_digest"],
        "saturation": limits.saturation if limits.saturation is not None else obs_number(frame, "saturation"),
        "hot_sigma": limits.hot_sigma,
        "colour": bool((frame.get("obs") or {}).get("bayer")),
        "version": VERSION,
    }


def _kept(frame: Frame, images: Mapping[str, MeasuredImage]) -> dict[str, Any]:
    return {**kept_images(images), "temperature": obs_number(frame, "temperature"), **_made_of(frame)}


def _peers(
    session: Session, measured: Sequence[tuple[Frame, Mapping[str, MeasuredImage]]]
) -> dict[str, dict[str, Peers]]:
    """Return what each image of each frame is compared with."""
    setups = _setups([frame for frame, _ in measured])
    like: dict[tuple[str, str], list[MeasuredImage]] = {}
    temperatures: dict[str, list[float]] = {}
    for frame, images in measured:
        for name, one in images.items():
            like.setdefault((setups[frame["_id"]], name), []).append(one)
        warmth = obs_number(frame, "temperature")
        if warmth is not None:
            temperatures.setdefault(str(camera_of(frame)), []).append(warmth)
    twins = _twins([frame for frame, _ in measured], session.headers)
    masters = previous_masters([frame for frame, _ in measured], session.masters)
    answer: dict[str, dict[str, Peers]] = {}
    for frame, images in measured:
        others = twins.get(frame["pixels_digest"], [frame["_id"]])
        away, why = _distance(frame, images, masters.get(frame["_id"]), session.store)
        shared = Peers(
            temperatures=temperatures.get(str(camera_of(frame)), []),
            same_pixels=[other for other in others if other != frame["_id"]],
            is_first=others[0] == frame["_id"],
            distance=away,
            no_distance=why,
        )
        answer[frame["_id"]] = {}
        for name, one in images.items():
            same = like[setups[frame["_id"]], name]
            levels = [other.stats.level - other.pedestal for other in same]
            structures = [other.stats.structure for other in same if other.stats.structure is not None]
            found = replace(shared, levels=levels, structures=structures, pedestal=one.pedestal)
            answer[frame["_id"]][name] = found
    return answer


def _distance(
    frame: Frame, images: Mapping[str, MeasuredImage], master: Frame | None, store: ArrayStore
) -> tuple[float | None, str]:
    if master is None:
        return None, "there is no previous master"
    if len(images) > 1:
        return None, f"it has {len(images)} images: they are not compared with the previous master"
    (one,) = images.values()
    try:
        return distance_of(frame, one.stats, master, store=store, sigma=_limits(frame).distance_sigma), ""
    except UsageError as error:
        return None, str(error)


def _setups(frames: Sequence[Frame]) -> dict[str, str]:
    """Name the setup of each frame, by its id: frames of one camera, kind, exposure time and setup have like levels.

    A frame of no known camera is compared with none.
    """
    found: dict[str, str] = {}
    kinds: dict[tuple[str, str], list[Frame]] = {}
    for frame in frames:
        kinds.setdefault((str(frame.get("profile")), frame["kind"]), []).append(frame)
    for (profile, kind), mine in kinds.items():
        declared = calibration_of(profile)
        rule = None if declared is None else declared.rule(kind)
        keys = (CAMERA,) if rule is None else tuple(key for key in rule.keys if key.name not in _OTHERWISE)
        for number, part in enumerate(partition(mine, (*keys, EXPTIME), nights=False)):
            for one in part.frames:
                found[one["_id"]] = f"{profile} {kind} {number}" if camera_of(one) is not None else one["_id"]
    return found


_OTHERWISE = frozenset({TEMPERATURE.name, EXPTIME.name})  # the temperature has a check of its own


def _twins(frames: Sequence[Frame], headers: Collection) -> dict[str, list[str]]:
    """Return the names of all documents with the same pixels, in order of time, by the digest of the pixels."""
    digests = sorted({frame["pixels_digest"] for frame in frames if frame.get("pixels_digest")})
    found: dict[str, list[Frame]] = {}
    for frame in found_in(headers, "pixels_digest", digests, {"pixels_digest": 1, "timestamp": 1}):
        found.setdefault(frame["pixels_digest"], []).append(frame)

    def order(frame: Frame) -> tuple[bool, float, str]:
        shown = frame.get("timestamp")
        return shown is None, shown.timestamp() if shown else 0.0, frame["_id"]

    return {digest: [frame["_id"] for frame in sorted(some, key=order)] for digest, some in found.items()}


def _row(frame: Frame, qc: Mapping[str, Any], stats: Mapping[str, Any]) -> Row:
    reasons = qc.get("reasons")
    if reasons is None:
        told = [FrameCheck(**check) for check in qc.get("checks", [])]
        reasons = [check.reason for check in told if check.verdict in ("bad", "doubtful")]
    return {
        "id": frame["_id"],
        "camera": camera_of(frame),
        "kind": frame["kind"],
        "exposure_number": frame.get("exposure_number"),
        "exptime": exposure_time(frame),
        "verdict": qc.get("verdict") or "not checked",
        "reasons": reasons,
        **{name: stats.get(name) for name in _SHOWN},
    }
