"""Divides the frames of a night by the keys of their profile, and says of each group what stands against it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from pipelines.calibration.groups.guard import Values, mixed
from pipelines.calibration.groups.keys import number, obs_number, trait
from pipelines.calibration.groups.tolerance import clusters, unwrapped
from pipelines.documents.schema import Doc
from pipelines.instruments import Calibration, GroupKey, GroupRule

COPY = "the same pixels as"
"""How the reason of a copy begins."""


@dataclass(frozen=True, slots=True)
class Group:
    """Frames that agree in every key of their rule.

    Attributes
    ----------
    values
        The night, ``date``, and each key; of one with a tolerance the median.
    ids
        The frames that serve, in order.
    extent
        Least and greatest value of each key with a tolerance.
    left_out
        Frames that do not serve, each with the reason.
    unread
        What could not be compared, in words.
    mixed
        Undeclared keywords that divide the frames, each with its values and their counts.
    """

    values: Mapping[str, Any]
    ids: tuple[str, ...]
    extent: Mapping[str, tuple[float, float]]
    left_out: Mapping[str, str] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    mixed: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """Frames that agree in some keys: the values they share, their documents, and the extent of each tolerance."""

    values: dict[str, Any]
    frames: tuple[Doc, ...]
    extent: dict[str, tuple[float, float]]
    unread: tuple[str, ...] = ()


def divide(frames: Sequence[Doc], rule: GroupRule, calibration: Calibration) -> list[Group]:
    """Divide frames of one kind and profile, by night and then key by key, in the order of the rule.

    Nothing missing is taken for equal: frames without a key are a group apart.

    Parameters
    ----------
    frames
        Their documents.
    """
    return [_group(part, rule, calibration) for part in partition(frames, rule.keys)]


def partition(frames: Iterable[Doc], keys: Sequence[GroupKey], *, nights: bool = True) -> list[Part]:
    """Part frames by keys alone, and by night unless told otherwise: who agrees with whom, and nothing else."""
    heaps: dict[Any, tuple[dict[str, Any], list[Doc]]] = {}
    exact = [key for key in keys if not key.tolerance]
    for frame in sorted(frames, key=lambda frame: str(frame["_id"])):
        values = {"date": frame.get("date") if nights else None, **{key.name: trait(frame, key)[0] for key in exact}}
        place = tuple(canonical(value) for value in values.values())
        heaps.setdefault(place, (values, []))[1].append(frame)
    found = []
    for values, heap in heaps.values():
        parts = [Part(values, tuple(heap), {})]
        for key in keys:
            if key.tolerance:
                parts = [part for whole in parts for part in _by(whole, key)]
        found += parts
    return found


def canonical(value: Any) -> Any:
    """Return a value that can be compared and kept in a set: 1 and 1.0 are equal, lists and objects by their parts."""
    if value is None or isinstance(value, (str, bool)):  # most are: grouping a night asks this very often
        return (type(value).__name__, repr(value) if value is None else value)
    if isinstance(value, Mapping):
        return ("{", *sorted((str(name), canonical(inner)) for name, inner in value.items()))
    if isinstance(value, list | tuple):
        return ("[", *map(canonical, value))
    known = number(value)
    return (type(value).__name__, repr(value)) if known is None else known


def _by(group: Part, key: GroupKey) -> Iterator[Part]:
    """Divide by a key with a tolerance: numbers by nearness, for each of its sources; others as they are."""
    sources: dict[int, tuple[GroupKey, list[tuple[Doc, float]]]] = {}
    others: dict[Any, list[Doc]] = {}
    for frame in group.frames:
        value, source = trait(frame, key)
        known = number(value)
        if known is None:
            others.setdefault(canonical(value), []).append(frame)
        else:
            sources.setdefault(id(source), (source, []))[1].append((frame, known))
    for source, members in sources.values():
        compared = unwrapped([value for _, value in members], source)
        for cluster in clusters(list(compared.values()), source):
            inside = set(cluster)
            mine = [(frame, compared[value]) for frame, value in members if compared[value] in inside]
            middle = round(float(median(value for _, value in mine)), 9)
            yield Part(
                {**group.values, key.name: middle if source.period is None else middle % source.period},
                tuple(frame for frame, _ in mine),
                {**group.extent, key.name: (cluster[0], cluster[-1])},
                group.unread,
            )
    for frames in others.values():
        value = trait(frames[0], key)[0]
        unread = () if value is None else (f"{key.name} is not a number: {value!r}",)
        yield Part({**group.values, key.name: value}, tuple(frames), group.extent, (*group.unread, *unread))


def _group(part: Part, rule: GroupRule, calibration: Calibration) -> Group:
    out = {frame["_id"]: reason for frame in part.frames if (reason := unfit_for_group(frame, calibration)) is not None}
    out |= _copies([frame for frame in part.frames if frame["_id"] not in out])
    good = [frame for frame in part.frames if frame["_id"] not in out]
    divided = mixed(good, rule, calibration.irrelevant)
    ids = tuple(frame["_id"] for frame in good)
    return Group(part.values, ids, part.extent, dict(sorted(out.items())), part.unread, divided)


def unfit_for_group(frame: Doc, calibration: Calibration) -> str | None:
    """Say why a frame does not serve; None if it does."""
    qc = frame.get("qc") or {}
    if qc.get("verdict") == "bad":
        reasons = [str(check.get("reason")) for check in qc.get("checks") or () if check.get("verdict") == "bad"]
        return ": ".join(["judged bad", *(["; ".join(reasons)] if reasons else [])])
    wanted, measured = obs_number(frame, "set_temperature"), obs_number(frame, "temperature")
    if wanted is not None and measured is not None and abs(measured - wanted) > calibration.off_set_point + 1e-9:
        return f"{measured:g} C, {abs(measured - wanted):.1f} off its set point"
    return None


def _copies(frames: Sequence[Doc]) -> dict[str, str]:
    """Find frames with the same pixels as one before them, which would count twice."""
    first: dict[str, str] = {}
    copies = {}
    for frame in sorted(frames, key=lambda frame: (str(frame.get("timestamp")), str(frame["_id"]))):
        digest = frame.get("pixels_digest")
        if digest and first.setdefault(digest, frame["_id"]) != frame["_id"]:
            copies[frame["_id"]] = f"{COPY} {first[digest]}"
    return copies
