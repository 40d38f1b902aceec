"""Completeness of a night: what is missing, doubled or odd, measured by the array and by recent nights."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from catalog import Catalog
from pipelines.calibration.groups.keys import camera_of
from pipelines.calibration.times.flats import flat_times
from pipelines.documents.schema import Document
from pipelines.instruments import profiles
from pipelines.instruments.nights import parse_night
from pipelines.nightly.nights import night_of_path, wanted
from pipelines.nights.calibrations import group_findings, missing_calibration, retired_masters
from pipelines.nights.cameras import camera_findings, exposure_findings, nameless, names_of, ranges
from pipelines.nights.drift import keyword_findings
from pipelines.nights.notice import Notice
from pipelines.nights.unplaced import unplaced
from pipelines.session import Session
from pipelines.table import Answer
from pipelines.table.cells import counted

RECENT = 14  # nights before this one that have any frames
COLUMNS = ("code", "attention", "what", "hint", "which")


def night(session: Session, date: str, *, recent: int = RECENT) -> Answer:
    """Say what of a night is missing or odd.

    Parameters
    ----------
    date : str
        The night, ``YYYY-MM-DD``.
    recent : int
        How many nights before it, of those that have frames, it is measured by.

    Returns
    -------
    Answer
        A row per finding: ``code``, ``attention`` (whether somebody should act), ``what``, ``hint``
        (what to do), ``which`` (cameras, documents or files). No rows: nothing is missing or odd.

    Raises
    ------
    UsageError
        That is not a valid date.
    """
    parse_night(date)
    frames = list(session.headers.find({"date": date}).sort("_id", 1))
    before = sorted(session.headers.distinct("date", {"date": {"$lt": date}}))[-recent:]
    held = _in_quarantine(session.catalog, date)
    names = names_of(frames)
    findings = [
        *_nothing(frames, held, date),
        *camera_findings(session, frames, before, date, held),
        *nameless(frames),
        *exposure_findings(frames, names),
        *_undated(session, frames, date),
        *_conflicts(session, frames, date),
        *unplaced(session.headers, frames, date),
        *group_findings(session, date, names),
        *missing_calibration(session, frames, date, names),
        *retired_masters(session, date),
        *_pending(frames),
        *keyword_findings(session.headers, date, before),
        *_quarantined(held),
    ]
    cameras = {camera_of(frame) for frame in frames} - {None}
    only = f", {len(names.models)} by the model only" if names.models else ""
    rows = tuple(
        {
            "code": found.code,
            "attention": found.attention,
            "what": found.what,
            "hint": found.hint,
            "which": list(found.which),
        }
        for found in sorted(findings, key=lambda found: not found.attention)
    )
    return Answer(
        COLUMNS,
        rows,
        f"Night {date}, {counted(len(frames), 'file')} of {counted(len(cameras), 'camera')}{only}: missing or odd",
    )


def _nothing(frames: Sequence[Document], held: Sequence[Mapping[str, Any]], date: str) -> Iterator[Notice]:
    if frames:
        return
    if held:
        what = f"all {len(held)} files of {date} are in quarantine"
        yield Notice("no-files", what, "darkroom quarantine list says why")
    else:
        hint = f"if there was a night: darkroom nightly --date {date} FOLDER"
        yield Notice("no-files", f"there is no file of {date}", hint)


def _undated(session: Session, frames: Sequence[Document], date: str) -> Iterator[Notice]:
    """Find files without a date that lie beside those of the night, and times that are doubtful."""
    folders = {(frame["root"], PurePosixPath(frame["path"]).parent) for frame in frames}
    undated = tuple(
        frame["_id"]
        for frame in session.headers.find({"date": None}, {"root": 1, "path": 1, "path_night": 1}).sort("_id", 1)
        if frame.get("path_night") == date or (frame["root"], PurePosixPath(frame["path"]).parent) in folders
    )
    if undated:
        what = f"{len(undated)} files beside those of this night have no date, and are in no group"
        yield Notice(
            "date-missing", what, "look for the time in their headers: a profile can name its keyword", undated
        )
    doubtful = tuple(frame["_id"] for frame in frames if "time-doubtful" in frame["qc"]["flags"])
    if doubtful:
        what = f"{len(doubtful)} files have a doubtful time: their headers contradict themselves, or it is impossible"
        yield Notice("time-doubtful", what, "compare DATE-OBS, MJD-OBS and the folder: `darkroom header ID`", doubtful)


def _conflicts(session: Session, frames: Sequence[Document], date: str) -> Iterator[Notice]:
    """Find files whose path and header name different nights, and flats that disagree on the time of day."""
    other = list(session.headers.find({"path_night": date, "date": {"$ne": date}}, {"date": 1}).sort("_id", 1))
    moved = [frame["_id"] for frame in frames if "night-conflict" in frame["qc"]["flags"]]
    hint = "the camera's clock, or the folder, is wrong: compare the exposure numbers with other cameras"
    if moved:
        yield Notice("night-conflict", f"{len(moved)} files lie in the folder of another night", hint, tuple(moved))
    if other:
        nights = ", ".join(sorted({str(doc["date"]) for doc in other}))
        what = f"{len(other)} files in the folder of this night are of {nights} by their headers"
        yield Notice("night-conflict", what, hint, tuple(doc["_id"] for doc in other))
    yield from _flat_times(session, date)


def _flat_times(session: Session, date: str) -> Iterator[Notice]:
    """Find flats whose evening or morning is not what all evidence says, or that evidence cannot decide."""
    judged = [row for row in flat_times(session.headers, date) if row["exposure_number"] is not None]
    torn = [row for row in judged if len(row["flat_times"]) > 1 or row["to_change"]]
    if torn:
        numbers = ranges(sorted({row["exposure_number"] for row in torn}))
        wrong = tuple(name for row in torn for name in row["to_change"])
        undecided = sum(row["decision"] == "undecided" for row in torn)
        what = f"flats of exposures {numbers} disagree on evening or morning"
        what += f", {undecided} of them undecided" if undecided else ""
        yield Notice("flat-conflict", what, f"darkroom flats {date} --evidence says what all evidence tells", wrong)


def _pending(frames: Sequence[Document]) -> Iterator[Notice]:
    """Find files of which only the headers were taken, and pixels that came under two names."""
    pending = tuple(frame["_id"] for frame in frames if frame["ingest"]["arrays"] == "pending")
    if pending:
        yield Notice("arrays-pending", f"{len(pending)} files have no arrays yet", "ingest them again", pending)
    same: dict[str, list[str]] = defaultdict(list)
    for frame in frames:
        if frame.get("pixels_digest"):
            same[frame["pixels_digest"]].append(frame["_id"])
    for names in same.values():
        if len(names) > 1:
            what = f"{len(names)} files have the same pixels"
            yield Notice("pixels-twice", what, "a file was copied, or a camera sent a frame again", tuple(names))


def _in_quarantine(catalog: Catalog, date: str) -> list[Mapping[str, Any]]:
    """Return the files of the night that could not be taken: by their path, else by when they were written."""
    known = profiles()
    want = wanted(date)
    found: list[Mapping[str, Any]] = []
    fields = dict.fromkeys(("path", "code", "hint", "mtime", "acknowledged"), 1)
    for entry in catalog.quarantine.find({}, fields).sort("_id", 1):
        path = PurePosixPath(entry["path"])
        by_path = night_of_path(path, known)
        mtime = entry.get("mtime")
        by_time = want.modified(mtime.timestamp()) if mtime is not None else False
        if date in path.parts or (by_path.isoformat() == date if by_path else by_time):
            found.append(entry)
    return found


def _quarantined(held: Sequence[Mapping[str, Any]]) -> Iterator[Notice]:
    """Tell of the files in quarantine, reason by reason."""
    kinds: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for entry in held:
        if not entry.get("acknowledged"):
            kinds[entry["code"]].append(entry)
    for code, entries in sorted(kinds.items()):
        names = tuple(entry["_id"] for entry in entries)
        yield Notice("quarantined", f"{counted(len(entries), 'file')} in quarantine: {code}", entries[0]["hint"], names)
