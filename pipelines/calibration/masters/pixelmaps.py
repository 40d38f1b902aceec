"""Maps of hot, dead and unstable pixels, from the darks and flats of a camera's night."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from arraystore import ArrayRef, ArrayStore
from catalog import Catalog
from pipelines.calibration.groups.keys import matching_keys, rule_for
from pipelines.calibration.masters.acceptance import Acceptance
from pipelines.calibration.masters.bits import MasterDQ
from pipelines.calibration.masters.frames import by_colour
from pipelines.calibration.masters.images import image_names, of_image, plane_key
from pipelines.calibration.masters.lamp import by_spectrum, lit
from pipelines.calibration.masters.recipe import Used
from pipelines.calibration.masters.step import MapRules, MasterOptions, Step
from pipelines.calibration.masters.unstable import Scatter, Spread, steady_variance
from pipelines.calibration.masters.work import Made, Work
from pipelines.calibration.select.choose import FIELDS
from pipelines.combine.methods import MAD_TO_SIGMA
from pipelines.documents.schema import Doc
from pipelines.errors import DarkroomError
from pipelines.table.cells import counted

__all__ = ["PixelMap", "add_scatter", "draft", "in_use", "make", "map_pixels", "place_of", "too_many"]

MOST = 0.2
"""Fraction of the sensor from which a map is not in use until somebody has looked."""

_ALL = slice(None)


Votes = npt.NDArray[np.uint8]


class NoMap(DarkroomError):
    """These masters give no map; the message says why."""


@dataclass(frozen=True, slots=True)
class PixelMap:
    """Which pixels are bad.

    Attributes
    ----------
    dq : ndarray of uint16
        Bits of `MasterDQ`, (y, x).
    votes : ndarray of uint8
        How many darks call a pixel hot.
    noise : ndarray of float32
        Standard deviation of each pixel over all samples of all darks, those left out of them too, in their units.
    counts : dict
        Pixels of each kind, and columns.
    """

    dq: npt.NDArray[np.uint16]
    votes: Votes
    noise: npt.NDArray[np.float32]
    counts: dict[str, int]


def map_pixels(
    darks: Sequence[Mapping[str, Any]], flats: Sequence[Mapping[str, Any]], *, store: ArrayStore, rules: MapRules
) -> PixelMap:
    """Find the bad pixels.

    Hot: above the level of the dark by so many robust sigmas of its pixels (median absolute
    deviation). Dead: below a fraction of a flat's level. Unstable: the scatter of all its samples, those that
    were rejected too, over the noise of a steady pixel, summed over all darks, by `unstable.Scatter`; of darks
    made before 0.3 only the samples that were kept are known.

    Parameters
    ----------
    darks, flats : sequence of Mapping
        Documents of masters; one dark at least.
    """
    shape = tuple(darks[0]["arrays"]["value"]["shape"])
    hot = np.zeros(shape, np.uint8)
    scatter = Scatter(shape)
    for dark in darks:
        value = np.asarray(store.open(dark["arrays"]["value"]))
        hot += hot_pixels(value, rules.hot)
        if {"variance_scatter", "variance_model", "count"} <= set(dark["arrays"]):
            add_scatter(scatter, dark, value, store)
    dead = np.zeros(shape, np.uint8)
    for flat in flats:
        with np.errstate(invalid="ignore"):
            dead += _dead(flat, store, rules.dead)
    dq = np.zeros(shape, np.uint16)
    dq[merged(hot, len(darks), rules)] |= np.uint16(MasterDQ.HOT)
    if flats:
        dq[merged(dead, len(flats), rules)] |= np.uint16(MasterDQ.DEAD)
    dq[scatter.unstable(rules.unstable)] |= np.uint16(MasterDQ.UNSTABLE)
    columns = np.flatnonzero((dq != 0).mean(axis=0) > rules.column)
    dq[:, columns] |= np.uint16(MasterDQ.BAD_COLUMN)
    counts = {flag.name.lower(): int(((dq & np.uint16(flag)) != 0).sum()) for flag in MasterDQ if flag.name is not None}
    counts.pop("low_light")
    counts["bad_column"] = len(columns)
    return PixelMap(dq, hot, scatter.sigma(), counts | {"bad": int((dq != 0).sum())})


def _dead(flat: Doc, store: ArrayStore, least: float) -> npt.NDArray[np.bool_]:
    """Tell which pixels of a flat hardly respond; of a dispersed one where its lamp has light at all."""
    value = np.asarray(store.open(flat["arrays"]["value"]))
    if "dispersion" not in (flat.get("statistics") or {}):
        return ~(by_colour(value) >= least)
    response = by_spectrum(value, flat["statistics"]["dispersion"])
    with np.errstate(divide="ignore", invalid="ignore"):
        lamp = value / response
        return ~(response >= least) & lit(lamp, np.asarray(store.open(flat["arrays"]["variance_model"])))


def too_many(counts: Mapping[str, int], size: int) -> str | None:
    """Say that a map marks so much of the sensor that it tells of its darks and flats and not of its pixels."""
    share = counts["bad"] / size
    if share <= MOST:
        return None
    told = ", ".join(f"{counts[name]} {name}" for name in ("hot", "dead", "unstable") if counts[name])
    return f"look at its darks and flats: {share:.0%} of the pixels are bad ({told}), {MOST:.0%} is the limit"


def hot_pixels(value: npt.NDArray[Any], sigmas: float) -> npt.NDArray[np.bool_]:
    """Tell which pixels of a dark are hot; one without a value is not."""
    finite = value[np.isfinite(value)]
    level = np.median(finite)
    spread = MAD_TO_SIGMA * float(np.median(np.abs(finite - level)))
    with np.errstate(invalid="ignore"):
        found: npt.NDArray[np.bool_] = value - level > sigmas * max(spread, 1e-30)
    return found


def merged(votes: Votes, voters: int, rules: MapRules) -> npt.NDArray[np.bool_]:
    """Merge the maps of several masters: any, all, or a fraction of them."""
    least = {"or": 1, "and": voters, "fraction": max(1, int(np.ceil(rules.fraction * voters - 1e-9)))}[rules.merge]
    return votes >= least


def add_scatter(scatter: Scatter, dark: Doc, value: npt.NDArray[Any], store: ArrayStore, *, rows: slice = _ALL) -> None:
    """Add a dark's samples in some rows: all of them, where it has kept their scatter, or those it consists of."""

    def plane(name: str) -> npt.NDArray[Any]:
        return np.asarray(store.open(dark["arrays"][name])[rows])

    count = plane("count").astype(np.float32)
    kept = plane("variance_scatter") * count
    if {"variance_all", "samples", "strikes"} <= set(dark["arrays"]):
        spread = Spread(plane("variance_all"), plane("samples"), plane("strikes"))
        scatter.add(spread, steady_variance(value, dark["noise"]), kept)
    else:
        spread = Spread(kept, count, np.zeros(count.shape, np.uint16))
        scatter.add(spread, plane("variance_model") * count, kept)


def draft(
    catalog: Catalog,
    kind: str,
    *,
    date: str,
    expected: Sequence[Doc],
    without: frozenset[str],
    options: MasterOptions,
) -> list[Step]:
    """Draft a map for each camera that has darks this night, there or expected."""
    gone = without | {name for doc in expected for name in doc["supersedes"]}
    query = {"kind": {"$in": ["dark", "flat"]}, "date": date}
    known = {doc["_id"]: doc for doc in catalog.masters.find(query, {**dict.fromkeys(FIELDS, 1), "profile": 1})}
    known |= {doc["_id"]: doc for doc in expected if doc["kind"] in ("dark", "flat")}
    cameras: dict[str, list[Doc]] = {}
    for doc in sorted(known.values(), key=lambda doc: str(doc["_id"])):
        if doc["_id"] not in gone and in_use(doc):
            cameras.setdefault(place_of(doc), []).append(doc)
    steps = []
    for docs in cameras.values():
        darks = [doc for doc in docs if doc["kind"] == "dark"]
        flats = [doc for doc in docs if doc["kind"] == "flat" and doc["flat_time"] in (None, "combined")]
        if not darks:
            continue
        first = darks[0]
        rule = rule_for(first["profile"], kind)
        key = {name.name: first["key"].get(name.name) for name in matching_keys(rule, kind)}
        used = tuple(Used(doc["kind"], doc["_id"], doc["identity"], ()) for doc in darks + flats)
        step = Step(
            kind=kind,
            date=date,
            profile=first["profile"],
            instrument=first["instrument"],
            key=key,
            used=used,
            parameters=asdict(options.maps),
        )
        steps.append(step)
    return steps


def in_use(doc: Doc) -> bool:
    """Tell whether a master may be built upon."""
    marked = doc.get("recalled") or doc.get("stale") or doc.get("superseded_by")
    return not marked and doc["status"] in ("certified", "verified")


def place_of(doc: Doc) -> str:
    """Name the detector, read out in one way, that a master is of."""
    rule = rule_for(doc["profile"], "pixelmap")
    return repr([doc["profile"], *(doc["key"].get(key.name) for key in matching_keys(rule, "pixelmap"))])


def make(step: Step, work: Work, store: ArrayStore) -> Made:
    """Make a map of bad pixels."""
    of = {role: [work.masters[used.id] for used in step.used if used.role == role] for role in ("dark", "flat")}
    names = image_names(of["dark"][0])
    odd = [doc["_id"] for docs in of.values() for doc in docs if image_names(doc) != names]
    if odd:
        raise NoMap(f"{odd[0]} has other images than {of['dark'][0]['_id']}")
    rules: MapRules = work.options.maps
    refs: dict[str, ArrayRef] = {}
    images: list[dict[str, Any]] = []
    for name in names:  # one image in memory at a time
        mine = {role: [of_image(doc, name) for doc in docs] for role, docs in of.items()}
        found = map_pixels(mine["dark"], mine["flat"], store=store, rules=rules)
        refs |= {
            plane_key(plane, name, names): store.put(getattr(found, plane), kind="dq") for plane in ("dq", "votes")
        }
        refs[plane_key("noise", name, names)] = store.put(found.noise, kind="master")
        images.append(
            {"name": name, "noise": {}, "statistics": found.counts, "doubt": too_many(found.counts, found.dq.size)}
        )
    told = f"from {counted(len(of['dark']), 'dark')} and {counted(len(of['flat']), 'flat')} in use"
    doubts = [f"{one['name']}: {one['doubt']}" if len(names) > 1 else one["doubt"] for one in images if one["doubt"]]
    accepted = Acceptance("look" if doubts else "accepted", "; ".join(doubts) or told, None, None, None, None, ())
    counts = {key: sum(one["statistics"][key] for one in images) for key in images[0]["statistics"]}
    several = tuple({key: one[key] for key in ("name", "noise", "statistics")} for one in images)
    return Made(step, refs, accepted, counts, {}, {}, {}, 0.0, images=several if len(names) > 1 else ())
