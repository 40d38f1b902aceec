"""What the masters say of a pixel in each frame, so that what is left over can be looked at: the master residual.

A bias or dark is expected to hold what its master holds; a flat besides its light, the master flat at the level of
the frame, where the frame is part of that master; any other frame what it would hold without light, so that its
residual is its light. A frame that is part of a master in use is compared with that one; others with the one that is
chosen for them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.calibration.apply.plan import DEFAULT_RULES
from pipelines.calibration.groups.divide import canonical
from pipelines.calibration.groups.keys import rule_for, traits
from pipelines.calibration.masters.geometry import geometry_of, overscan_taken
from pipelines.calibration.masters.images import planes_of
from pipelines.calibration.masters.opening import measured_overscan
from pipelines.calibration.masters.pixelmaps import in_use
from pipelines.calibration.select.choose import FIELDS, best, judged
from pipelines.calibration.select.darks import dark_for
from pipelines.calibration.select.departed import with_departures
from pipelines.documents.schema import Doc
from pipelines.errors import UsageError
from pipelines.instruments import GroupRule
from pipelines.pixels.cameras.reading import FrameValues, Placed
from pipelines.pixels.reading import Want, read
from pipelines.session import Session

__all__ = ["Expected", "expected"]

Array = npt.NDArray[Any]
Part = tuple[Doc, float]
"""A master, and by what its value is multiplied."""

_KINDS = ("bias", "dark", "flat")


@dataclass(frozen=True, slots=True)
class Expected:
    """What masters say of pixels, (N, P), and which masters.

    Attributes
    ----------
    values
        float64, in units of the frames; NaN where no master serves.
    masters
        Of each frame, joined by ``+``; the reason where there are none.
    found
        Whether a frame has masters.
    """

    values: npt.NDArray[np.float64]
    masters: tuple[str, ...]
    found: tuple[bool, ...]


def expected(session: Session, read_values: FrameValues) -> Expected:
    """Find the masters of every frame and read the pixels in them; questions to the catalog do not grow with frames."""
    frames = read_values.frames
    pools = _pools(session, frames)
    own = _own(pools)
    rules = _rules(frames)
    chosen: dict[Any, list[Part] | str] = {}
    parts = [_parts(one, pools, own, rules, chosen) for one in frames]
    planes = _read(session, read_values, parts)
    values = np.full(read_values.values.shape, np.nan)
    for n, (one, found) in enumerate(zip(frames, parts, strict=True)):
        if not isinstance(found, str):
            rows = [planes[n, doc["_id"]] * share for doc, share in found]
            values[n] = np.sum(rows, axis=0) + _pedestal(session, one, found, read_values, n)
    named = tuple(p if isinstance(p, str) else " + ".join(str(doc["_id"]) for doc, _ in p) for p in parts)
    return Expected(values, named, tuple(not isinstance(p, str) for p in parts))


def _pools(session: Session, frames: Sequence[Placed]) -> dict[Any, list[Doc]]:
    """Return the biases, darks and flats of the cameras, those that are in use."""
    cameras = sorted({str(one.obs("camera")) for one in frames})
    fields = dict.fromkeys((*FIELDS, "arrays", "images"), 1)
    query = {"kind": {"$in": list(_KINDS)}, "camera": {"$in": cameras}}
    pools: dict[Any, list[Doc]] = defaultdict(list)
    for doc in with_departures(session.catalog, session.masters.find(query, fields).to_list()):
        if in_use(doc) and "departed" not in doc:
            pools[doc["camera"]].append(doc)
    return pools


def _rules(frames: Sequence[Placed]) -> dict[str, GroupRule | str]:
    """Return how each profile says that darks are told apart, or why it does not: looked up once for all frames."""
    rules: dict[str, GroupRule | str] = {}
    for name in {str(one.document.get("profile")) for one in frames}:
        try:
            rules[name] = rule_for(name, "dark")
        except UsageError as error:
            rules[name] = str(error)
    return rules


def _own(pools: Mapping[Any, Sequence[Doc]]) -> dict[tuple[str, str], tuple[Doc, Mapping[str, Any]]]:
    """Return the master that each frame is part of, and what it says of the frame, by frame and kind."""
    return {
        (entry["id"], doc["kind"]): (doc, entry)
        for docs in pools.values()
        for doc in docs
        for entry in doc.get("inputs") or ()
    }


def _parts(
    one: Placed,
    pools: Mapping[Any, Sequence[Doc]],
    own: Mapping[tuple[str, str], tuple[Doc, Mapping[str, Any]]],
    rules: Mapping[str, GroupRule | str],
    chosen: dict[Any, list[Part] | str],
) -> list[Part] | str:
    """Return the masters of a frame with their factors, or the reason why there are none."""
    frame, kind = one.document, one.document["kind"]
    mine = own.get((frame["_id"], kind))
    if mine is not None and kind in ("bias", "dark"):
        return [(mine[0], 1.0)]
    rule = rules[str(frame.get("profile"))]
    if isinstance(rule, str):
        return rule
    # Frames of one setup and night share their masters: each is judged once.
    key = (kind == "bias", frame.get("profile"), frame.get("date"), canonical(traits(frame, rule)))
    if key not in chosen:
        chosen[key] = _unlit(frame, pools.get(one.obs("camera"), ()))
    unlit = chosen[key]
    if isinstance(unlit, str) or mine is None or not mine[1].get("level"):
        return unlit
    return [*unlit, (mine[0], float(mine[1]["level"]))]


def _unlit(frame: Doc, pool: Sequence[Doc]) -> list[Part] | str:
    """Choose what a frame holds without light: ``bias + (dark - bias) * scale``."""
    if frame["kind"] == "bias":
        bias = best(judged(frame, "bias", [doc for doc in pool if doc["kind"] == "bias"], rules=DEFAULT_RULES))
        return "no master bias for it" if bias is None else [(bias.master, 1.0)]
    found = dark_for(frame, pool, DEFAULT_RULES, bias_alone=frame["kind"] != "dark")
    if isinstance(found, str):
        return found
    parts: list[Part] = []
    if found.dark is not None:
        parts.append((found.dark, found.scale if found.bias is not None else 1.0))
    if found.bias is not None:
        parts.append((found.bias, 1 - found.scale if found.dark is not None else 1.0))
    return parts


def _read(session: Session, values: FrameValues, parts: Sequence[list[Part] | str]) -> dict[tuple[int, Any], Array]:
    """Read the pixels in every master: by frame and master, (P,); each value of a master is read once."""
    wants: dict[Any, tuple[Want, Array]] = {}
    place: dict[tuple[int, Any], Any] = {}
    for n, (one, found) in enumerate(zip(values.frames, parts, strict=True)):
        for doc, _ in [] if isinstance(found, str) else found:
            key = (doc["_id"], one.place)
            place[n, doc["_id"]] = key
            if key not in wants and (located := _located(one, doc, values, n)) is not None:
                wants[key] = located
    got: dict[Any, Array] = {}
    for key, (want, inside) in wants.items():  # masters are few: one read each
        read_value, _ = read(session.store, [want], compact=False)
        value = read_value.get((want.document["_id"], want.name))
        full = np.full(values.values.shape[1], np.nan)
        if value is not None:
            full[inside] = value
        got[key] = full
    missing = np.full(values.values.shape[1], np.nan)
    return {name: got.get(key, missing) for name, key in place.items()}


def _located(one: Placed, master: Doc, values: FrameValues, n: int) -> tuple[Want, Array] | None:
    """Return where the pixels of a frame are in a master, which may be of the picture without the overscan."""
    planes = planes_of(master, one.place.image)
    if "value" not in planes:
        return None
    shape = tuple(planes["value"]["shape"])
    geometry = geometry_of(one.document, one.place.image)
    rows, columns = values.rows[n], values.columns[n]
    if shape == geometry.trimmed != geometry.shape:
        rows, columns = _among(geometry.rows, rows), _among(geometry.columns, columns)
    elif shape != geometry.shape:
        return None
    inside = np.flatnonzero((rows >= 0) & (columns >= 0))
    if not inside.size:
        return None
    document = {"_id": master["_id"], "arrays": planes}
    return Want(document, "value", rows[inside], columns[inside]), inside


def _among(kept: Array, index: Array) -> Array:
    """Return the place of each index among those kept; -1 where it is not."""
    place = np.searchsorted(kept, index).clip(0, len(kept) - 1)
    return np.where(kept[place] == index, place, -1)


def _pedestal(session: Session, one: Placed, found: Sequence[Part], values: FrameValues, n: int) -> Array | float:
    """Return the overscan level of a frame at the pixels, where its masters were made without it; else 0."""
    if not any(overscan_taken(doc) for doc, _ in found):
        return 0.0
    image = one.place.image
    geometry = geometry_of(one.document, image)
    scan = measured_overscan(one.document, image, geometry, session.store)
    level = np.full(values.values.shape[1], np.nan)
    for pixel, (row, column) in enumerate(zip(values.rows[n], values.columns[n], strict=True)):
        trimmed = _among(geometry.rows, row[None])[0], _among(geometry.columns, column[None])[0]
        if min(trimmed) >= 0:
            rows = np.broadcast_to(scan.read(int(trimmed[0]), int(trimmed[0]) + 1), (1, geometry.trimmed[1]))
            level[pixel] = rows[0, int(trimmed[1])]
    return level
