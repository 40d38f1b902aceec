"""What making the masters of a night would do: for each group a step, found without reading a pixel."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from catalog import Catalog
from pipelines.calibration.groups.groups import groups
from pipelines.calibration.groups.keys import rule_for
from pipelines.calibration.masters.frames import masks_noted
from pipelines.calibration.masters.geometry import overscan_taken, treatment
from pipelines.calibration.masters.images import frame_images
from pipelines.calibration.masters.recipe import Used
from pipelines.calibration.masters.step import MasterOptions, Step, sizes
from pipelines.calibration.select.choose import FIELDS
from pipelines.calibration.select.darks import DarkChoice, dark_for
from pipelines.calibration.select.departed import unfit as judged_unfit
from pipelines.calibration.select.departed import with_departures
from pipelines.combine.pairs import spread_over
from pipelines.documents.lookup import found_in
from pipelines.errors import UsageError
from pipelines.instruments.nights import parse_night
from pipelines.session import Session
from pipelines.table import Answer, Row

__all__ = ["KINDS", "plan_kind", "plan_masters", "plan_table"]

Doc = Mapping[str, Any]

KINDS = ("bias", "dark", "flat", "pixelmap")
"""The kinds of masters, each made before those that need it."""


def plan_masters(
    session: Session,
    *,
    date: str,
    kinds: Sequence[str] = KINDS,
    options: MasterOptions | None = None,
    without: Iterable[str] = (),
) -> list[Step]:
    """Say what making the masters of a night would do.

    What later steps need of earlier ones is taken to succeed.

    Parameters
    ----------
    date : str
        The night.
    kinds : sequence of str
        Of `KINDS`.
    options : MasterOptions, optional
        How masters are made.
    without : iterable of str
        Frames and masters taken to be bad.

    Returns
    -------
    list of Step

    Raises
    ------
    UsageError
        There is no such night or kind.
    """
    require_sense(date, kinds)
    steps: list[Step] = []
    for kind in KINDS:  # in the order in which they need each other
        if kind in kinds:
            expected = [step.expected() for step in steps if step.will_be]
            steps += plan_kind(session.catalog, kind, date=date, options=options, expected=expected, without=without)
    return steps


def require_sense(date: str, kinds: Sequence[str]) -> None:
    """Refuse what is not a valid date or no kind of master.

    Raises
    ------
    UsageError
        It is none.
    """
    parse_night(date)
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise UsageError(f"no kind of master is called {', '.join(unknown)}; there are {', '.join(KINDS)}")


def plan_kind(
    catalog: Catalog,
    kind: str,
    *,
    date: str,
    options: MasterOptions | None = None,
    expected: Sequence[Doc] = (),
    without: Iterable[str] = (),
) -> list[Step]:
    """Plan the masters of one kind, given the masters that earlier steps are expected to make."""
    options = options or MasterOptions()
    out = frozenset(without)
    if kind == "pixelmap":
        from pipelines.calibration.masters.pixelmaps import plan_maps

        drafts = plan_maps(catalog, date=date, expected=expected, without=out, options=options)
    else:
        rows = _rows(catalog, kind, date, options)
        frames = fetch(catalog, [name for row in rows for name in (*row["ids"], *row["left_out"])])
        drafts = [_frames_step(catalog, row, kind, options, out, frames) for row in rows]
        if kind == "flat":
            drafts += list(_combined(drafts))
            pool = _pool(catalog, drafts, expected, out)
            drafts = [_with_darks(step, pool, options) if step.frames else step for step in drafts]
    known = _Known.of(catalog, kind, [step.named() for step in drafts if not step.reason])
    rate = sizes(catalog, kind)
    return [_settled(known, step, rate, out, options) for step in drafts]


# -- groups ------------------------------------------------------------------------------------------


def _rows(catalog: Catalog, kind: str, date: str, options: MasterOptions) -> list[Row]:
    try:
        return list(groups(catalog.headers, kind, date=date))
    except UsageError:  # frames of an instrument that groups none: they ask for no master
        return []


def _frames_step(
    catalog: Catalog,
    row: Row,
    kind: str,
    options: MasterOptions,
    out: frozenset[str],
    known: Mapping[str, dict[str, Any]],
) -> Step:
    """Draft a step of a group: its frames as they are in the catalog now, those borrowed looked up."""
    rule = rule_for(row["profile"], kind)
    key = {name.name: row[name.name] for name in rule.keys}
    wanted = list(row["ids"])
    borrowed = list(row["borrow"])[: max(0, rule.minimum - len(wanted))] if options.borrow else []
    found = {name: known[name] for name in wanted if name in known} | fetch(catalog, borrowed)
    there = {name: known[name] for name in row["left_out"] if name in known}
    rejected = [(name, unfit(there[name]) or why) for name, why in row["why_left_out"].items() if name in there]
    rejected += [(name, "deleted since it was grouped") for name in wanted if name not in found]
    frames = []
    for name in sorted(found):
        reason = "recalled" if name in out else unfit(found[name])
        if reason:
            rejected.append((name, reason))
        else:
            frames.append(found[name])
    frames.sort(key=lambda frame: (str(frame.get("timestamp")), frame["_id"]))
    if rule.maximum is not None and len(frames) > rule.maximum:
        kept = set(spread_over(len(frames), rule.maximum))
        many = f"a master takes {rule.maximum}, spread evenly over the {len(frames)} there are"
        rejected += [(frame["_id"], many) for n, frame in enumerate(frames) if n not in kept]
        frames = [frame for n, frame in enumerate(frames) if n in kept]
    treated = treatment(frames[0]) if frames else {}
    step = Step(
        kind=kind,
        date=row["date"],
        profile=row["profile"],
        instrument=frames[0]["instrument"] if frames else "",
        key=key,
        frames=tuple(frames),
        rejected=tuple(rejected),
        parameters={**options.parameters(kind), **treated},
        notes=_not_taken(key.get("overscan"), treated) + masks_noted(frames, frame_images(frames[0]) if frames else ()),
    )
    minimum = options.least(step)
    if row["status"] == "incomplete":
        return step.refused(row["reason"])
    if len(frames) < minimum:
        if row["status"] == "too few" and minimum == rule.minimum and not borrowed and len(frames) == row["count"]:
            return step.refused(row["reason"])
        bad = f", {len(rejected)} are not fit" if rejected else ""
        return step.refused(f"{len(frames)} of {minimum} frames{bad}")
    return step


def _not_taken(stated: Any, treated: Mapping[str, Any]) -> tuple[str, ...]:
    """Say where a header states an overscan that could not be read."""
    if "overscan" in treated or not isinstance(stated, str) or stated.strip().upper() in _NO_SECTION:
        return ()
    return (f"the overscan {stated.strip()} is no part of the frames, so none was taken away",)


_NO_SECTION = frozenset({"", "UNKNOWN", "N/A", "NA", "NONE", "INDEF", "[0:0,0:0]"})


def fetch(catalog: Catalog, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read the documents of frames, as far as they are there."""
    return {doc["_id"]: doc for doc in found_in(catalog.headers, "_id", ids, {"cards": 0})}


def unfit(frame: Doc) -> str | None:
    """Say why a frame cannot be combined; None if it can."""
    reason = judged_unfit(frame)
    if reason is not None:
        return reason
    if not frame.get("pixels_digest") or not frame_images(frame):
        return "its pixels were not ingested"
    return None


# -- flats -------------------------------------------------------------------------------------------


def _combined(drafts: Sequence[Step]) -> Iterator[Step]:
    """Draft, beside evening and morning flats, the two together."""
    together: dict[str, list[Step]] = {}
    for step in drafts:
        if step.frames and step.key.get("flat_time") in ("evening", "morning"):
            names = [name for name in sorted(step.key) if name not in ("flat_time", "temperature")]
            together.setdefault(repr([step.profile, *(step.key[name] for name in names)]), []).append(step)
    for steps in together.values():
        first = steps[0]
        frames = {frame["_id"]: frame for step in steps for frame in step.frames if not step.reason}
        rejected = {item for step in steps for item in step.rejected}
        if {step.key["flat_time"] for step in steps if not step.reason} != {"evening", "morning"}:
            only = " and ".join(sorted({str(step.key["flat_time"]) for step in steps if not step.reason})) or "no"
            yield replace(
                first, key={**first.key, "flat_time": "combined"}, frames=(), reason=f"only {only} flats are fit"
            )
            continue
        temperatures = [step.key["temperature"] for step in steps if step.key.get("temperature") is not None]
        key = {**first.key, "flat_time": "combined"}
        if temperatures:
            key["temperature"] = sum(temperatures) / len(temperatures)
        yield replace(
            first,
            key=key,
            frames=tuple(sorted(frames.values(), key=lambda frame: (str(frame.get("timestamp")), frame["_id"]))),
            rejected=tuple(sorted(rejected)),
            reason=None,
        )


def _pool(catalog: Catalog, steps: Sequence[Step], expected: Sequence[Doc], out: frozenset[str]) -> list[Doc]:
    """Return the darks and biases of the cameras of these steps: those there are, and those to be."""
    cameras = sorted({step.camera for step in steps if step.frames})
    if not cameras:
        return []
    query = {"kind": {"$in": ["dark", "bias"]}, "camera": {"$in": cameras}}
    replaced = {name for doc in expected for name in doc["supersedes"]} | out
    found = catalog.masters.find(query, dict.fromkeys(FIELDS, 1))
    there = with_departures(catalog, [doc for doc in found if doc["_id"] not in replaced])
    names = {doc["_id"] for doc in there}
    return there + [doc for doc in expected if doc["kind"] in ("dark", "bias") and doc["_id"] not in names]


def _with_darks(step: Step, pool: Sequence[Doc], options: MasterOptions) -> Step:
    """Match each flat with its dark; one without is left out, with the reason."""
    if step.reason:
        return step
    wanted = bool(step.parameters.get("overscan"))
    # One that states the same section and keeps its level in was made by an older release; others fail by their key.
    of_camera = [
        doc
        for doc in pool
        if doc["camera"] == step.camera
        and (overscan_taken(doc) == wanted or doc["key"].get("overscan") != step.key.get("overscan"))
    ]
    rules = replace(options.rules, max_scale=options.max_scale)
    matched: dict[str, DarkChoice] = {}
    rejected = list(step.rejected)
    for frame in step.frames:
        found = dark_for(frame, of_camera, rules)
        if isinstance(found, str):
            rejected.append((frame["_id"], found))
        else:
            matched[frame["_id"]] = found
    frames = tuple(frame for frame in step.frames if frame["_id"] in matched)
    used: dict[tuple[str, str, float], list[str]] = {}
    documents: dict[str, Doc] = {}
    for name, choice in matched.items():
        for role, doc, scale in (("dark", choice.dark, choice.scale), ("bias", choice.bias, 1.0)):
            if doc is not None:
                used.setdefault((role, doc["_id"], scale), []).append(name)
                documents[doc["_id"]] = doc
    step = replace(
        step,
        frames=frames,
        rejected=tuple(rejected),
        used=tuple(
            Used(role, name, documents[name]["identity"], tuple(sorted(of)), scale)
            for (role, name, scale), of in sorted(used.items())
        ),
        notes=(*step.notes, *sorted({choice.note for choice in matched.values() if choice.note})),
    )
    minimum = options.least(step)
    if len(frames) < minimum:
        without = next((reason for _, reason in reversed(rejected)), "")
        return step.refused(f"{len(frames)} of {minimum} flats have what they need; {without}")
    return step


# -- what is there already ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Known:
    """What the catalog knows of the masters of some steps, asked for all of them together.

    Attributes
    ----------
    masters : Mapping
        Documents of the masters of their nights and kind, by name.
    trashed : frozenset of str
        Those of their masters that are in the trash.
    """

    masters: Mapping[str, dict[str, Any]]
    trashed: frozenset[str]

    @classmethod
    def of(cls, catalog: Catalog, kind: str, steps: Sequence[Step]) -> "_Known":
        if not steps:
            return cls({}, frozenset())
        nights = sorted({step.date for step in steps})
        names = [str(step.master) for step in steps]
        fields = {**dict.fromkeys(FIELDS, 1), "rejected": 1, "instead": 1}
        found = {doc["_id"]: doc for doc in catalog.masters.find({"kind": kind, "date": {"$in": nights}}, fields)}
        missing = [name for name in names if name not in found]
        found |= {doc["_id"]: doc for doc in found_in(catalog.masters, "_id", missing, fields)}
        missing = [name for name in missing if name not in found]
        gone = found_in(catalog.trash, "document", missing, {"document": 1})
        return cls(found, frozenset(entry["document"] for entry in gone))


def _settled(known: _Known, step: Step, rate: float, out: frozenset[str], options: MasterOptions) -> Step:
    """Decide what is to be done: nothing, making, or taking an earlier master back into use."""
    if step.reason:
        return step
    step = step.named()
    name = str(step.master)
    supersedes = tuple(
        doc["_id"]
        for doc in _earlier(known, step, name)
        if doc["status"] in ("proposed", "verified") and not doc.get("superseded_by")
    )
    step = replace(step, supersedes=supersedes)
    there = known.masters.get(name)
    left = ((there or {}).get("acceptance") or {}).get("left")
    if there is not None and left and left >= options.least(step) and not there.get("instead"):
        return step.to_make(rate)  # now those that are left are enough
    if there is None:
        if name in known.trashed:
            return step.refused(f"{name} is in the trash; `darkroom restore` brings it back")
        return step.to_make(rate)
    for mark in ("recalled", "stale"):
        if there.get(mark) or (mark == "recalled" and name in out):
            return step.refused(f"{name} is {mark}, and the same frames would make it again; recall what is bad in it")
    if there["status"] in ("withdrawn", "set-aside"):
        return replace(step, action="none", reason=f"{name} is {there['status']}", supersedes=())
    if there.get("superseded_by") or (supersedes and there["status"] != "proposed"):
        return replace(step, action="reinstate", reason="these inputs were combined before")
    return replace(step, action="none", reason="nothing has changed")


def _earlier(known: _Known, step: Step, name: str) -> list[Doc]:
    """Return the masters of the same night and key that share a frame, or a master, with this one."""
    mine = {frame["_id"] for frame in step.frames} | {name for name, _ in step.rejected}
    found = []
    for doc in known.masters.values():
        if (doc["kind"], doc["date"], doc["camera"]) != (step.kind, step.date, step.camera):
            continue
        theirs = {item["id"] for item in doc["inputs"]} | {item["id"] for item in doc["rejected"]}
        shares = bool(mine & theirs) if mine else not theirs
        if doc["_id"] != name and shares and _same_place(doc, step):
            found.append(doc)
    return sorted(found, key=lambda doc: doc["_id"])


def _same_place(doc: Doc, step: Step) -> bool:
    """Whether a master stands where this one would: keys alike, as far as they are exact."""
    loose = {key.name for key in rule_for(step.profile, step.kind).keys if key.tolerance}
    return all(doc["key"].get(name) == step.key[name] for name in step.key if name not in loose)


def plan_table(steps: Sequence[Step], *, date: str) -> Answer:
    """Return a plan as a table, with its size."""
    columns = ("kind", "camera", "key", "frames", "action", "master", "reason", "rejected", "supersedes", "MB", "s")
    rows = tuple(step.row() for step in steps)
    total = [step for step in steps if step.action == "make"]
    size = (
        f"{len(total)} masters to make from {sum(len(step.frames) for step in total)} frames, "
        f"{sum(step.nbytes for step in total) / 1e6:.0f} MB, about {sum(step.seconds for step in total):.0f} s"
        if total
        else "nothing to make"
    )
    return Answer(columns, rows, f"Masters of {date}: {size}")
