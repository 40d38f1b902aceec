"""The images of a frame, each measured and judged by itself: one as a rule, several chips or amplifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from statistics import median
from typing import TYPE_CHECKING, Any

from pipelines.calibration.groups.keys import images_of
from pipelines.calibration.masters.geometry import geometry_of
from pipelines.calibration.masters.opening import measured_overscan
from pipelines.calibration.quality import measure as pixels
from pipelines.calibration.quality.criteria import BAD, DOUBTFUL, GOOD, NOT_COMPARED, FrameCheck
from pipelines.calibration.quality.measure import Stats
from pipelines.calibration.quality.reference import picture_of

if TYPE_CHECKING:
    from arraystore import ArrayStore
    from pipelines.calibration.times.frames import Frame

__all__ = ["MeasuredImage", "kept_images", "known_images", "measure_images", "merged", "summary"]

_STATS = tuple(field.name for field in fields(Stats))
_WORST_FIRST = (BAD, DOUBTFUL, GOOD, NOT_COMPARED)


@dataclass(frozen=True, slots=True)
class MeasuredImage:
    """What was measured of one image of a frame.

    Attributes
    ----------
    stats
        Of its picture.
    pedestal
        The level of its overscan, which drifts from frame to frame and is taken off; 0 without one.
    """

    stats: Stats
    pedestal: float = 0.0


def measure_images(frame: Frame, store: ArrayStore, made_of: Mapping[str, Any]) -> dict[str, MeasuredImage]:
    """Measure each image of a frame.

    Raises
    ------
    UsageError
        One is no picture, has no number, or a section that is no part of it.
    arraystore.Lost, arraystore.ArrayDamaged
        Its pixels are not what was stored.
    """
    found = {}
    for name in images_of(frame):
        stats = pixels.measure(
            picture_of(frame, store, name),
            saturation=made_of["saturation"],
            hot_sigma=made_of["hot_sigma"],
            colour=made_of["colour"],
        )
        geometry = geometry_of(frame, name)
        pedestal = measured_overscan(frame, name, geometry, store).level if geometry.has_overscan else 0.0
        # As the document keeps it: a verdict made of it later is the same.
        found[name] = MeasuredImage(Stats(**stats.to_dict()), float(f"{pedestal:.7g}"))
    return found


def kept_images(images: Mapping[str, MeasuredImage]) -> dict[str, Any]:
    """Return what a document keeps of what was measured: of one image itself, of several a summary and each."""
    if len(images) == 1:
        (one,) = images.values()
        return {**one.stats.to_dict(), "pedestal": one.pedestal}
    each = {name: {**one.stats.to_dict(), "pedestal": one.pedestal} for name, one in images.items()}
    return {**summary(images).to_dict(), "images": each}


def known_images(names: Sequence[str], kept: Mapping[str, Any]) -> dict[str, MeasuredImage]:
    """Return what a document keeps of each image; the reverse of `kept_images`."""
    each = kept["images"] if len(names) > 1 else {names[0]: kept}
    return {
        name: MeasuredImage(Stats(**{field: each[name][field] for field in _STATS}), each[name]["pedestal"])
        for name in names
    }


def summary(images: Mapping[str, MeasuredImage]) -> Stats:
    """Return one line for a frame: of several images the median level and noise, the worst of the rest, all hot pixels.

    Examples
    --------
    >>> one = Stats(500.0, 4.0, 0.0, 65535.0, 3, None, None, None, None, 0)
    >>> found = summary({"a": MeasuredImage(one), "b": MeasuredImage(replace(one, level=520.0, saturated=0.2))})
    >>> found.level, found.saturated, found.hot
    (510.0, 0.2, 6)
    """
    stats = [one.stats for one in images.values()]
    if len(stats) == 1:
        return stats[0]
    every: dict[str, list[Any]] = {
        name: [value for one in stats if (value := asdict(one)[name]) is not None] for name in _STATS
    }
    found = {name: max(values, default=None) for name, values in every.items()}
    return Stats(
        **found  # type: ignore[arg-type]  # what no image has is None, and only what may be
        | {"level": float(median(every["level"])), "noise": float(median(every["noise"]))}
        | {name: sum(every[name]) for name in ("hot", "undefined")}
        | {"full": min(every["full"], default=None)}
    )


def merged(checks: Mapping[str, Sequence[FrameCheck]]) -> tuple[FrameCheck, ...]:
    """Return the checks of a frame from those of its images: of each criterion the worst, with the image it is of."""
    if len(checks) == 1:
        (only,) = checks.values()
        return tuple(only)
    found = []
    for same in zip(*checks.values(), strict=True):
        worst = min(same, key=lambda check: _WORST_FIRST.index(check.verdict))
        alike = all(check.verdict == worst.verdict and check.reason == worst.reason for check in same)
        if worst.reason and not alike:
            at = [name for name, check in zip(checks, same, strict=True) if check.verdict == worst.verdict]
            worst = replace(worst, reason=f"{at[0]}: {worst.reason}" + (f" (and {len(at) - 1} more)" * (len(at) > 1)))
        found.append(worst)
    return tuple(found)
