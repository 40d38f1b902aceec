"""Drafts and makes flats: those of evening and morning, the two together, each frame with its dark."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from catalog import Catalog
from pipelines.calibration.masters.drafting import frame_steps
from pipelines.calibration.masters.geometry import overscan_taken
from pipelines.calibration.masters.make import planes as make
from pipelines.calibration.masters.recipe import Used
from pipelines.calibration.masters.step import MasterOptions, Step
from pipelines.calibration.select.choose import FIELDS
from pipelines.calibration.select.darks import DarkChoice, dark_for
from pipelines.calibration.select.departed import with_departures
from pipelines.documents.schema import Doc

__all__ = ["draft", "make"]


def draft(
    catalog: Catalog,
    kind: str,
    *,
    date: str,
    expected: Sequence[Doc],
    without: frozenset[str],
    options: MasterOptions,
) -> list[Step]:
    """Draft the flats of a night."""
    parameters = {**options.combining, "low_light": options.low_light, "section": "central half"}
    drafts = frame_steps(catalog, kind, date=date, without=without, options=options, parameters=parameters)
    drafts += list(_combined(drafts))
    pool = _pool(catalog, drafts, expected, without)
    return [_with_darks(step, pool, options) if step.frames else step for step in drafts]


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
    if step.key.get("dispersed"):
        step = replace(step, parameters={**step.parameters, "dispersed": "over the spectrum of the lamp"})
    minimum = options.least(step)
    if len(frames) < minimum:
        without = next((reason for _, reason in reversed(rejected)), "")
        return step.refused(f"{len(frames)} of {minimum} flats have what they need; {without}")
    return step
