"""Frames of a camera laid over each other: those of one setup, over all nights, image by image of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pipelines.calibration.groups.divide import partition
from pipelines.calibration.groups.keys import rule_for
from pipelines.calibration.masters.images import frame_images
from pipelines.documents.schema import Doc
from pipelines.errors import NothingThere
from pipelines.pixels.cameras.places import FIELDS, ImagePlace, Misplaced, place_of
from pipelines.pixels.cameras.reading import setup_fields
from pipelines.pixels.exposures import day_range
from pipelines.pixels.search.stacks import SlopeStack
from pipelines.session import Session

__all__ = ["SHORT", "setup_stacks"]

SHORT = 0.1
"""Seconds up to which a dark counts as a bias, whatever its exposure time: what it shows is read noise."""


def setup_stacks(
    session: Session, camera: str, kinds: Sequence[str], date: Any, least: int
) -> tuple[list[tuple[ImagePlace, SlopeStack]], int, int]:
    """Return the frames of a camera, those of one setup and one image of the file laid over each other.

    Parameters
    ----------
    camera : str
        As ``obs.camera`` has it.
    kinds : sequence of str
        Of frames; darks of up to 0.1 s count as biases.
    date
        A day, ``'A:B'`` or a pair of days, both included.
    least : int
        Fewest frames of a setup.

    Returns
    -------
    stacks : list of (ImagePlace, SlopeStack)
        In order of time each.
    aside, bad : int
        Frames left out: of setups that are too small or cannot be placed; judged bad.

    Raises
    ------
    NothingThere
        No setup has so many frames; the message says how many the largest has.
    """
    first, last = day_range(date)
    query: dict[str, Any] = {"obs.camera": camera, "kind": {"$in": list(kinds)}, "ingest.arrays": "kept"}
    if first or last:
        query["date"] = {operator: day for operator, day in (("$gte", first), ("$lte", last)) if day}
    fields = dict.fromkeys((*FIELDS, *setup_fields(), "kind", "profile", "date", "timestamp", "qc.verdict"), 1)
    bad = 0
    heaps: dict[tuple[str, bool], list[Doc]] = {}
    for doc in session.headers.find(query, fields):
        if (doc.get("qc") or {}).get("verdict") == "bad":
            bad += 1
            continue
        seconds = (doc.get("obs") or {}).get("exptime")
        short = doc["kind"] == "bias" or (isinstance(seconds, int | float) and seconds <= SHORT)
        heaps.setdefault((str(doc["profile"]), short), []).append(doc)
    found, largest, aside = [], 0, 0
    for (profile, short), docs in heaps.items():
        keys = rule_for(profile, "bias" if short else "dark").keys
        for part in partition(docs, keys, nights=False):
            stacked = _stack_images(camera, part.frames, short=short) if len(part.frames) >= least else []
            if not stacked:
                aside += len(part.frames)
                largest = max(largest, len(part.frames))
            found += stacked
    if not found:
        raise NothingThere(
            f"no setup of {camera} has {least} frames of {' or '.join(kinds)} that can be laid over each other; "
            f"the largest has {largest}" + (f"; {bad} frames judged bad are left out" if bad else "")
        )
    return found, aside, bad


def _stack_images(camera: str, frames: Sequence[Doc], *, short: bool) -> list[tuple[ImagePlace, SlopeStack]]:
    """Lay frames of one setup over each other, image by image; none where they cannot be placed."""
    names = frame_images(frames[0])
    stacks = []
    for name in names:
        try:
            place = place_of(frames[0], name)
        except Misplaced:
            continue
        kept = [doc for doc in frames if name in doc["arrays"]]
        stacks.append((place, _stack(camera, place, kept, short=short)))
    return stacks


def _stack(camera: str, place: ImagePlace, frames: Sequence[Doc], *, short: bool) -> SlopeStack:
    """Lay one image of frames of one setup over each other, in order of time."""
    shape = frames[0]["arrays"][place.image]["shape"]
    # The whole array, overscan included, is read; its place is that of the picture in it.
    whole = {"x": 1, "y": 1, "nx": int(shape[-1]), "ny": int(shape[-2])}
    label = "bias" if short else f"dark {frames[0]['obs'].get('exptime', '?')} s"
    label = f"{place.image}, {label}" if len(frame_images(frames[0])) > 1 else label
    stack = SlopeStack(camera, label, whole, [], [])
    for doc in frames:
        one = {"_id": doc["_id"], "timestamp": doc.get("timestamp"), "arrays": {"sci": doc["arrays"][place.image]}}
        if one["timestamp"] is None:
            stack.undated.append(doc["_id"])
        else:
            stack.documents.append(one)
    stack.documents.sort(key=_instant)
    return stack


def _instant(doc: Mapping[str, Any]) -> tuple[datetime, str]:
    return doc["timestamp"], doc["_id"]
