"""The page of a night: what needs somebody first, then hours, cameras, groups, masters, frames."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any

from pipelines.calibration.groups.keys import camera_of
from pipelines.documents.lookup import batches
from pipelines.documents.schema import Doc
from pipelines.instruments.nights import parse_night
from pipelines.pages.frames import NOT_CHECKED, FrameRow, frame_rows
from pipelines.pages.hours import Hours, hours_of
from pipelines.pages.page import Page, render
from pipelines.pages.small import Small, small
from pipelines.pages.timeline import timeline
from pipelines.pages.trends import trends_of
from pipelines.table.cells import counted
from pipelines.version import __version__

if TYPE_CHECKING:
    from pipelines.archive import Archive

__all__ = ["night_page", "night_values"]

_CLOCK = "darkroom clock {night} has the evidence; darkroom clock {night} --fix puts its frames where they belong"
_FRAMES = "they are kept out of masters; their pictures stand below"
_MASTERS = "darkroom masters certify accepts or rejects one"

PICTURES = 60
"""Pictures of frames on a page at most; masters have as many of their own."""

GROUPED = ("bias", "dark", "flat")
FIELDS = dict.fromkeys(
    (
        "root",
        "kind",
        "camera",
        "date",
        "timestamp",
        "obs",
        "arrays",
        "hdus",
        "header",
        "dq_version",
        "qc",
        "unit",
        "file.size",
        "profile",
    ),
    1,
)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that needs somebody.

    Attributes
    ----------
    what : str
        What was found.
    hint : str
        What to do.
    which : tuple of str
        Cameras, documents or files.
    """

    what: str
    hint: str = ""
    which: tuple[str, ...] = ()


def night_page(archive: "Archive", night: str, *, link: str = "") -> Page:
    """Make the page of a night.

    Parameters
    ----------
    archive : Archive
        It is only read.
    night : str
        ``YYYY-MM-DD``.
    link : str, optional
        Address of the index of the nights, for a link to it.

    Raises
    ------
    UsageError
        That is not a valid date.
    MissingExtra
        Jinja2 is not installed.
    """
    values = night_values(archive, night, link=link)
    return Page(f"Night {night}", render("night.html", values), len(values["problems"]))


def night_values(archive: "Archive", night: str, *, link: str = "") -> dict[str, Any]:
    """Return what stands on the page of a night, as ``night.html`` names it; parameters as of `night_page`."""
    parse_night(night)
    findings = archive.night(night)
    frames = list(archive.headers.find({"$or": [{"date": night}, {"path_night": night}]}, FIELDS).sort("_id", 1))
    calibration = archive.calibration
    clocks = calibration.clock(night) if frames else ()
    ahead = {row["camera"]: row["offset"] for row in clocks if row["verdict"] == "wrong" and row["offset"] is not None}
    hours = hours_of(night, frames, offsets=ahead)
    ungrouped = calibration.ungrouped(night) if frames else ()
    rows = frame_rows(frames, ungrouped)
    masters = list(archive.masters.find({"date": night, "kind": {"$ne": "calibrated"}}).sort("_id", 1))
    trends = trends_of(archive, night)
    problems = _problems(findings, rows, clocks, masters)
    return {
        "title": f"Night {night}",
        "night": night,
        "link": link,
        "problems": problems,
        "notes": [row for row in findings if not row["attention"]],
        "unchecked": sum(row.status == NOT_CHECKED for row in rows),
        "hours": hours,
        "ahead": ahead,
        "usual": _usual(hours),
        "timeline": timeline(hours),
        "cameras": _cameras(frames),
        "kinds": sorted({str(frame.get("kind")) for frame in frames}),
        "flats": [row for row in calibration.flat_times(night) if row["to_change"] or row["decision"] == "undecided"]
        if frames
        else [],
        "clocks": list(clocks),
        "groups": _groups(archive, night) if frames else {},
        "ungrouped": [row for row in ungrouped if row["kind"] != "light"],  # lights are calibrated, not combined
        "masters": [(master, small(archive, master)) for master in masters[:PICTURES]],
        "more_masters": masters[PICTURES:],
        "pictures": _pictures(archive, frames, rows),
        "trends": trends,
        "moved": [row for row in trends if row.moved],
        "quarantine": _quarantine(archive, findings),
        "frames": rows,
        "size": sum((frame.get("file") or {}).get("size") or 0 for frame in frames),
        "made": datetime.now(UTC),
        "version": __version__,
        "where": archive.catalog.url,
        "checked": _last_check(archive, night),
        "profiles": sorted({str(frame["profile"]) for frame in frames if frame.get("profile")}),
    }


def _problems(
    findings: Sequence[Row], rows: Sequence[FrameRow], clocks: Sequence[Row], masters: Sequence[Doc]
) -> list[Problem]:
    """Return what needs somebody, causes before what follows from them: clocks, files, frames, masters."""
    found = [
        Problem(f"the clock of {row['camera']} is wrong: {row['reason']}", _CLOCK.format(night=row["date"]))
        for row in clocks
        if row["verdict"] == "wrong"
    ]
    found += [
        Problem(str(row["what"]), str(row["hint"]), tuple(map(str, row["which"])))
        for row in findings
        if row["attention"]
    ]
    for status in ("bad", "doubtful"):
        some = [row for row in rows if row.status == status]
        if some:
            said = tuple(f"{row.name}: {row.limits}" for row in some)
            found.append(Problem(f"{counted(len(some), 'frame')} judged {status}", _FRAMES, said))
    waiting = tuple(
        f"{master['_id']}: {master.get('reason') or 'no reason is recorded'}"
        for master in masters
        if master.get("status") == "proposed"
    )
    if waiting:
        found.append(Problem(f"{counted(len(waiting), 'master')} proposed, not verified", _MASTERS, waiting))
    return found


def _usual(hours: Hours) -> Mapping[str, float] | None:
    """Return what the camera in the middle did with the dark, hours; None where the dark is not known."""
    if hours.dark is None or not hours.cameras:
        return None
    names = ("exposed", "bad", "other", "pauses", "idle")
    return {name: median(getattr(camera, name) for camera in hours.cameras) for name in names}


def _cameras(frames: Sequence[Doc]) -> list[tuple[str, str, Counter[str]]]:
    """Return each camera, its unit, and how many frames of each kind it has."""
    counts: dict[str, Counter[str]] = {}
    units: dict[str, str] = {}
    for frame in frames:
        camera = str(camera_of(frame) or "no camera")
        counts.setdefault(camera, Counter())[str(frame.get("kind"))] += 1
        units.setdefault(camera, str(frame.get("unit") or ""))
    return [(camera, units[camera], counts[camera]) for camera in sorted(counts)]


def _groups(archive: "Archive", night: str) -> dict[str, tuple[list[Row], list[Row]]]:
    """Return the groups of each kind that has any: those that are not ready, and those that are."""
    found: dict[str, tuple[list[Row], list[Row]]] = {}
    for kind in GROUPED:
        rows: list[Row] = list(archive.calibration.groups(kind, night))
        if rows:
            ready = [row for row in rows if row["status"] == "ready"]
            found[kind] = ([row for row in rows if row["status"] != "ready"], ready)
    return found


def _pictures(archive: "Archive", frames: Sequence[Doc], rows: Sequence[FrameRow]) -> list[tuple[FrameRow, Small]]:
    """Return pictures: of every frame that needs a look, and of one of each camera and kind."""
    documents = {str(frame["_id"]): frame for frame in frames}
    chosen = [row for row in rows if row.needs_a_look]
    seen = set()
    for row in rows:
        if (row.camera, row.kind) not in seen and not row.needs_a_look:
            seen.add((row.camera, row.kind))
            chosen.append(row)
    return [(row, small(archive, documents[row.name])) for row in chosen[:PICTURES]]


def _quarantine(archive: "Archive", findings: Sequence[Row]) -> list[Doc]:
    """Return the entries of the night's files in quarantine."""
    names = [name for row in findings if row["code"] == "quarantined" for name in row["which"]]
    fields = {"code": 1, "message": 1, "hint": 1, "at": 1}
    return [
        entry
        for some in batches(names)
        for entry in archive.quarantine.find({"_id": {"$in": list(some)}}, fields).sort("_id", 1)
    ]


def _last_check(archive: "Archive", night: str) -> Doc | None:
    """Return the last run that checked the frames of a night: it dates the limits they were compared with."""
    asked = {"verb": "frames", "arguments.nights": night, "finished": {"$exists": True}}
    for run in archive.runs.find(asked, {"finished": 1, "version": 1}).sort("started", -1).limit(1):
        return run
    return None
