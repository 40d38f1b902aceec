"""Makes the masters of a night: what is unchanged is left alone, and two runs that make the same one agree."""

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from catalog import CatalogError
from pipelines.calibration.groups.kinds import KINDS
from pipelines.calibration.masters.document import MasterParts, keep_master, master_document, recover_master
from pipelines.calibration.masters.make import make, make_shared, not_made
from pipelines.calibration.masters.plan import plan_kind, require_sense
from pipelines.calibration.masters.step import MasterOptions, Step
from pipelines.calibration.masters.work import Made, Work
from pipelines.calibration.select.choose import best, candidates
from pipelines.calibration.select.criteria import Rules, certify_hint
from pipelines.combine.bands import threads
from pipelines.documents import runs as ledger
from pipelines.documents.changes import Edit, change
from pipelines.documents.lookup import found_in
from pipelines.documents.schema import Doc, Document
from pipelines.errors import Refused
from pipelines.progress import Progress
from pipelines.session import Session
from pipelines.table import Answer, Row

__all__ = ["make_masters"]

logger = logging.getLogger(__name__)

COLUMNS = ("kind", "camera", "key", "frames", "used", "outcome", "status", "master", "reason", "rejected", "s")

_STATUS = {"status": 1, "acceptance.reason": 1, "acceptance.held": 1, "instead": 1, "rejected": 1}

_MEMORY, _PIXEL = 1 << 30, 64  # bytes of all masters that are made at a time, and of a pixel of one

_SAID = {"none": "not made"}  # outcomes that need a word of their own


@dataclass(frozen=True, slots=True)
class _Making:
    """Where masters are kept, and the run that makes them."""

    session: Session
    options: MasterOptions
    run: str


def make_masters(
    session: Session,
    *,
    date: str,
    kinds: Iterable[str] = KINDS,
    options: MasterOptions | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Answer:
    """Make the masters of a night, or find them made.

    Biases first, then darks, flats and maps, each with the masters that came out before. A group that
    gives none costs nobody else anything.

    Parameters
    ----------
    date : str
        The night.
    kinds : iterable of str
        Of `groups.kinds.KINDS`.
    options : MasterOptions, optional
        How they are made.
    jobs : int, optional
        Masters made at a time; by default one for each processor, as far as the planes of all together take no
        more than 1 GB. Each takes the memory of the planes of one master and of a band of its frames.

    Returns
    -------
    Answer
        A row per group: ``outcome`` is ``'made'``, ``'unchanged'``, ``'reinstated'``, ``'none'`` (with the
        reason) or ``'failed'``; ``rejected`` names each frame left out and why; ``shares`` is the fraction of
        each frame's samples that agree with the master, and ``used`` the least and the most of it.

    Raises
    ------
    UsageError
        There is no such night or kind.
    arraystore.StoreError
        The store is full, gone or read-only. What was made before stays.
    """
    options = options or MasterOptions()
    require_sense(date, kinds)
    run = ledger.start(session.runs, verb="masters", arguments={"date": date, "kinds": list(kinds)})
    place = _Making(session, options, run)
    rows: list[Row] = []
    try:
        for kind in KINDS:
            if kind in kinds:
                steps = plan_kind(session.catalog, kind, date=date, options=options)
                rows += _carry_out(steps, place, jobs=jobs or _at_a_time(steps), progress=progress)
    except BaseException as error:
        with suppress(CatalogError):  # the catalog itself may be what failed
            result = {**_counts(rows), "error": f"{type(error).__name__}: {error}"}
            ledger.finish(session.runs, run, status="failed", result=result)
        raise
    ledger.finish(session.runs, run, status="finished", result=_counts(rows))
    said = ", ".join(f"{count} {_SAID.get(outcome, outcome)}" for outcome, count in _counts(rows).items())
    return Answer(COLUMNS, tuple(rows), f"Masters of {date}: {said or 'no frames to make any of'} (run {run})")


def _at_a_time(steps: Sequence[Step]) -> int:
    """Return how many masters are made at a time: memory does not grow with the number of processors."""
    shapes = (ref["shape"] for step in steps for frame in step.frames[:1] for ref in frame["arrays"].values())
    largest = max((math.prod(shape[-2:]) for shape in shapes), default=1)
    return max(1, min(threads(), _MEMORY // (_PIXEL * largest)))


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    outcomes = [row["outcome"] for row in rows]
    return {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}


def _carry_out(steps: Sequence[Step], place: _Making, *, jobs: int, progress: Progress | None) -> list[Row]:
    """Carry out the steps of one kind; rows in the order of the steps."""
    rows: dict[int, Row] = {}
    waiting: list[tuple[int, Work]] = []
    unchanged = [step.master for step in steps if step.action == "none" and step.master is not None]
    there = _shown_masters(place, unchanged)
    for number, step in enumerate(steps):
        if step.action == "make":
            work = _work(step, place)
            if isinstance(work, Work):
                waiting.append((number, work))
            else:
                rows[number] = work
        elif step.action == "reinstate":
            rows[number] = _reinstate(step, place)
        else:
            outcome = "unchanged" if step.reason == "nothing has changed" else "none"
            rows[number] = _row(step, outcome, master=there.get(str(step.master)))
    for done, (number, made) in enumerate(_all(waiting, place.session, jobs), 1):
        rows[number] = _kept(made, place)
        if progress is not None:
            progress(done, len(waiting))
    for _, row in sorted(rows.items()):
        named = " ".join(str(row[name]) for name in ("kind", "camera", "key"))
        logger.info("%s: %s: %s", _SAID.get(row["outcome"], row["outcome"]), named, row["reason"] or row["status"])
        for left_out in row["rejected"]:
            logger.info("left out of %s: %s", named, left_out)
    return [rows[number] for number in sorted(rows)]


def _all(waiting: Sequence[tuple[int, Work]], session: Session, jobs: int) -> Iterator[tuple[int, Made]]:
    """Make masters side by side, few at a time; the catalog is left to the caller's thread."""
    if session.workers is not None:
        for done in session.workers.each(make_shared, (work for _, work in waiting)):
            made = done.result if done.result is not None else not_made(done.piece.step, done.lost)
            yield waiting[done.number][0], made
        return
    store = session.store
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="darkroom-master")
    pending: dict[Future[Made], int] = {}
    try:
        for number, work in waiting:
            pending[pool.submit(make, work, store=store)] = number
            if len(pending) >= 2 * jobs:
                yield from _finished(pending)
        while pending:
            yield from _finished(pending)
    finally:
        pool.shutdown(cancel_futures=True)


def _finished(pending: dict[Future[Made], int]) -> Iterator[tuple[int, Made]]:
    done, _ = wait(pending, return_when=FIRST_COMPLETED)
    for future in done:
        yield pending.pop(future), future.result()


def _work(step: Step, place: _Making) -> Work | Row:
    """Gather what a step needs of the catalog; a row instead where an earlier run was cut short."""
    query = {"kind": step.kind, "date": step.date, "camera": step.camera}
    known = frozenset(doc["_id"] for doc in place.session.masters.find(query, {"_id": 1}))
    try:
        kept = None if step.master in known else recover_master(place.session, str(step.master))
    except Refused as error:
        return _row(step, "failed", reason=str(error))
    if kept is not None:
        _supersede(step, kept, place)
        return _row(step, "made", master=kept)
    names = [used.id for used in step.used]
    masters = {doc["_id"]: doc for doc in place.session.masters.find({"_id": {"$in": names}})}
    return Work(step, masters, _current(step, place), place.options, known)


def _current(step: Step, place: _Making) -> Document | None:
    """Find the master in use that this one has to match; one that shares a frame with it is no judge."""
    if not step.frames:
        return None
    mine = {frame["_id"] for frame in step.frames}
    judged = [
        candidate
        for candidate in candidates(step.frames[0], step.kind, catalog=place.session.catalog, rules=Rules())
        if candidate.master.get("flat_time") == step.key.get("flat_time")
        and not mine & {item["id"] for item in candidate.master["inputs"]}
    ]
    chosen = best(judged)
    return None if chosen is None else place.session.masters.find_one({"_id": chosen.master["_id"]})


def _kept(made: Made, place: _Making, instead: str | None = None) -> Row:
    """Keep what was made: document and history; return its row, or that of what is accepted without frames at fault."""
    if made.beside is not None:
        row = _kept(made.beside, place)
        whole = _kept(replace(made, beside=None), place, instead=row["master"])["master"]
        _change(
            [Edit(whole, set={"instead": row["master"]})], f"{row['master']} was made without frames at fault", place
        )
        return row
    step = made.step
    if made.problem is not None or made.acceptance is None:
        return _row(step, "failed", reason=made.problem, seconds=made.seconds)
    parts = MasterParts(
        recipe=step.recipe(),
        profile=step.profile,
        date=step.date,
        frames=step.frames,
        rejected=step.rejected,
        refs=made.refs,
        statistics=made.statistics,
        noise=made.noise,
        method=made.method,
        acceptance=made.acceptance.to_dict(),
        details=made.details,
        notes=step.notes,
        images=made.images,
        status=made.acceptance.status,
        instead=instead,
        timestamp=_time_of(step, place),
        instrument=step.instrument,
        camera=step.camera,
        seconds=made.seconds,
    )
    try:
        document, ours = keep_master(place.session, master_document(parts, run=place.run))
    except Refused as error:
        return _row(step, "failed", reason=str(error), seconds=made.seconds)
    _supersede(step, document, place)
    reason = None if ours else f"made by another run at the same time, {document['ingest']['run']}"
    return _row(step, "made" if ours else "unchanged", master=document, reason=reason, seconds=made.seconds)


def _time_of(step: Step, place: _Making) -> Any:
    """Return the time of a map: that of the first master it is made from."""
    if step.frames or not step.used:
        return None
    found = place.session.masters.find_one({"_id": step.used[0].id}, {"timestamp": 1})
    return None if found is None else found["timestamp"]


def _supersede(step: Step, document: Doc, place: _Making) -> None:
    """Take out of use what a verified master takes the place of; what is certified stays until somebody says."""
    if document["status"] != "verified":
        return
    names = [name for name in step.supersedes if name != document["_id"]]
    edits = [Edit(name, set={"superseded_by": document["_id"]}) for name in names]
    _change(edits, f"{document['_id']} was made in its place", place)


def _change(edits: Sequence[Edit], why: str, place: _Making) -> None:
    """Record changes of masters, as far as they change anything."""
    if edits:
        session = place.session
        change(edits, catalog=session.catalog, store=session.store, why=why, run=place.run, collection="masters")


def _reinstate(step: Step, place: _Making) -> Row:
    """Take a master back into use that is made of exactly the present inputs."""
    name = str(step.master)
    edits = [Edit(name, unset=("superseded_by",))]
    edits += [Edit(other, set={"superseded_by": name}) for other in step.supersedes]
    _change(edits, str(step.reason), place)
    return _row(step, "reinstated", master=_status(step, place))


def _status(step: Step, place: _Making) -> Document | None:
    if step.master is None:
        return None
    return _shown_masters(place, [step.master]).get(step.master)


def _shown_masters(place: _Making, names: Sequence[str]) -> dict[str, Document]:
    """Read what rows show of masters; of one with frames at fault, that of the one made without them."""
    there = {doc["_id"]: doc for doc in found_in(place.session.masters, "_id", names, _STATUS)}
    others = [doc["instead"] for doc in there.values() if doc.get("instead")]
    sound = {doc["_id"]: doc for doc in found_in(place.session.masters, "_id", others, _STATUS)}
    return {name: sound.get(doc.get("instead", ""), doc) for name, doc in there.items()}


def _row(
    step: Step, outcome: str, *, master: Doc | None = None, reason: str | None = None, seconds: float = 0.0
) -> Row:
    row = step.row()
    gone = {item["id"] for item in (master or {}).get("rejected") or ()}
    left_out = [f"{item['id']}: {item['reason']}" for item in (master or {}).get("rejected") or ()]
    if reason is None:
        reason = step.reason if outcome != "made" or master is None else master["acceptance"]["reason"]
        hint = [certify_hint(master)] if master is not None and master["status"] == "proposed" else []
        reason = "; ".join([*([reason] if reason else []), *step.notes, *hint]) or None
    return {
        **{name: row[name] for name in ("kind", "camera", "key")},
        "frames": len(step.frames) - sum(frame["_id"] in gone for frame in step.frames),
        "rejected": row["rejected"] + [told for told in left_out if told not in row["rejected"]],
        **_used(master),
        "outcome": outcome,
        "status": None if master is None else master["status"],
        "master": step.master if master is None else master["_id"],
        "reason": reason,
        "s": round(seconds, 2),
    }


def _used(master: Doc | None) -> Row:
    """Return the share of each frame's samples that a master agrees with, and the smallest and largest of them."""
    held = ((master or {}).get("acceptance") or {}).get("held") or ()
    shares = {one["frame"]: one["share"] for one in held if one.get("share") is not None}
    if not shares:
        return {"used": None, "shares": {}}
    least, most = (f"{100 * bound:.4g}" for bound in (min(shares.values()), max(shares.values())))
    return {"used": f"{least} %" if least == most else f"{least}-{most} %", "shares": shares}
