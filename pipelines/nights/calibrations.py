"""What of a night cannot be combined, or calibrated: mixed groups, frames in none, calibration that is missing."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from pipelines.calibration.groups.divide import COPY, Part, partition
from pipelines.calibration.groups.groups import NO_PIXELS, groups
from pipelines.calibration.groups.keys import camera_of, exposure_time, matching_keys, rule_for, trait
from pipelines.calibration.groups.kinds import KINDS
from pipelines.calibration.groups.ungrouped import GROUPED, ungrouped
from pipelines.calibration.select.choose import FIELDS, choose
from pipelines.calibration.select.criteria import alike, departed_shown
from pipelines.calibration.select.departed import with_departures
from pipelines.documents.schema import Doc
from pipelines.errors import UsageError
from pipelines.instruments import GroupKey
from pipelines.nights.cameras import Names
from pipelines.nights.notice import Notice
from pipelines.session import Session
from pipelines.table import Row


def group_findings(session: Session, date: str, names: Names) -> Iterator[Notice]:
    """Find groups that are mixed, and frames that are in no group for a reason somebody can remove."""
    for kind in GROUPED:
        for row in _groups(session, kind, date):
            if row["status"] == "mixed":
                what = f"{row['count']} {kind} frames of camera {names.of(row['camera'])} are {row['reason']}"
                hint = "look which setting changed; `darkroom profile` says where to list a keyword"
                yield Notice("group-mixed", what, hint, tuple(row["ids"]))
    for row in ungrouped(session.headers, date):
        whose = f" of camera {names.of(row['camera'])}" if row["camera"] else ""
        what, ids = f"{row['count']} {row['kind']} frames{whose} are in no group: {row['reason']}", tuple(row["ids"])
        if row["kind"] in GROUPED:
            if not row["reason"].startswith((COPY, "judged bad", NO_PIXELS)):
                yield Notice("not-grouped", what, "look at their headers: `darkroom header ID`", ids)
        elif "not a kind of frame that is known" in row["reason"]:
            yield Notice("kind-unknown", what, "name the word in a profile, if it is one of the kinds", ids)
        elif row["kind"] == "image":
            hint = "name the kind by a profile, or by the folder, if they are calibration frames"
            yield Notice("kind-missing", what, hint, ids)


def retired_masters(session: Session, date: str) -> Iterator[Notice]:
    """Find masters of the night that are out of use, because what they were made of is no longer so."""
    made = session.masters.find({"date": date, "kind": {"$in": list(KINDS)}}, dict.fromkeys(FIELDS, 1))
    current = [doc for doc in made if doc["status"] in ("certified", "verified") and not doc.get("superseded_by")]
    for doc in with_departures(session.catalog, current):
        if "departed" in doc:
            what = f"{doc['_id']} is retired: {departed_shown(doc['departed'])}"
            hint = f"darkroom masters make {date} makes it again of what is left"
            yield Notice("master-retired", what, hint, (doc["_id"],))


def missing_calibration(session: Session, frames: Sequence[Doc], date: str, names: Names) -> Iterator[Notice]:
    """Find lights for which no dark or flat is there, and flats without dark or bias: of this night, or a master."""
    darks, flats, biases = (_groups(session, kind, date) for kind in ("dark", "flat", "bias"))
    lights = [frame for frame in frames if frame["kind"] == "light"]
    lacking: dict[tuple[float, str], set[str]] = defaultdict(set)
    for part, why in _unserved(session, lights, "dark", darks):
        lacking[exposure_time(part.frames[0]) or 0.0, why].add(str(camera_of(part.frames[0])))
    # A flat without a dark of its time is served by a bias, where its dark current is small.
    for part, why in _unserved(session, [frame for frame in frames if frame["kind"] == "flat"], "dark", darks):
        if any(True for _ in _unserved(session, part.frames[:1], "bias", biases)):
            lacking[exposure_time(part.frames[0]) or 0.0, why].add(str(camera_of(part.frames[0])))
    for (exptime, why), cameras in sorted(lacking.items()):
        what = f"{names.count(cameras)} with lights or flats of {exptime:g} s and {why}"
        hint = "take darks of this time, or calibrate with those of another night"
        yield Notice("dark-missing", what, hint, tuple(sorted(cameras)))
    unflattened: dict[tuple[str, str], set[str]] = defaultdict(set)
    for part, why in _unserved(session, lights, "flat", flats):
        unflattened[str(part.values.get("filter") or "no filter"), why].add(str(camera_of(part.frames[0])))
    for (word, why), cameras in sorted(unflattened.items()):
        what = f"{names.count(cameras)} with lights through {word} and {why}"
        yield Notice(
            "flat-missing", what, "take flats, or calibrate with those of another night", tuple(sorted(cameras))
        )


def _groups(session: Session, kind: str, date: str) -> list[Row]:
    try:
        return list(groups(session.headers, kind, date=date))
    except UsageError:  # no profile of the night groups this kind
        return []


def _unserved(session: Session, frames: Sequence[Doc], kind: str, rows: Sequence[Row]) -> Iterator[tuple[Part, str]]:
    """Return the frames, by setup, that no group of a kind and no master serves, each with the reason."""
    for profile in sorted({str(frame["profile"]) for frame in frames}):
        try:
            keys = matching_keys(rule_for(profile, kind), kind)
        except UsageError:
            continue  # an instrument that declares no calibration wants none
        mine = [frame for frame in frames if frame["profile"] == profile and camera_of(frame) is not None]
        for part in partition(mine, keys):
            frame = part.frames[0]
            away = [_differing(frame, row, keys) for row in rows if row["profile"] == profile]
            if [] in away or choose(frame, kind, catalog=session.catalog) is not None:
                continue
            yield part, _why(kind, [names for names in away if keys[0].name not in names])


def _differing(frame: Doc, row: Row, keys: Sequence[GroupKey]) -> list[str]:
    """Return the keys in which a frame and a group differ."""
    found = []
    for whole in keys:
        value, key = trait(frame, whole)
        # Of a frame whose pixels are still to come the shape is not known.
        if not (value is None and whole.name == "shape") and not alike(key, value, row[whole.name]):
            found.append(whole.name)
    return found


def _why(kind: str, away: Sequence[Sequence[str]]) -> str:
    """Say what is wrong with the groups of the frame's own camera."""
    if not away:
        return f"no {kind}"
    nearest = min(away, key=len)
    if nearest == ["exptime"]:
        return f"no {kind} of that exposure time"
    return f"no {kind} of that setup: the nearest differ in {', '.join(nearest)}"
