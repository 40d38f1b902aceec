"""The cameras of a night: which are missing, which are new, and which exposures each lacks or has twice."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from pipelines.calibration.groups.keys import camera_of
from pipelines.documents.schema import Doc
from pipelines.nights.notice import Notice
from pipelines.session import Session

MODEL_ONLY = "camera-model-only"


@dataclass(frozen=True, slots=True)
class Names:
    """How cameras are called: their key, the unit they are mounted in, and whether only their model is known.

    Attributes
    ----------
    units
        Unit by camera.
    models
        Cameras known by their model alone: two of that model would be one.
    """

    units: Mapping[str, str] = field(default_factory=dict)
    models: Collection[str] = frozenset()

    def of(self, camera: object) -> str:
        """Return a camera as it is written in a sentence."""
        key = str(camera)
        unit = [self.units[key]] if key in self.units else []
        told = ", ".join(unit + (["by its model only"] if key in self.models else []))
        return f"{key} ({told})" if told else key

    def count(self, cameras: Collection[str]) -> str:
        """Return the cameras of a sentence: one by its name, more by their number."""
        return f"{len(cameras)} cameras" if len(cameras) != 1 else f"camera {self.of(next(iter(cameras)))}"


def names_of(frames: Iterable[Doc]) -> Names:
    """Return how the cameras of some frames are called."""
    units: dict[str, str] = {}
    models = set()
    for frame in frames:
        camera = camera_of(frame)
        if camera is None:
            continue
        if isinstance(frame.get("unit"), str) and frame["unit"] != camera:
            units[camera] = frame["unit"]
        if MODEL_ONLY in frame["qc"]["flags"]:
            models.add(camera)
    return Names(units, frozenset(models))


def camera_findings(
    session: Session, frames: Sequence[Doc], before: Sequence[str], date: str, quarantined: Sequence[Doc]
) -> Iterator[Notice]:
    """Find cameras that most recent nights have and this one has not, and new ones.

    Only cameras of the same profile and place as some frame of this night are expected in it.

    Parameters
    ----------
    before
        The recent nights.
    quarantined
        What is in quarantine of this night.
    """
    if not frames or not before:
        return
    recent = list(session.headers.find({"date": {"$in": list(before)}}, dict.fromkeys(_FIELDS, 1)))
    names = names_of([*recent, *frames])
    folders = {name: str(folder.parent) for name, folder in session.roots.all().items()}
    places = {(frame["profile"], place) for frame in frames for place in _places(frame, folders)}
    nights: dict[str, set[str]] = defaultdict(set)
    last: dict[str, Doc] = {}
    for frame in recent:
        camera = camera_of(frame)
        if camera is not None and any((frame["profile"], place) in places for place in _places(frame, folders)):
            nights[camera].add(frame["date"])
            last[camera] = frame
    now = {camera for frame in frames if (camera := camera_of(frame)) is not None}
    for camera in sorted(nights.keys() - now):
        held = [entry for entry in quarantined if _is_of(entry, last[camera], camera, date)]
        if held:
            what = f"all files of camera {names.of(camera)} are in quarantine: {len(held)} of this night"
            hint = f"{held[0]['code']}: {held[0]['hint']}"
            yield Notice("camera-quarantined", what, hint, (camera,))
        elif 2 * len(nights[camera]) > len(before):
            count = f"{len(nights[camera])} of the last {len(before)} nights"
            what = f"camera {names.of(camera)} has no file, and had on {count}"
            yield Notice("camera-missing", what, "look at its computer, and whether its files were copied", (camera,))
    new = tuple(sorted(now - nights.keys()))
    if new:
        what = f"{names.count(new)} that none of the last {len(before)} nights has"
        yield Notice("camera-new", what, "nothing, if they are new; else look at the serial numbers", new, False)


_FIELDS = ("profile", "root", "path", "instrument", "date", "unit", "qc.flags", "obs.camera")


def nameless(frames: Sequence[Doc]) -> Iterator[Notice]:
    """Find frames whose header names no camera: they are in no group, and compared with nothing."""
    unnamed = [frame for frame in frames if camera_of(frame) is None]
    lost = tuple(frame["_id"] for frame in unnamed if "camera-missing" in frame["qc"]["flags"])
    if lost:
        hint = "name the keyword of the camera in a profile"
        yield Notice("camera-unknown", f"{len(lost)} files name no camera, and are in no group", hint, lost)


def exposure_findings(frames: Sequence[Doc], names: Names) -> Iterator[Notice]:
    """Find exposure numbers that a camera lacks and most of its array has, none has, or one has twice."""
    arrays: dict[str, dict[str, Counter[int]]] = defaultdict(lambda: defaultdict(Counter))
    for frame in frames:
        camera, number = camera_of(frame), frame.get("exposure_number")
        if camera is not None and number is not None:
            arrays[frame["instrument"]][camera][number] += 1
    for cameras in arrays.values():
        votes = Counter(number for numbers in cameras.values() for number in numbers)
        array = {number for number, count in votes.items() if 2 * count > len(cameras)}
        for camera, numbers in sorted(cameras.items()):
            lacking = sorted(array - numbers.keys())
            if lacking:
                what = f"camera {names.of(camera)} lacks exposures {ranges(lacking)}, which most cameras have"
                yield Notice("exposure-missing", what, "look for the files at the camera, and in quarantine", (camera,))
            twice = sorted(number for number, count in numbers.items() if count > 1)
            if twice:
                what = f"camera {names.of(camera)} has exposures {ranges(twice)} more than once"
                yield Notice("exposure-twice", what, "a number was given again, or a file copied; look", (camera,))
        gaps = sorted(set(range(min(votes), max(votes) + 1)) - votes.keys()) if _dense(votes) else []
        if gaps:
            what = f"no camera has exposures {ranges(gaps)}"
            yield Notice("exposure-gap", what, "not taken, never copied, or in quarantine; see the observing log")


def ranges(numbers: Sequence[int]) -> str:
    """Write sorted numbers as ranges: ``3, 5-8``; at most ten of them."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    shown = [str(first) if first == last else f"{first}-{last}" for first, last in parts[:10]]
    return ", ".join(shown) + (f", … ({len(numbers)} in all)" if len(parts) > 10 else "")


def _dense(numbers: Iterable[int]) -> bool:
    """Tell whether numbers count a night's exposures, not something sparse like a date."""
    found = set(numbers)
    return max(found) - min(found) < 4 * len(found) + 100


def _places(frame: Doc, folders: Mapping[str, str]) -> Iterator[str]:
    """Return what makes a camera one of a site: its instrument, its root, and the folder that its root stands in."""
    yield f"instrument {frame.get('instrument')}"
    yield f"root {frame['root']}"
    if frame["root"] in folders:
        yield f"folder {folders[frame['root']]}"


def _is_of(entry: Doc, frame: Doc, camera: str, date: str) -> bool:
    """Tell whether a file in quarantine is of the camera of a frame: by its name, or where it lies."""
    path, known = PurePosixPath(entry["path"]), PurePosixPath(frame["path"])
    if camera in path.name.replace(".", "_").split("_") or camera in path.parts:
        return True
    here, there = path.parent.as_posix().replace(date, "*"), known.parent.as_posix().replace(str(frame["date"]), "*")
    return here == there and "*" in here and "/" in here
