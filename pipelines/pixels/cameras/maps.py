"""The pixel maps of a camera over the nights, laid over each other on its detector."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.calibration.masters.geometry import geometry_of
from pipelines.calibration.masters.images import image_names, of_image, planes_of
from pipelines.calibration.masters.pixelmaps import in_use
from pipelines.calibration.select.choose import FIELDS as MASTER
from pipelines.calibration.select.departed import with_departures
from pipelines.documents.lookup import found_in
from pipelines.documents.schema import Doc
from pipelines.errors import NothingThere
from pipelines.pixels.cameras.places import FIELDS, ImagePlace, Misplaced, place_of
from pipelines.session import Session

__all__ = ["NightMaps", "night_maps", "window_of"]

Array = npt.NDArray[Any]

BUDGET = 64 * 2**20
"""Bytes of planes that are held at once."""


@dataclass(frozen=True, slots=True)
class NightMaps:
    """The maps of one place on the detector, or of one image of several, in order of time.

    Attributes
    ----------
    place : ImagePlace
        Where their planes lie.
    maps : tuple of Mapping
        Their documents: arrays ``dq``, ``noise``.
    darks : tuple of Mapping
        The master darks that they were made from.
    """

    place: ImagePlace
    maps: tuple[Doc, ...]
    darks: tuple[Doc, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.place.rows.count, self.place.columns.count

    def bands(self, session: Session, plane: str) -> Iterator[tuple[slice, Array]]:
        """Yield bands of rows of a plane of every map, (map, rows, columns)."""
        cubes = [session.store.open(doc["arrays"][plane]) for doc in self.maps]
        ny, nx = self.shape
        step = max(1, BUDGET // max(1, nx * len(cubes) * cubes[0].dtype.itemsize))
        for first in range(0, ny, step):
            rows = slice(first, min(first + step, ny))
            yield rows, np.stack([np.asarray(cube[rows]) for cube in cubes])


def night_maps(session: Session, camera: str, date: Mapping[str, str] | None = None) -> list[NightMaps]:
    """Return the pixel maps of a camera that are in use, by place on the detector; four questions to the catalog.

    A map of several images is one for each of them.

    Parameters
    ----------
    date
        A condition on the night, such as ``{'$gte': '2024-01-01'}``.

    Raises
    ------
    NothingThere
        There is none; the message says how one is made.
    """
    query: dict[str, Any] = {"kind": "pixelmap", "camera": camera}
    if date:
        query["date"] = dict(date)
    found = with_departures(
        session.catalog, session.masters.find(query, dict.fromkeys((*MASTER, "arrays", "images"), 1)).to_list()
    )
    maps = [doc for doc in found if in_use(doc) and "departed" not in doc]
    if not maps:
        why = f"; {len(found)} are there and not in use" if found else ""
        raise NothingThere(
            f"there is no pixel map of {camera} in use{why}: `darkroom masters make NIGHT` makes one from darks"
        )
    wanted = sorted({used["id"] for doc in maps for used in doc["masters"] if used["role"] == "dark"})
    fields = dict.fromkeys((*MASTER, "arrays", "images"), 1)
    darks = {doc["_id"]: doc for doc in found_in(session.masters, "_id", wanted, fields)}
    frames = sorted({doc["inputs"][0]["id"] for doc in darks.values() if doc.get("inputs")})
    bases = {frame["_id"]: frame for frame in found_in(session.headers, "_id", frames, dict.fromkeys(FIELDS, 1))}
    heaps: dict[ImagePlace, list[tuple[Doc, list[Doc]]]] = defaultdict(list)
    for doc in sorted(maps, key=lambda doc: (doc["date"], doc["_id"])):
        mine: list[Doc] = [darks[used["id"]] for used in doc["masters"] if used["id"] in darks]
        first = next((dark["inputs"][0]["id"] for dark in mine if dark.get("inputs")), None)
        for name, where in _places(bases.get(str(first)), doc).items():
            one = of_image(doc, name)
            shape = (one["arrays"].get("dq") or {}).get("shape") or ()
            if tuple(shape) == (where.rows.count, where.columns.count):
                heaps[where].append((one, mine))
    if not heaps:
        raise NothingThere(
            f"no pixel map of {camera} can be placed on its detector: no frame of them says where it lies"
        )
    return [
        NightMaps(place, tuple(doc for doc, _ in heap), tuple({d["_id"]: d for _, ds in heap for d in ds}.values()))
        for place, heap in heaps.items()
    ]


def _places(frame: Doc | None, doc: Doc) -> dict[str, ImagePlace]:
    """Return where each image of a map lies, by the frame that it goes back to; none where that says too little."""
    names = image_names(doc)
    places: dict[str, ImagePlace] = {}
    if frame is None:
        return places
    for name in names:
        try:
            place = place_of(frame, name if len(names) > 1 else None)
        except Misplaced:
            continue
        geometry = geometry_of(frame, place.image)
        places[name] = place.trimmed(geometry) if geometry.trims else place
    return places


def window_of(place: ImagePlace) -> dict[str, int]:
    """Return where a picture lies: first column and row of the detector, size and binning of the picture."""
    columns, rows = place.columns, place.rows
    return {
        "x": columns.first, "y": rows.first, "nx": columns.count, "ny": rows.count,
        "step_x": columns.step, "step_y": rows.step,
    }  # fmt: skip


def upright(image: Array, place: ImagePlace) -> Array:
    """Return a picture with columns and rows ascending on the detector."""
    image = image[..., ::-1] if place.columns.mirrored else image
    return image[..., ::-1, :] if place.rows.mirrored else image


def level_of(dark: Doc, session: Session, image: str) -> Array:
    """Return how far each pixel of a master dark is above its median, (y, x)."""
    value = np.asarray(session.store.open(planes_of(dark, image)["value"]), np.float32)
    finite = value[np.isfinite(value)]
    return value - np.float32(np.median(finite)) if finite.size else value


def longest(darks: Sequence[Doc]) -> Doc | None:
    """Return the dark in which dark current shows best: the longest, of these the latest."""
    timed = [doc for doc in darks if isinstance((doc.get("key") or {}).get("exptime"), int | float)]
    return max(timed, key=lambda doc: (doc["key"]["exptime"], str(doc["date"]), doc["_id"]), default=None)
