"""Maps of hot, dead and unstable pixels, from the darks and flats of a camera's night."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from arraystore import ArrayStore
from catalog import Catalog
from pipelines.calibration.groups.keys import matching_keys, rule_for
from pipelines.calibration.masters.bits import MasterDQ
from pipelines.calibration.masters.recipe import Used
from pipelines.calibration.masters.step import MapRules, MasterOptions, Step
from pipelines.calibration.select.choose import FIELDS

__all__ = ["PixelMap", "map_pixels", "plan_maps"]

Doc = Mapping[str, Any]
Votes = npt.NDArray[np.uint8]

_MAD = 1.482602218505602


@dataclass(frozen=True, slots=True)
class PixelMap:
    """Which pixels are bad.

    Attributes
    ----------
    dq : ndarray of uint16
        Bits of `MasterDQ`, (y, x).
    votes : ndarray of uint8
        How many darks call a pixel hot.
    counts : dict
        Pixels of each kind, and columns.
    """

    dq: npt.NDArray[np.uint16]
    votes: Votes
    counts: dict[str, int]


def map_pixels(
    darks: Sequence[Mapping[str, Any]], flats: Sequence[Mapping[str, Any]], *, store: ArrayStore, rules: MapRules
) -> PixelMap:
    """Find the bad pixels.

    Hot: above the level of the dark by so many robust sigmas of its pixels (median absolute
    deviation). Dead: below a fraction of a flat's level. Unstable: the scatter of its samples over
    the noise model, summed over all darks, has a chi-square whose cube root (Wilson and Hilferty 1931,
    PNAS 17, 684) is so many sigmas above its mean; samples that were rejected do not count.

    Parameters
    ----------
    darks, flats : sequence of Mapping
        Documents of masters; one dark at least.
    """
    shape = tuple(darks[0]["arrays"]["value"]["shape"])
    hot = np.zeros(shape, np.uint8)
    chi, freedom = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for dark in darks:
        value = np.asarray(store.open(dark["arrays"]["value"]))
        hot += hot_pixels(value, rules.hot)
        if {"variance_scatter", "variance_model", "count"} <= set(dark["arrays"]):
            _add_scatter(chi, freedom, dark, store)
    dead = np.zeros(shape, np.uint8)
    for flat in flats:
        with np.errstate(invalid="ignore"):
            dead += ~(np.asarray(store.open(flat["arrays"]["value"])) >= rules.dead)
    dq = np.zeros(shape, np.uint16)
    dq[merged(hot, len(darks), rules)] |= np.uint16(MasterDQ.HOT)
    if flats:
        dq[merged(dead, len(flats), rules)] |= np.uint16(MasterDQ.DEAD)
    dq[_unstable(chi, freedom, rules.unstable)] |= np.uint16(MasterDQ.UNSTABLE)
    columns = np.flatnonzero((dq != 0).mean(axis=0) > rules.column)
    dq[:, columns] |= np.uint16(MasterDQ.BAD_COLUMN)
    counts = {flag.name.lower(): int(((dq & np.uint16(flag)) != 0).sum()) for flag in MasterDQ if flag.name is not None}
    counts.pop("low_light")
    counts["bad_column"] = len(columns)
    return PixelMap(dq, hot, counts | {"bad": int((dq != 0).sum())})


def hot_pixels(value: npt.NDArray[Any], sigmas: float) -> npt.NDArray[np.bool_]:
    """Tell which pixels of a dark are hot; one without a value is not."""
    finite = value[np.isfinite(value)]
    level = np.median(finite)
    spread = _MAD * float(np.median(np.abs(finite - level)))
    with np.errstate(invalid="ignore"):
        found: npt.NDArray[np.bool_] = value - level > sigmas * max(spread, 1e-30)
    return found


def merged(votes: Votes, voters: int, rules: MapRules) -> npt.NDArray[np.bool_]:
    """Merge the maps of several masters: any, all, or a fraction of them."""
    least = {"or": 1, "and": voters, "fraction": max(1, int(np.ceil(rules.fraction * voters - 1e-9)))}[rules.merge]
    return votes >= least


def _add_scatter(chi: npt.NDArray[Any], freedom: npt.NDArray[Any], dark: Doc, store: ArrayStore) -> None:
    """Add a dark's samples to the chi-square of each pixel, and their degrees of freedom."""
    arrays = dark["arrays"]
    count = np.asarray(store.open(arrays["count"])).astype(np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.asarray(store.open(arrays["variance_scatter"])) / np.asarray(store.open(arrays["variance_model"]))
    use = np.isfinite(ratio) & (count >= 2)
    np.add(chi, ratio * (count - 1), out=chi, where=use)
    np.add(freedom, count - 1, out=freedom, where=use)


def _unstable(chi: npt.NDArray[Any], freedom: npt.NDArray[Any], sigmas: float) -> npt.NDArray[np.bool_]:
    known = freedom > 0
    degrees = np.where(known, freedom, 1)
    spread = 2 / (9 * degrees)
    found: npt.NDArray[np.bool_] = known & (np.cbrt(chi / degrees) > 1 - spread + sigmas * np.sqrt(spread))
    return found


def plan_maps(
    catalog: Catalog, *, date: str, expected: Sequence[Doc], without: frozenset[str], options: MasterOptions
) -> list[Step]:
    """Draft a map for each camera that has darks this night, there or expected."""
    gone = without | {name for doc in expected for name in doc["supersedes"]}
    query = {"kind": {"$in": ["dark", "flat"]}, "date": date}
    known = {doc["_id"]: doc for doc in catalog.masters.find(query, {**dict.fromkeys(FIELDS, 1), "profile": 1})}
    known |= {doc["_id"]: doc for doc in expected if doc["kind"] in ("dark", "flat")}
    cameras: dict[str, list[Doc]] = {}
    for doc in sorted(known.values(), key=lambda doc: str(doc["_id"])):
        if doc["_id"] not in gone and in_use(doc):
            cameras.setdefault(_place(doc), []).append(doc)
    steps = []
    for docs in cameras.values():
        darks = [doc for doc in docs if doc["kind"] == "dark"]
        flats = [doc for doc in docs if doc["kind"] == "flat" and doc["flat_time"] in (None, "combined")]
        if not darks:
            continue
        first = darks[0]
        rule = rule_for(first["profile"], "pixelmap")
        key = {name.name: first["key"].get(name.name) for name in matching_keys(rule, "pixelmap")}
        used = tuple(Used(doc["kind"], doc["_id"], doc["identity"], ()) for doc in darks + flats)
        step = Step(
            kind="pixelmap",
            date=date,
            profile=first["profile"],
            instrument=first["instrument"],
            key=key,
            used=used,
            parameters=options.parameters("pixelmap"),
        )
        steps.append(step)
    return steps


def in_use(doc: Doc) -> bool:
    """Tell whether a master may be built upon."""
    marked = doc.get("recalled") or doc.get("stale") or doc.get("superseded_by")
    return not marked and doc["status"] in ("certified", "verified")


def _place(doc: Doc) -> str:
    """Name the detector, read out in one way, that a master is of."""
    rule = rule_for(doc["profile"], "pixelmap")
    return repr([doc["profile"], *(doc["key"].get(key.name) for key in matching_keys(rule, "pixelmap"))])
