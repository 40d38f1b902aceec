"""The master before a frame, and how far the frame is from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from catalog import Collection
from pipelines.calibration.groups.keys import camera_of, images_of
from pipelines.calibration.masters.frames import Plane
from pipelines.calibration.masters.geometry import Region, geometry_of, overscan_taken
from pipelines.calibration.masters.opening import measured_overscan
from pipelines.calibration.quality.measure import Stats, distance
from pipelines.calibration.select.choose import FIELDS, best, judged
from pipelines.calibration.select.criteria import Rules
from pipelines.calibration.times.frames import Frame
from pipelines.errors import UsageError
from pipelines.instruments import profiles

if TYPE_CHECKING:
    from arraystore import ArrayStore

_KINDS = ("dark", "bias", "flat")


def previous_masters(frames: Sequence[Frame], masters: Collection) -> dict[str, Frame]:
    """Return the best master taken before each frame, by the frame's name; those without one are not there.

    A master that was made of the frame itself is no judge of it.
    """
    rules = Rules(order="before")
    known: dict[tuple[str, ...], dict[str, list[Frame]]] = {}  # by camera: asked of all cameras together
    answer = {}
    for frame in frames:
        kind, camera, night = frame["kind"], camera_of(frame), frame.get("date")
        if kind not in _KINDS or camera is None or night is None or not _has_rule(frame):
            continue
        key = (frame["instrument"], kind, night)
        if key not in known:
            first = (date.fromisoformat(night) - rules.max_age - timedelta(days=1)).isoformat()
            query = {"instrument": frame["instrument"], "kind": kind, "date": {"$gte": first}}
            known[key] = {}
            for master in masters.find(query, dict.fromkeys((*FIELDS, "arrays", "parents"), 1)):
                known[key].setdefault(master["camera"], []).append(master)
        others = [master for master in known[key].get(camera, ()) if frame["_id"] not in master["parents"]]
        found = best(judged(frame, kind, others, rules=rules), rules=rules)
        if found is not None:
            answer[frame["_id"]] = dict(found.master)
    return answer


def _has_rule(frame: Frame) -> bool:
    profile = profiles().get(frame["profile"])
    return profile is not None and profile.calibration.rule(frame["kind"]) is not None


def distance_of(
    frame: Mapping[str, Any], stats: Stats, master: Mapping[str, Any], *, store: ArrayStore, sigma: float
) -> float:
    """Return the fraction of a frame's pixels that are further than `sigma` from a master.

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
    geometry = geometry_of(frame)
    whole = value.shape == geometry.shape  # of a master that was made before frames were trimmed
    picture: Any = store.open(frame["arrays"]["sci"]) if whole else picture_of(frame, store)
    offset = 0.0
    if overscan_taken(master) and geometry.has_overscan and frame["kind"] != "flat":
        offset = measured_overscan(frame, "sci", geometry, store).level
    thick = store.open(variance) if variance is not None else None
    return distance(picture, stats, master=value, variance=thick, scale=scale, sigma=sigma, offset=offset)


def picture_of(frame: Mapping[str, Any], store: ArrayStore, image: str | None = None) -> Any:
    """Open the picture of an image of a frame in bands of rows: without its overscan, where its header states one.

    Without a name it is that of the only image.

    Raises
    ------
    UsageError
        A section is no part of the image.
    """
    if image is None:
        (image,) = images_of(frame)
    geometry = geometry_of(frame, image)
    cube = store.open(frame["arrays"][image])
    return _Banded(Region(Plane(cube), geometry.rows, geometry.columns)) if geometry.trims else cube


@dataclass(frozen=True, slots=True)
class _Banded:
    """The picture of a frame, in bands of rows."""

    source: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.source.shape)

    @property
    def dtype(self) -> Any:
        return self.source.dtype

    def bands(self, rows: int | None = None) -> Iterator[tuple[slice, Any]]:
        """Yield which rows, and their values."""
        step = rows or 256
        for start in range(0, self.shape[0], step):
            part = slice(start, min(start + step, self.shape[0]))
            yield part, self.source.read(part.start, part.stop)
