"""Evening or morning by the sun: of flats without exposure numbers, which nothing else tells."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from pipelines.calibration.groups.keys import camera_of, number, observed
from pipelines.calibration.times.frames import Frame
from pipelines.calibration.times.sun import altitude, in_twilight, is_rising
from pipelines.calibration.times.twilight import EVENING, MORNING
from pipelines.instruments import Profile, Site
from pipelines.table import Row

__all__ = ["by_the_sun", "is_of_the_sky", "said_by", "site_of"]

UNDECIDED = "undecided"
RIGHT = 0.97
"""Probability that a camera's clock is right where the sun could have stood so: as of a vote among others."""


def site_of(frame: Frame, profile: Profile) -> Site | None:
    """Return where a frame was taken: by its header, else by its profile; None where neither says."""
    stated = observed(frame).get("site") or {}
    longitude, latitude = number(stated.get("longitude")), number(stated.get("latitude"))
    if longitude is None or latitude is None:
        return profile.site
    return Site(longitude=longitude, latitude=latitude)


def is_of_the_sky(flat: Frame) -> bool:
    """Tell whether a flat may be of the twilight: those of a dome or a lamp are of any time."""
    return observed(flat).get("kind_note") not in ("dome", "lamp")


def said_by(flats: Sequence[Frame]) -> tuple[list[str | None], list[int]]:
    """Return the times of day that flats state, the most frequent first, and how many state each."""
    said: dict[str | None, int] = {}
    for flat in flats:
        said[flat.get("flat_time")] = said.get(flat.get("flat_time"), 0) + 1
    order = sorted(said, key=lambda time: (-said[time], str(time)))
    return order, [said[time] for time in order]


def by_the_sun(night: str, flats: Sequence[Frame], profile: Profile) -> list[Row]:
    """Decide about flats that share no exposure number with any other camera.

    Returns
    -------
    list of dict
        As the rows of `flat_times`, one for each camera, decision and reason.
    """
    found: dict[tuple[str, str, str], list[Frame]] = {}
    suns: dict[tuple[str, str, str], list[float]] = {}
    for flat in flats:
        decision, reason, sun = _decide(flat, profile)
        place = (str(camera_of(flat)), decision, reason)
        found.setdefault(place, []).append(flat)
        suns.setdefault(place, []).extend([] if sun is None else [sun])
    return [_row(night, place, found[place], suns[place]) for place in sorted(found)]


def _decide(flat: Frame, profile: Profile) -> tuple[str, str, float | None]:
    """Return the decision, the reason where there is none, and the sun's altitude in degrees."""
    instant, site = flat.get("timestamp"), site_of(flat, profile)
    if instant is None or site is None:
        lacking = "time" if instant is None else "site"
        return UNDECIDED, f"no exposure number, and no {lacking}, so that nothing tells evening from morning", None
    sun = altitude(instant, site)
    if not in_twilight(instant, site):
        return UNDECIDED, "the sun was not in twilight: flats of a lamp, or a wrong clock or site", sun
    return (MORNING if is_rising(instant, site) else EVENING), "", sun


def _row(night: str, place: tuple[str, str, str], flats: Sequence[Frame], suns: Sequence[float]) -> Row:
    camera, decision, reason = place
    order, counts = said_by(flats)
    decided = decision != UNDECIDED
    told: dict[str, Any] = {"votes": {}, "wrong_clocks": [], "trend": None, "evidence": {}}
    return {
        "date": night,
        "exposure_number": None,
        "decision": decision,
        "probability": RIGHT if decided else 0.5,
        "flat_times": order,
        "flat_counts": counts,
        **told,
        "sun": round(median(suns), 2) if suns else None,
        "to_change": [flat["_id"] for flat in flats if decided and flat.get("flat_time") != decision],
        "reason": f"{len(flats)} flats of {camera}: {reason or 'by the sun'}",
    }
