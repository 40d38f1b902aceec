"""Completeness of a night: what is missing, doubled or odd, measured by the array and by recent nights."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from catalog import Catalog
from pipelines.calibration.groups.questions import flat_conflicts
from pipelines.instruments import path_night, profiles
from pipelines.instruments.nights import parse_night
from pipelines.nightly.nights import wanted
from pipelines.nights.drift import keyword_findings
from pipelines.nights.notice import Notice
from pipelines.session import Session
from pipelines.table import Answer

RECENT = 14  # nights before this one that have any frames
COLUMNS = ("code", "attention", "what", "hint", "which")

Document = dict[str, Any]
_FIELDS = [
    *("instrument", "profile", "camera", "detector", "kind", "exposure_number", "qc.flags", "path_night"),
    *("header.EXPTIME", "ingest.arrays", "pixels_digest"),
]


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
        A row a finding: ``code``, ``attention`` (whether somebody should act), ``what``, ``hint``
        (what to do), ``which`` (cameras, documents or files). No rows: nothing is missing or odd.

    Raises
    ------
    UsageError
        That is no night.
    """
    parse_night(date)
    frames = list(session.headers.find({"date": date}, _FIELDS).sort("_id", 1))
    before = sorted(session.headers.distinct("date", {"date": {"$lt": date}}))[-recent:]
    findings = [
        *_nothing(frames, date),
        *_cameras(session.catalog, frames, before),
        *_exposures(frames),
        *_conflicts(session.catalog, frames, date),
        *_darks(frames),
        *_pending(frames),
        *keyword_findings(session.headers, date, before),
        *_quarantined(session.catalog, date),
    ]
    cameras = len({_camera(frame) for frame in frames} - {None})
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
    return Answer(COLUMNS, rows, f"Night {date}, {len(frames)} files of {cameras} cameras: missing or odd")


def _nothing(frames: Sequence[Document], date: str) -> Iterator[Notice]:
    if not frames:
        yield Notice(
            "no-files", f"there is no file of {date}", f"if there was a night: darkroom nightly --date {date} FOLDER"
        )


def _cameras(catalog: Catalog, frames: Sequence[Document], before: Sequence[str]) -> Iterator[Notice]:
    """Find cameras that most recent nights have and this one has not, and new ones."""
    nights: dict[str, set[str]] = defaultdict(set)
    pipeline: list[Document] = [
        {"$match": {"date": {"$in": list(before)}}},
        {"$group": {"_id": {"date": "$date", "camera": {"$ifNull": ["$camera", "$detector"]}}}},
    ]
    for group in catalog.headers.aggregate(pipeline) if before else ():
        if group["_id"].get("camera") is not None:
            nights[group["_id"]["camera"]].add(group["_id"]["date"])
    now = {camera for frame in frames if (camera := _camera(frame)) is not None}
    if not frames or not before:
        return
    for camera in sorted(nights.keys() - now):
        if 2 * len(nights[camera]) > len(before):
            what = f"camera {camera} has no file, and had on {len(nights[camera])} of the last {len(before)} nights"
            yield Notice("camera-missing", what, "look at its computer, and whether its files were copied", (camera,))
    new = tuple(sorted(now - nights.keys()))
    if new:
        what = f"{len(new)} cameras that none of the last {len(before)} nights has"
        yield Notice("camera-new", what, "nothing, if they are new; else look at the serial numbers", new, False)


def _exposures(frames: Sequence[Document]) -> Iterator[Notice]:
    """Find exposure numbers that a camera lacks and most of its array has, none has, or one has twice."""
    arrays: dict[str, dict[str, Counter[int]]] = defaultdict(lambda: defaultdict(Counter))
    for frame in frames:
        camera, number = _camera(frame), frame.get("exposure_number")
        if camera is not None and number is not None:
            arrays[frame["instrument"]][camera][number] += 1
    for cameras in arrays.values():
        votes = Counter(number for numbers in cameras.values() for number in numbers)
        array = {number for number, count in votes.items() if 2 * count > len(cameras)}
        for camera, numbers in sorted(cameras.items()):
            lacking = sorted(array - numbers.keys())
            if lacking:
                what = f"camera {camera} lacks exposures {_ranges(lacking)}, which most cameras have"
                yield Notice("exposure-missing", what, "look for the files at the camera, and in quarantine", (camera,))
            twice = sorted(number for number, count in numbers.items() if count > 1)
            if twice:
                what = f"camera {camera} has exposures {_ranges(twice)} more than once"
                yield Notice("exposure-twice", what, "a number was given again, or a file copied; look", (camera,))
        gaps = sorted(set(range(min(votes), max(votes) + 1)) - votes.keys()) if _dense(votes) else []
        if gaps:
            what = f"no camera has exposures {_ranges(gaps)}"
            yield Notice("exposure-gap", what, "not taken, never copied, or in quarantine; see the observing log")


def _dense(numbers: Iterable[int]) -> bool:
    """Tell whether numbers count a night's exposures, not something sparse like a date."""
    found = set(numbers)
    return max(found) - min(found) < 4 * len(found) + 100


def _conflicts(catalog: Catalog, frames: Sequence[Document], date: str) -> Iterator[Notice]:
    """Find files whose path and header name different nights, and flats that disagree on the time of day."""
    other = list(catalog.headers.find({"path_night": date, "date": {"$ne": date}}, {"date": 1}).sort("_id", 1))
    moved = [frame["_id"] for frame in frames if "night-conflict" in frame["qc"]["flags"]]
    hint = "the camera's clock, or the folder, is wrong: compare the exposure numbers with other cameras"
    if moved:
        yield Notice("night-conflict", f"{len(moved)} files lie in the folder of another night", hint, tuple(moved))
    if other:
        nights = ", ".join(sorted({str(doc["date"]) for doc in other}))
        what = f"{len(other)} files in the folder of this night are of {nights} by their headers"
        yield Notice("night-conflict", what, hint, tuple(doc["_id"] for doc in other))
    groups = list(flat_conflicts(catalog.headers, date))
    if groups:
        numbers = _ranges(sorted({group["exposure_number"] for group in groups}))
        outvoted = tuple(name for group in groups for name in group["outvoted"])
        ties = sum(group["consensus"] is None for group in groups)
        what = f"flats of exposures {numbers} disagree on evening or morning" + (f", {ties} are ties" if ties else "")
        yield Notice("flat-conflict", what, f"darkroom flats {date} says what most cameras say", outvoted)


def _darks(frames: Sequence[Document]) -> Iterator[Notice]:
    """Find exposure times of lights and flats for which a camera has no dark of the night."""
    darks = {(_camera(f), _exptime(f)) for f in frames if f["kind"] == "dark"}
    lacking: dict[float, set[str]] = defaultdict(set)
    for frame in frames:
        camera, exptime = _camera(frame), _exptime(frame)
        if camera is None or exptime is None or frame["kind"] not in ("light", "flat"):
            continue
        if (camera, exptime) not in darks:
            lacking[exptime].add(camera)
    for exptime, cameras in sorted(lacking.items()):
        what = f"{len(cameras)} cameras have lights or flats of {exptime:g} s and no dark of that time"
        hint = "take darks of this time, or calibrate with those of another night"
        yield Notice("dark-missing", what, hint, tuple(sorted(cameras)))


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


def _quarantined(catalog: Catalog, date: str) -> Iterator[Notice]:
    """Find the files of the night that could not be taken, kind by kind."""
    readers = [profile for profile in profiles().values() if profile.path is not None]
    want = wanted(date)
    kinds: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for entry in catalog.quarantine.find({}, {"path": 1, "code": 1, "hint": 1, "mtime": 1}).sort("_id", 1):
        path = PurePosixPath(entry["path"])
        by_path = next((day for reader in readers if (day := path_night(reader, path)) is not None), None)
        mtime = entry.get("mtime")
        by_time = want.modified(mtime.timestamp()) if mtime is not None else False
        if date in path.parts or (by_path.isoformat() == date if by_path else by_time):
            kinds[entry["code"]].append(entry)
    for code, entries in sorted(kinds.items()):
        names = tuple(entry["_id"] for entry in entries)
        yield Notice("quarantined", f"{len(entries)} files in quarantine: {code}", entries[0]["hint"], names)


def _camera(frame: Document) -> str | None:
    return frame.get("camera") or frame.get("detector")


def _exptime(frame: Document) -> float | None:
    value = frame["header"].get("EXPTIME")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _ranges(numbers: Sequence[int]) -> str:
    """Write sorted numbers as ranges: ``3, 5-8``; at most ten of them."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    shown = [str(first) if first == last else f"{first}-{last}" for first, last in parts[:10]]
    return ", ".join(shown) + (f", … ({len(numbers)} in all)" if len(parts) > 10 else "")
