"""Opens one image of the frames of a group as it is combined: trimmed, with its overscan, its dark and its level."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arraystore import ArrayDamaged, ArrayStore, Lost
from pipelines.calibration.masters.flatnoise import on_common_pixels
from pipelines.calibration.masters.frames import (
    Normalised,
    Plane,
    Raised,
    ScaledDark,
    central_level,
    frame_source,
    variance_source,
)
from pipelines.calibration.masters.geometry import Geometry, Region, geometry_of
from pipelines.calibration.masters.images import planes_of
from pipelines.calibration.masters.overscan import Overscan, measure_overscan
from pipelines.calibration.masters.step import Step
from pipelines.combine import FrameUnreadable
from pipelines.documents.schema import Doc
from pipelines.errors import DarkroomError

__all__ = ["NoMaster", "Opened", "flat_lights", "leveled", "master_plane", "measured_overscan", "open_image", "opened"]


class NoMaster(DarkroomError):
    """A flat has neither a dark nor a bias of its shape."""


@dataclass(frozen=True, slots=True)
class Opened:
    """One image of the frames of a group.

    Attributes
    ----------
    image : str
        Its array in the documents of the frames.
    frames : tuple
        The frames, trimmed.
    stated : tuple
        The variances that their files state, or None.
    geometry : Geometry
        Of the raw image; the frames of a group share it.
    overscan : tuple of Overscan or None
        Of each frame, where its amplifiers have one.
    """

    image: str
    frames: tuple[Any, ...]
    stated: tuple[Any, ...]
    geometry: Geometry
    overscan: tuple[Overscan, ...] | None

    @property
    def uneven(self) -> float:
        """By how much the noise of the overscan alone may tilt and bend a frame, in sigmas of a pixel.

        Three times the error that a surface of second order has from its lowest to its highest place, by the samples
        of the overscan: that of its slope is ``2 sqrt(3 / n)``, with its bend ``4.8 / sqrt(n)``.
        """
        if self.overscan is None:
            return 0.0
        parts = [part.bias for part in self.geometry.amplifiers if part.bias is not None]
        fewest = min((rows.stop - rows.start) * (across.stop - across.start) for rows, across in parts)
        return 3 * 4.8 / math.sqrt(fewest)

    @property
    def treated(self) -> dict[str, Any]:
        """What was done to each frame first, for the document of the master."""
        found: dict[str, Any] = {}
        if self.geometry.trims:
            found["trimmed"] = list(self.geometry.trimmed)
        if self.overscan is not None:
            found["overscan"] = [round(one.level, 3) for one in self.overscan]
        return found


def opened(step: Step, image: str, store: ArrayStore) -> Opened:
    """Open one image of every frame of a step.

    Raises
    ------
    UsageError
        A section is no part of the image.
    FrameUnreadable
        The overscan of a frame is lost or damaged.
    """
    geometry = geometry_of(step.frames[0], image)
    overscan = []
    for number, frame in enumerate(step.frames):
        if not geometry.has_overscan:
            break
        try:
            overscan.append(measured_overscan(frame, image, geometry, store))
        except (Lost, ArrayDamaged) as error:
            raise FrameUnreadable(str(error), frame=number, name=frame["_id"]) from error
    return Opened(
        image,
        tuple(open_image(frame, image, store, geometry) for frame in step.frames),
        tuple(_variances(frame, image, store, geometry) for frame in step.frames),
        geometry,
        tuple(overscan) if geometry.has_overscan else None,
    )


def open_image(frame: Doc, image: str, store: ArrayStore, geometry: Geometry | None = None) -> Any:
    """Open the picture of one image of a frame, with the masks of its file."""
    geometry = geometry or geometry_of(frame, image)
    source = frame_source(frame, store, image)
    return Region(source, geometry.rows, geometry.columns) if geometry.trims else source


def measured_overscan(frame: Doc, image: str, geometry: Geometry, store: ArrayStore) -> Overscan:
    """Measure the overscan of one image of a frame.

    Raises
    ------
    UsageError
        It has no valid pixel.
    arraystore.Lost, arraystore.ArrayDamaged
        Its pixels are not what was stored.
    """
    return measure_overscan(frame_source(frame, store, image), geometry)


def _variances(frame: Doc, image: str, store: ArrayStore, geometry: Geometry) -> Any:
    found = variance_source(frame, store, image)
    return Region(found, geometry.rows, geometry.columns) if found is not None and geometry.trims else found


def master_plane(master: Doc, plane: str, one: Opened, store: ArrayStore) -> Any:
    """Open a plane of a master for the frames of a group; one that was made before frames were trimmed is trimmed.

    Raises
    ------
    NoMaster
        The master has no such image, or another shape.
    """
    refs = planes_of(master, one.image)
    found = Plane(store.open(refs[plane])) if plane in refs else None
    if found is not None and found.shape == one.geometry.trimmed:
        return found
    if found is not None and found.shape == one.geometry.shape:
        return Region(found, one.geometry.rows, one.geometry.columns)
    raise NoMaster(f"{master['_id']} has no {plane} of the shape of {one.image}")


def leveled(one: Opened) -> list[Normalised] | None:
    """See biases or darks less their overscan; None where they have none."""
    if one.overscan is None:
        return None
    return [
        Normalised(frame, Raised(None, scan.level, frame.shape, scan), 1.0)
        for frame, scan in zip(one.frames, one.overscan, strict=True)
    ]


def flat_lights(step: Step, masters: Mapping[str, Doc], one: Opened, store: ArrayStore) -> list[Normalised]:
    """See each flat with its overscan and its dark taken away and its own level divided out.

    Raises
    ------
    FrameUnreadable
        A flat has no light, or cannot be read.
    NoMaster
        One has neither a dark nor a bias of its shape.
    """
    used = {role: _by_frame(step, role) for role in ("dark", "bias")}
    lights: list[Normalised] = []
    for number, (document, frame) in enumerate(zip(step.frames, one.frames, strict=True)):
        name = document["_id"]
        try:
            dark = _unlit(name, used, masters, one, store)
            if one.overscan is not None:
                dark = Raised(dark, one.overscan[number].level, frame.shape, one.overscan[number])
            level = central_level(frame, dark)
        except (Lost, ArrayDamaged) as error:
            raise FrameUnreadable(str(error), frame=number, name=name) from error
        if not level > 0:
            raise FrameUnreadable(f"no light: its level above the dark is {level:g}", frame=number, name=name)
        lights.append(Normalised(frame, dark, level))
    return on_common_pixels(lights, [frame["_id"] for frame in step.frames])


def _by_frame(step: Step, role: str) -> dict[str, tuple[str, float]]:
    """Return the master of a role, and its scale, of each frame."""
    return {name: (used.id, used.scale) for used in step.used if used.role == role for name in used.frames}


def _unlit(
    name: str,
    used: Mapping[str, Mapping[str, tuple[str, float]]],
    masters: Mapping[str, Doc],
    one: Opened,
    store: ArrayStore,
) -> Any:
    """Open what a flat would be without light: its dark, a longer one scaled on the bias, or the bias alone."""
    planes: Sequence[Any] = [
        master_plane(masters[used[role][name][0]], "value", one, store) if name in used[role] else None
        for role in ("dark", "bias")
    ]
    dark, bias = planes
    if dark is not None and bias is not None:
        return ScaledDark(dark, bias, used["dark"][name][1])
    if dark is None and bias is None:
        raise NoMaster(f"{name} has neither a dark nor a bias")
    return bias if dark is None else dark
