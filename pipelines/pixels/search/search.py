"""Searches through the history of slopes: above their own history, newly hot or no longer hot, telegraph noise.

Every search reads each stack once, block by block, and keeps a few maps of it; what is found is decided on the maps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from arraystore.processors import processors
from pipelines.combine.methods import MAD_TO_SIGMA
from pipelines.errors import UsageError
from pipelines.pixels.search import statistics as levels
from pipelines.pixels.search.result import FoundPixels, Map
from pipelines.pixels.search.stacks import NoExposures, SlopeStack, Where, over_blocks, slope_stacks
from pipelines.pixels.search.statistics import Floats
from pipelines.progress import Progress
from pipelines.session import Session
from pipelines.table import Answer, Row

Array = npt.NDArray[Any]
Images = dict[str, Array]

LEAST = 8
"""Fewest slopes by which a history is judged."""

_PLACE = ("detector", "subarray", "x", "y", "pixel_id")


@dataclass(frozen=True, slots=True)
class _Question:
    """A search: what is made of each block, what is found on the maps, and how it is shown.

    Attributes
    ----------
    work : callable
        Given a stack, and slopes and errors of a block of it, the block's images.
    finish : callable
        Given the images of a whole window, those it is decided by.
    decide : callable
        Given a map and its stack, the rows found.
    rank : callable
        Sorts the rows, the most striking first.
    shown, judged_by : str
        The image for a picture, and one that is NaN where a pixel was not judged.
    needed : str
        What a pixel is judged by, such as ``12 slopes``.
    """

    title: str
    columns: tuple[str, ...]
    work: Callable[[SlopeStack, Floats, Floats], Images]
    decide: Callable[[Map, SlopeStack], list[Row]]
    rank: Callable[[Row], float]
    shown: str
    judged_by: str
    needed: str
    finish: Callable[[Images], Images] = lambda images: images


def above(
    session: Session,
    *,
    sigmas: float = 5.0,
    where: Where | None = None,
    least: int = LEAST,
    workers: int | None = None,
    progress: Progress | None = None,
) -> FoundPixels:
    """Find the pixels with a slope above `sigmas` sigma of their own history.

    A pixel's history is the median of all its slopes and 1.4826 times their median absolute deviation, or the
    median quoted error where that is larger. Light that came and went is above the history, too: choose
    exposures of one sky, or darks, by `where`.

    Parameters
    ----------
    sigmas : float
        The threshold.
    where : Mapping, optional
        A filter of the catalog.
    least : int
        Fewest slopes by which a pixel is judged.
    workers : int, optional
        Threads; by default one a processor, at most 4.

    Returns
    -------
    FoundPixels
        Columns ``count`` (slopes above), ``largest`` (sigma), ``document`` and ``integration`` of the largest,
        ``median`` and ``sigma`` (DN/s). Maps of the same names.

    Raises
    ------
    NoExposures
        No slopes answer to `where`.
    """
    if sigmas <= 0:
        raise UsageError(f"{sigmas} sigma is no threshold; give a number above 0")

    def work(_: SlopeStack, values: Floats, errors: Floats) -> Images:
        return _images(levels.outliers(values, errors, sigmas=sigmas, least=least))

    def decide(each: Map, stack: SlopeStack) -> list[Row]:
        moments = stack.moments
        rows = each.rows(each.images["count"] > 0, ("count", "largest", "when", "median", "sigma"))
        for row in rows:
            moment = moments[row.pop("when")]
            row |= {"document": moment.document, "integration": moment.integration + 1, "at": moment.timestamp}
        return rows

    columns = (*_PLACE, "count", "largest", "median", "sigma", "document", "integration", "at")
    question = _Question(
        title=f"Slopes above {sigmas:g} sigma of their history",
        columns=columns,
        work=work,
        decide=decide,
        rank=lambda row: -row["largest"],
        shown="largest",
        judged_by="sigma",
        needed=f"{least} slopes",
    )
    return _ask(session, slope_stacks(session, where), question, workers=workers, progress=progress)


def changed(
    session: Session,
    *,
    before: date | datetime | str,
    after: date | datetime | str,
    sigmas: float = 5.0,
    where: Where | None = None,
    least: int = 3,
    workers: int | None = None,
    progress: Progress | None = None,
) -> FoundPixels:
    """Find the pixels that turned hot, or are no longer hot, between two dates.

    The level of a pixel until `before` is compared with that from `after` on: medians, their errors from the
    scatter within each span. What all pixels of a window changed by, the sky or the lamp, is taken out by the
    median of all changes, and the scatter of the changes counts as an error: a pixel is named that changed
    by more than `sigmas` times both errors together.

    Parameters
    ----------
    before, after : date, datetime or str
        The last moment of the span before, and the first of the span after, ISO 8601, UTC. A date alone is its
        whole day: exposures of the day `before` are in the span before, those of the day `after` in that after.
    sigmas, where, least, workers
        As `above`; `least` is for each span.

    Returns
    -------
    FoundPixels
        Columns ``change`` ('hot' or 'quiet'), ``before`` and ``after`` (DN/s), ``significance`` (sigma).

    Raises
    ------
    NoExposures
        No slopes in one of the spans.
    UsageError
        The dates are none, or in the wrong order.
    """
    last, first = _instant(before, end=True), _instant(after, end=False)
    if first <= last:
        raise UsageError(f"what is after, {after}, does not begin later than what is before ends, {before}")
    stacks = [stack for stack in slope_stacks(session, where) if all(span.any() for span in _spans(stack, last, first))]
    if not stacks:
        raise NoExposures(f"no window has slopes both until {before} and from {after} on; give other dates")

    def work(stack: SlopeStack, values: Floats, errors: Floats) -> Images:
        early, late = _spans(stack, last, first)
        return _images(levels.shift(values[early], errors[early], values[late], errors[late], least=least))

    def decide(each: Map, _: SlopeStack) -> list[Row]:
        with np.errstate(invalid="ignore"):
            mask = np.abs(each.images["significance"]) > sigmas
        rows = each.rows(mask, ("before", "after", "significance"))
        return [row | {"change": "hot" if row["significance"] > 0 else "quiet"} for row in rows]

    question = _Question(
        title=f"Changed between {before} and {after} by more than {sigmas:g} sigma",
        columns=(*_PLACE, "change", "before", "after", "significance"),
        work=work,
        decide=decide,
        rank=lambda row: -abs(row["significance"]),
        shown="significance",
        judged_by="significance",
        needed=f"{least} slopes before and after",
        finish=_significance,
    )
    return _ask(session, stacks, question, workers=workers, progress=progress)


def telegraph(
    session: Session,
    *,
    separation: float = 5.0,
    occupancy: float = 0.1,
    switches: int = 2,
    where: Where | None = None,
    least: int = 12,
    workers: int | None = None,
    progress: Progress | None = None,
) -> FoundPixels:
    """Find the pixels whose slope jumps between two levels: random telegraph noise.

    The statistic is that of `pipelines.pixels.search.statistics.two_levels`: the best split of a pixel's
    slopes into two levels, each with at least `occupancy` of them, further apart than `separation`
    (Ashman's D), and crossed at least `switches` times: once is a pixel that changed.

    Parameters
    ----------
    separation : float
        Least D. Noise alone reaches 5 in 3 of 100,000 pixels of 12 slopes, and in fewer of more (simulated).
    occupancy : float
        Least fraction of the slopes at each level, 0 to 0.5.
    switches : int
        Fewest passages.
    where, least, workers
        As `above`.

    Returns
    -------
    FoundPixels
        Columns ``separation``, ``low``, ``high`` (DN/s), ``duty`` (fraction at the high level), ``switches``.

    Raises
    ------
    NoExposures
        No slopes answer to `where`.
    """
    if not 0 <= occupancy <= 0.5 or separation <= 0:
        raise UsageError("occupancy is a fraction from 0 to 0.5, and separation is above 0")

    def work(_: SlopeStack, values: Floats, errors: Floats) -> Images:
        return _images(levels.two_levels(values, errors, occupancy=occupancy, least=least))

    def decide(each: Map, _: SlopeStack) -> list[Row]:
        images = each.images
        with np.errstate(invalid="ignore"):
            mask = (images["separation"] > separation) & (images["switches"] >= switches)
        return each.rows(mask, ("separation", "low", "high", "duty", "switches"))

    question = _Question(
        title="Telegraph noise",
        columns=(*_PLACE, "separation", "low", "high", "duty", "switches"),
        work=work,
        decide=decide,
        rank=lambda row: -row["separation"],
        shown="separation",
        judged_by="separation",
        needed=f"{least} slopes",
    )
    return _ask(session, slope_stacks(session, where), question, workers=workers, progress=progress)


def _ask(
    session: Session, stacks: list[SlopeStack], question: _Question, *, workers: int | None, progress: Progress | None
) -> FoundPixels:
    """Read every stack, map it, and decide on the maps."""
    threads = workers or min(4, processors())
    rows: list[Row] = []
    maps: list[Map] = []
    total = sum(stack.shape[1] * stack.shape[2] for stack in stacks)
    done = judged = 0
    for stack in stacks:
        images: Images = {}
        work = partial(question.work, stack)
        for block, result in over_blocks(session, stack, work, workers=threads):
            for name, image in result.items():
                whole = images.setdefault(name, np.empty(stack.shape[1:], image.dtype))
                whole[block] = image
            done += (block[0].stop - block[0].start) * (block[1].stop - block[1].start)
            if progress is not None:
                progress(done, total)
        names = tuple(doc["_id"] for doc in stack.documents)
        each = Map(stack.detector, stack.subarray, stack.window, question.finish(images), names, stack.shape[0])
        maps.append(each)
        rows += question.decide(each, stack)
        judged += int(np.isfinite(each.images[question.judged_by]).sum())
    answer = Answer(question.columns, tuple(sorted(rows, key=question.rank)), question.title)
    unreadable = {name: why for stack in stacks for name, why in stack.unreadable.items()}
    undated = tuple(name for stack in stacks for name in stack.undated)
    needed = f"{question.needed}; {max(each.integrations for each in maps)} are there at most"
    return FoundPixels(answer, tuple(maps), question.shown, judged, total - judged, unreadable, undated, needed)


def _images(statistics: Any) -> Images:
    """Return the arrays of a value of `levels` by name, the floating ones in single precision."""
    arrays = {field.name: getattr(statistics, field.name) for field in fields(statistics)}
    return {name: a.astype(np.float32) if a.dtype.kind == "f" else a for name, a in arrays.items()}


def _significance(images: Images) -> Images:
    """Add the change of each pixel over its error, less what all changed by and with the scatter of that."""
    change = images["after"] - images["before"]
    known = change[np.isfinite(change)]
    common = np.median(known) if known.size else np.nan
    among = MAD_TO_SIGMA * np.median(np.abs(known - common)) if known.size else np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        significance = (change - common) / np.hypot(images["sigma"], among)
    return {**images, "significance": significance}


def _spans(stack: SlopeStack, last: datetime, first: datetime) -> tuple[Array, Array]:
    """Return which integrations of a stack are in the span before, and which in that after."""
    times = [moment.timestamp for moment in stack.moments]
    return np.array([t <= last for t in times], bool), np.array([t >= first for t in times], bool)


def _instant(moment: date | datetime | str, *, end: bool) -> datetime:
    """Return an aware instant; a date is its first moment, or its last."""
    if isinstance(moment, str):
        try:
            moment = date.fromisoformat(moment) if len(moment) == 10 else datetime.fromisoformat(moment)
        except ValueError:
            raise UsageError(f"{moment!r} is not a valid date; write 2024-03-01, or 2024-03-01T12:00:00") from None
    if isinstance(moment, datetime):
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return datetime.combine(moment, time.max if end else time.min, UTC)
