"""Searches through the nights of a camera: noisy pixels, hot pixels, telegraph noise.

Noisy and hot pixels are found on the pixel maps, whose noise is of all samples of the darks of a night; telegraph noise
in the darks and biases themselves, frames of one setup over all nights. Places are pixels of the detector, unbinned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from arraystore.processors import processors
from pipelines.calibration.masters.bits import MasterDQ
from pipelines.combine.methods import MAD_TO_SIGMA
from pipelines.combine.telegraph import switching_rate
from pipelines.errors import UsageError
from pipelines.pixels.cameras.maps import NightMaps, level_of, longest, night_maps, upright, window_of
from pipelines.pixels.cameras.places import ImagePlace
from pipelines.pixels.cameras.stacks import setup_stacks
from pipelines.pixels.coordinates import camera_named
from pipelines.pixels.exposures import day_range
from pipelines.pixels.search import statistics as levels
from pipelines.pixels.search.result import FoundPixels, Map
from pipelines.pixels.search.stacks import over_blocks
from pipelines.progress import Progress
from pipelines.session import Session
from pipelines.table import Answer, Row

__all__ = ["hot", "noisy", "telegraph"]

Array = npt.NDArray[Any]

_PLACE = ("detector", "subarray", "x", "y")
_LEVELS = ("separation", "low", "high", "duty", "switches", "rate")
_NIGHTS = ("nights", "of", "first", "last")

NEEDED = "a value in a pixel map"

STEP_NOISE = 12**-0.5
"""Noise of numbers that are whole: that of an even distribution over one step."""


def noisy(session: Session, camera: str, *, times: float = 3.0, share: float = 0.5, date: Any = None) -> FoundPixels:
    """Find the pixels that are noisier than comparable pixels, night after night.

    The pixel noise is that of the pixel map of a night: the standard deviation over all samples of all darks. It
    is compared with the median noise of that map.

    Parameters
    ----------
    camera : str
        As ``obs.camera`` has it.
    times : float
        From how many times the median noise a pixel is noisy.
    share : float
        On which share of the nights it is, at least.
    date
        A day, ``'A:B'`` or a pair of days, both included.

    Returns
    -------
    FoundPixels
        Columns ``ratio`` (median over the nights of noise over the median noise), ``noise`` (ADU, median over the
        nights), ``nights`` (noisy), ``of`` (known), ``first``, ``last`` (nights on which it is noisy). Maps of both.

    Raises
    ------
    NothingThere
        The camera has no pixel map in use.
    """
    if times <= 0 or not 0 < share <= 1:
        raise UsageError("times is above 0, and share a fraction above 0 up to 1")

    def look(one: NightMaps) -> tuple[dict[str, Array], Array]:
        typical = np.asarray([np.nanmedian(np.asarray(session.store.open(doc["arrays"]["noise"]))) for doc in one.maps])
        images = {name: np.full(one.shape, np.nan, np.float32) for name in ("ratio", "noise")}
        flags = np.zeros((len(one.maps), *one.shape), bool)
        known = np.zeros(one.shape, np.int32)
        for rows, noise in one.bands(session, "noise"):
            with np.errstate(invalid="ignore", divide="ignore"):
                ratio = noise / typical[:, None, None].astype(np.float32)
            images["noise"][rows], images["ratio"][rows] = levels.centre(noise), levels.centre(ratio)
            with np.errstate(invalid="ignore"):
                flags[:, rows] = ratio > times
            known[rows] = np.isfinite(ratio).sum(axis=0)
        return images | {"of": known}, flags

    title = f"Noisier than {times:g} times the median, {camera}"
    return _over_nights(session, camera, look, title=title, share=share, date=date, rank="ratio")


def hot(session: Session, camera: str, *, share: float = 0.5, date: Any = None) -> FoundPixels:
    """Find the pixels that the pixel maps call hot, night after night.

    Parameters
    ----------
    camera, share, date
        As of `noisy`.

    Returns
    -------
    FoundPixels
        Columns ``excess`` (ADU above the median, in the longest of the master darks; of these the latest), ``exptime``
        (of that dark, s), ``nights``, ``of``, ``first``, ``last``. Maps of the excess and of the nights.

    Raises
    ------
    NothingThere
        The camera has no pixel map in use.
    """
    if not 0 < share <= 1:
        raise UsageError("share is a fraction above 0 up to 1")

    def look(one: NightMaps) -> tuple[dict[str, Array], Array]:
        flags = np.zeros((len(one.maps), *one.shape), bool)
        for rows, dq in one.bands(session, "dq"):
            flags[:, rows] = (dq & np.asarray(MasterDQ.HOT, dq.dtype)) != 0
        dark = longest(one.darks)
        excess = np.full(one.shape, np.nan, np.float32) if dark is None else level_of(dark, session, one.place.image)
        exptime = np.full(one.shape, np.nan if dark is None else dark["key"]["exptime"], np.float32)
        known = np.full(one.shape, len(one.maps), np.int32)
        return {"excess": excess, "exptime": exptime, "of": known}, flags

    return _over_nights(session, camera, look, title=f"Hot pixels, {camera}", share=share, date=date, rank="excess")


def _over_nights(
    session: Session, camera: str, look: Any, *, title: str, share: float, date: Any, rank: str
) -> FoundPixels:
    """Look at the maps of each place, and find the pixels that are flagged on a share of the nights."""
    name = camera_named(session.headers, camera)
    first, last = day_range(date)
    days = {operator: day for operator, day in (("$gte", first), ("$lte", last)) if day}
    rows: list[Row] = []
    maps: list[Map] = []
    judged = total = 0
    places: list[ImagePlace] = []
    for one in night_maps(session, name, days):
        places.append(one.place)
        images, flags = look(one)
        images["nights"] = flags.sum(axis=0, dtype=np.int32)
        dates = np.asarray([str(doc["date"]) for doc in one.maps])
        flags = upright(flags, one.place)
        images = {key: upright(image, one.place) for key, image in images.items()}
        each = _map(name, one.place, images, tuple(str(doc["_id"]) for doc in one.maps))
        wanted = (images["nights"] > 0) & (images["nights"] >= share * images["of"])
        index = np.argwhere(wanted)
        shown = [key for key in images if key not in ("nights", "of")]
        for row, (i, j) in zip(each.rows(wanted, (*shown, "nights", "of")), index, strict=True):
            on = dates[flags[:, i, j]]
            rows.append(row | {"first": str(on[0]), "last": str(on[-1])})
        maps.append(each)
        judged += int((images["of"] > 0).sum())
        total += images["of"].size
    columns = (*_PLACE, *(key for key in maps[0].images if key not in ("nights", "of")), *_NIGHTS)
    ordered = tuple(sorted(rows, key=lambda row: -np.nan_to_num(row[rank], nan=-np.inf)))
    title = "; ".join([title, *_assumed(places)])
    return FoundPixels(Answer(columns, ordered, title), tuple(maps), rank, judged, total - judged, {}, (), NEEDED)


def telegraph(
    session: Session,
    camera: str,
    *,
    separation: float = 5.0,
    occupancy: float = 0.1,
    switches: int = 2,
    least: int = 12,
    kinds: Sequence[str] = ("bias", "dark"),
    date: Any = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> FoundPixels:
    """Find the pixels of a camera that jump between two levels in its biases and darks, over all nights.

    Frames of one setup are one stack; darks of up to 0.1 s count as biases. Of every frame the median of the pixels
    looked at together is taken away, so that a drift of the bias is no jump, and the typical scatter of these pixels is
    the floor of each level's noise. The statistic is that of `pipelines.pixels.search.statistics.two_levels`.

    Parameters
    ----------
    camera, date
        As of `noisy`.
    separation, occupancy, switches
        As of `pipelines.pixels.search.search.telegraph`.
    least : int
        Fewest frames of a setup.
    kinds
        Which frames are looked at. Frames judged bad are not.

    Returns
    -------
    FoundPixels
        Columns ``separation``, ``low``, ``high`` (ADU above the median of the frame), ``duty`` (fraction at the high
        level), ``switches``, ``rate`` (1/s, up and down together; NaN where a level does not last from frame to
        frame); ``subarray`` names the setup.

    Raises
    ------
    NothingThere
        No setup has so many frames; the message says how many the largest has.
    """
    if not 0 <= occupancy <= 0.5 or separation <= 0:
        raise UsageError("occupancy is a fraction from 0 to 0.5, and separation is above 0")
    name = camera_named(session.headers, camera)
    stacks, aside, bad = setup_stacks(session, name, kinds, date, least)
    threads = workers or min(4, processors())
    rows: list[Row] = []
    maps: list[Map] = []
    total, done = sum(stack.shape[1] * stack.shape[2] for _, stack in stacks), 0
    for place, stack in stacks:
        images: dict[str, Array] = {}
        work = partial(_two_levels, occupancy=occupancy, least=least)
        for block, result in over_blocks(session, stack, work, workers=threads):
            for key, image in result.items():
                images.setdefault(key, np.empty(stack.shape[1:], image.dtype))[block] = image
            done += (block[0].stop - block[0].start) * (block[1].stop - block[1].start)
            if progress is not None:
                progress(done, total)
        taken = np.array([doc["timestamp"].timestamp() for doc in stack.documents])
        images["rate"] = switching_rate(images["switches"], images["duty"], taken).astype(np.float32)
        images = {key: upright(image, place) for key, image in images.items()}
        each = _map(name, place, images, tuple(doc["_id"] for doc in stack.documents), stack.subarray)
        with np.errstate(invalid="ignore"):
            mask = (each.images["separation"] > separation) & (each.images["switches"] >= switches)
        rows += each.rows(mask, _LEVELS)
        maps.append(each)
    judged = sum(int(np.isfinite(each.images["separation"]).sum()) for each in maps)
    columns = (*_PLACE, *_LEVELS)
    said = [f"{aside} frames of setups with fewer than {least} left out"] if aside else []
    said += [f"{bad} frames judged bad left out"] if bad else []
    title = "; ".join([f"Telegraph noise, {name}", *said, *_assumed([place for place, _ in stacks])])
    answer = Answer(columns, tuple(sorted(rows, key=lambda row: -row["separation"])), title)
    unreadable = {key: why for _, stack in stacks for key, why in stack.unreadable.items()}
    undated = tuple(key for _, stack in stacks for key in stack.undated)
    needed = f"{least} values in frames of one setup; {max(each.integrations for each in maps)} are there at most"
    return FoundPixels(answer, tuple(maps), "separation", judged, total - judged, unreadable, undated, needed)


def _assumed(places: Sequence[ImagePlace]) -> list[str]:
    """Return what headers leave open, and what was assumed of them, each once."""
    return list(dict.fromkeys(place.assumed for place in places if place.assumed))


def _two_levels(values: levels.Floats, errors: levels.Floats, *, occupancy: float, least: int) -> dict[str, Array]:
    """Split each pixel's values into two levels, each frame less its own median, noise no less than is typical."""
    flat = values - np.nanmedian(values, axis=(1, 2), keepdims=True)
    middle = levels.centre(flat)
    typical = float(np.nanmedian(MAD_TO_SIGMA * levels.centre(np.abs(flat - middle))))
    errors = np.where(np.isfinite(flat), np.float32(max(typical, STEP_NOISE)), np.nan)
    found = levels.two_levels(flat, errors, occupancy=occupancy, least=least)
    return {
        "separation": found.separation.astype(np.float32),
        "low": found.low.astype(np.float32),
        "high": found.high.astype(np.float32),
        "duty": found.duty.astype(np.float32),
        "switches": found.switches,
    }


def _map(
    camera: str, place: ImagePlace, images: Mapping[str, Array], documents: tuple[str, ...], label: str = ""
) -> Map:
    """Make a map of pictures that are upright on the detector; of a whole array the picture is cut out."""
    window = window_of(place)
    rows, columns = place.rows, place.columns
    cut = {key: image[_span(rows, image.shape[0]), _span(columns, image.shape[1])] for key, image in images.items()}
    named = label or f"x {columns.first}..{columns.last}, y {rows.first}..{rows.last}"
    named = named if label or place.alone else f"{place.image}, {named}"
    return Map(camera, named, window, cut, documents, len(documents))


def _span(axis: Any, length: int) -> slice:
    """Return where the picture is along an axis of an array that was turned upright."""
    if length == axis.count:
        return slice(None)
    first = length - axis.offset - axis.count if axis.mirrored else axis.offset
    return slice(first, first + axis.count)
