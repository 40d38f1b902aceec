"""The master before a frame, and how far the frame is from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from catalog import Collection
from pipelines.calibration.choose import choose
from pipelines.calibration.criteria import Rules
from pipelines.calibration.measure import Stats, distance
from pipelines.errors import UsageError

if TYPE_CHECKING:
    from arraystore import ArrayStore

_KINDS = ("dark", "bias", "flat")


def previous_master(frame: Mapping[str, Any], masters: Collection) -> dict[str, Any] | None:
    """Give the best master taken before a frame; None without one.

    A master that was made of the frame itself is no judge of it.
    """
    if frame["kind"] not in _KINDS:
        return None
    try:
        found = choose(frame, frame["kind"], masters=masters, rules=Rules(order="before"))
    except UsageError:  # a profile that makes no masters of this kind
        return None
    if found is None:
        return None
    master = masters.find_one({"_id": found["_id"]})
    return None if master is None or frame["_id"] in master.get("parents", ()) else master


def distance_of(
    frame: Mapping[str, Any], stats: Stats, master: Mapping[str, Any], *, store: ArrayStore, sigma: float
) -> float:
    """Give the fraction of a frame's pixels that are further than `sigma` from a master.

    The spread is that of the frame's noise and of the master's own variance. A flat is compared in
    shape: the master is brought to its level.

    Raises
    ------
    UsageError
        They cannot be compared.
    """
    import numpy as np

    value = store.open(master["arrays"]["value"])
    variance = master["arrays"].get("variance_model")
    scale = 1.0
    if frame["kind"] == "flat":
        middle = float(np.nanmedian(value[::8, ::8]))
        if not np.isfinite(middle) or middle <= 0:
            raise UsageError(f"the master {master['_id']} has no level to compare flats with")
        scale = stats.level / middle
    cube = store.open(frame["arrays"]["sci"])
    thick = store.open(variance) if variance is not None else None
    return distance(cube, stats, master=value, variance=thick, scale=scale, sigma=sigma)
