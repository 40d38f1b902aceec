"""The picture of a document: which array, what is flagged in it, how it lies, and in what light."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from arraystore import ArrayStore
from pipelines.calibration.masters.bits import bad_pixels
from pipelines.calibration.masters.images import frame_images, image_names, planes_of
from pipelines.detectors.dqflags import dq_names
from pipelines.documents.schema import Doc
from pipelines.errors import UsageError
from pipelines.pictures.colour import Mosaic, mosaic_of
from pipelines.pictures.compass import Compass, compass, of_the_sky
from pipelines.pictures.reduced import Bad, Plane, Reduced, Window, plane_of, reduce
from pipelines.pictures.zscale import limits

__all__ = ["Drawn", "arrays_of", "draw", "said_of"]

Points = npt.NDArray[np.uint8]

BAD = (224, 32, 32)
CHECKER = (70, 150)
"""The two greys of the checkered places that have no value."""

SMALLEST = 300
"""An image with fewer points along its longer side is drawn with several points per pixel."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """An array as points, and the facts about them.

    Attributes
    ----------
    points : ndarray of uint8
        (y, x, 3), the top row first.
    facts : tuple of str
        Size, orientation, scale, what is flagged and what has no value.
    window : Window
        What of the array it shows.
    block, grown : int
        Pixels along each side of a point; points along each side of a pixel.
    down : bool
        Whether the first row is at the top.
    compass : Compass or None
        Where north and east are, if the header says.
    """

    points: Points
    facts: tuple[str, ...]
    window: Window
    block: int
    grown: int
    down: bool
    compass: Compass | None = None

    def pixel(self, x: int, y: int) -> tuple[int, int]:
        """Return column and row in the array, from 0, of the pixel in the middle of a point, counted from the top left.

        A point beside the picture is taken for the nearest in it.
        """
        high, wide = self.points.shape[0] // self.grown, self.points.shape[1] // self.grown
        column, row = (min(max(place // self.grown, 0), most - 1) for place, most in ((x, wide), (y, high)))
        row = row if self.down else high - 1 - row
        window = self.window
        return (
            min(window.x0 + column * self.block + self.block // 2, window.x1 - 1),
            min(window.y0 + row * self.block + self.block // 2, window.y1 - 1),
        )


def arrays_of(document: Doc, name: str | None = None) -> list[str]:
    """Return the names of the arrays that are drawn of a document: one, or every chip of its camera.

    Raises
    ------
    UsageError
        It has no array of this name, or none that a picture can be made of.
    """
    arrays = document.get("arrays") or {}
    drawable = [key for key, ref in arrays.items() if key != "residue" and len(ref["shape"]) >= 2]
    if name is not None:
        if name not in drawable:
            raise UsageError(f"{document['_id']} has no image {name!r}; it has {', '.join(drawable) or 'none'}")
        return [name]
    if not drawable:
        pending = (document.get("ingest") or {}).get("arrays") == "pending"
        nothing = (
            "its arrays have no rows and columns" if any(key != "residue" for key in arrays) else "it has no pixels"
        )
        why = "only its headers were ingested" if pending else nothing
        raise UsageError(f"there is no picture of {document['_id']}: {why}")
    if "root" not in document:
        several = image_names(document)
        values = [key for key in arrays if key.partition("@")[0] == "value"]
        return values if values else ["dq"] if len(several) == 1 and "dq" in arrays else drawable[:1]
    # The variances of a product are images too, and no chips.
    chips = [one for one in frame_images(document) if not one.startswith("var_") and one in drawable]
    return chips or (["sci"] if "sci" in drawable else drawable[:1])


def draw(
    document: Doc,
    name: str,
    store: ArrayStore,
    *,
    size: int,
    mask: bool = True,
    grow: bool = True,
    window: Window | None = None,
) -> Drawn:
    """Draw one array of a document.

    Parameters
    ----------
    size : int
        Points along the longer side, at most.
    mask : bool
        Show what is flagged in red.
    grow : bool
        Draw the pixels of a small image larger.
    window : Window, optional
        Only this part of it; of a colour sensor it begins with a whole square of four.

    Raises
    ------
    UsageError
        The array has no rows and columns, or no such window.
    arraystore.Lost, arraystore.ArrayDamaged
        Its pixels are not what was stored.
    """
    cube = store.open(document["arrays"][name])
    header = _header(document, name)
    order = str(header.get("ROWORDER", "")).strip().upper()
    down = order == "TOP-DOWN"
    stated = (document.get("obs") or {}).get("bayer") if document["arrays"][name].get("kind") == "frame" else None
    # The square of four counts from the first pixel of the whole image.
    mosaic = mosaic_of(stated, bottom_up=order == "BOTTOM-UP", rows=cube.shape[-2] if cube.ndim > 1 else 0)
    if window is not None and mosaic is not None:
        window = Window(window.x0 // 2 * 2, window.y0 // 2 * 2, window.x1, window.y1)
    plane = plane_of(cube, window)
    mosaic = mosaic if min(plane.shape) > 1 else None
    flags, meaning = _flags(document, name, store, window) if mask else (None, "")
    small = reduce(plane, size, bad=flags, mosaic=mosaic)
    facts = [_size(plane, small, down)]
    if window is not None:
        facts.insert(0, _where(window, cube.shape))
    if stated is not None:
        facts.append(_colour(str(stated), mosaic, plane))
    points, scale = _points(small, document, name, header)
    facts.append(scale)
    if flags is not None:
        facts.append(f"red: {_share(small.flagged, plane)} {meaning}" if small.flagged else f"no {meaning}")
    if small.undefined:
        facts.append(f"checkered: {_share(small.undefined, plane)} without a value")
    points = points if down else points[::-1]
    longer, times = max(points.shape[:2]), 1
    if grow and longer < SMALLEST:
        times = max(1, min(size, SMALLEST) // longer)
        points = np.repeat(np.repeat(points, times, axis=0), times, axis=1)
    shown = window or Window(0, 0, plane.shape[1], plane.shape[0])
    sky = compass(header, (shown.x0 + shown.x1 - 1) / 2, (shown.y0 + shown.y1 - 1) / 2, down=down)
    if sky is not None:
        facts.insert(1, sky.said)
    elif of_the_sky(document):
        facts.insert(1, "orientation on the sky unknown: no WCS of right ascension and declination in the header")
    return Drawn(np.ascontiguousarray(points), tuple(facts), shown, small.block, times, down, sky)


def said_of(document: Doc) -> str:
    """Return what a document is, in one line: kind, exposure time, filter, object, camera, time."""
    obs = document.get("obs") or {}
    time = document.get("timestamp")
    parts = [
        f"master {document['kind']}" if str(document["_id"]).startswith("masters/") else document.get("kind"),
        None if obs.get("exptime") is None else f"{obs['exptime']:g} s",
        obs.get("filter"),
        obs.get("object"),
        document.get("camera"),
        f"{time:%Y-%m-%d %H:%M:%S} UTC" if isinstance(time, datetime) else document.get("date"),
    ]
    return ", ".join(str(part) for part in parts if part)


def _header(document: Doc, name: str) -> Mapping[str, Any]:
    """Return the keywords of the HDU an array comes from, over those of the file."""
    own: Mapping[str, Any] = next((hdu for hdu in document.get("hdus") or () if name in (hdu.get("arrays") or ())), {})
    return {**(document.get("header") or {}), **(own.get("header") or {})}


def _flags(document: Doc, name: str, store: ArrayStore, window: Window | None) -> tuple[Bad | None, str]:
    """Return what tells flagged pixels of an array, and what they are; None where nothing does."""
    arrays = document["arrays"]
    if "root" not in document:
        image = name.partition("@")[2] or image_names(document)[0]
        planes = planes_of(document, image)
        if name.partition("@")[0] in ("dq", "mask"):
            return None, ""
        if "dq" in planes:
            dq = store.open(planes["dq"])
            return (lambda band, part: bad_pixels(dq[part])), "flagged pixels"
        if "mask" in planes:
            mask = store.open(planes["mask"])
            return (lambda band, part: mask[part] != 0), "masked pixels"
        return None, ""
    if name == "sci" and "dq" in arrays and arrays["dq"]["shape"] == arrays["sci"]["shape"]:
        bit = dq_names(document.get("dq_version"))["DO_NOT_USE"]
        flags = plane_of(store.open(arrays["dq"]), window)
        whole = np.concatenate([rows for _, rows in flags.bands(1024)]) & np.asarray(bit, np.uint32)
        first = 0 if window is None else window.y0
        return (lambda band, part: whole[part[0].start - first : part[0].stop - first] != 0), "pixels with DO_NOT_USE"
    limit = (document.get("obs") or {}).get("saturation")
    if limit is None or arrays[name].get("kind") != "frame":
        return None, ""
    least = math.ceil(limit)  # among whole numbers the same, and compared without making them floating
    return (
        lambda band, part: band >= (least if band.dtype.kind in "ui" else limit)
    ), f"saturated pixels ({limit:g} and more)"


def _where(window: Window, shape: tuple[int, ...]) -> str:
    columns, rows = f"{window.x0} to {window.x1 - 1}", f"{window.y0} to {window.y1 - 1}"
    return f"columns {columns} and rows {rows}, from 0, of {shape[-1]} x {shape[-2]}"


def _size(plane: Plane, small: Reduced, down: bool) -> str:
    rows, columns = plane.shape
    mean = f", each point the mean of {small.block} x {small.block}" if small.block > 1 else ""
    way = "first row at the top (ROWORDER)" if down else "first row at the bottom"
    return f"{columns} x {rows} pixels{mean}; {way}{f'; {plane.said}' if plane.said else ''}"


def _colour(stated: str, mosaic: Mosaic | None, plane: Plane) -> str:
    if mosaic is None:
        return f"the colour pattern {stated} is not one of RGGB, BGGR, GRBG, GBRG: drawn as it is, in grey"
    odd = "; the odd row or column at the end is left out" if plane.shape[0] % 2 or plane.shape[1] % 2 else ""
    return f"colour from squares of {mosaic.pattern} (header: {stated}), each colour between its own limits{odd}"


def _points(small: Reduced, document: Doc, name: str, header: Mapping[str, Any]) -> tuple[Points, str]:
    """Return the points, the first row first, and the words of their scale."""
    unit = _unit(document, name, header)
    layers: Sequence[Any] = list(np.moveaxis(small.values, -1, 0)) if small.values.ndim == 3 else [small.values]
    drawn, words = [], []
    for values in layers:
        found = limits(values)
        if found is None:
            drawn.append(np.zeros(values.shape, np.uint8))
            continue
        black, white = found
        if white > black:
            with np.errstate(invalid="ignore"):
                scaled = np.clip((values - black) * (255.0 / (white - black)), 0, 255)
            drawn.append(np.nan_to_num(scaled).astype(np.uint8))
            words.append(f"{_number(black)} to {_number(white)}")
        else:
            drawn.append(np.full(values.shape, 128, np.uint8))
            words.append(f"every pixel is {_number(black)}")
    points = np.stack(drawn if len(drawn) == 3 else drawn * 3, axis=-1)
    points[small.bad] = BAD
    rows, columns = np.nonzero(~np.isfinite(layers).all(axis=0))
    points[rows, columns] = np.asarray(CHECKER, np.uint8)[(rows // 4 + columns // 4) % 2][:, None]
    if not words:
        return points, "no data: no pixel has a finite value"
    scale = " / ".join(dict.fromkeys(words))
    return points, scale + unit if scale.startswith("every") else f"ZScale, black to white: {scale}{unit}"


def _unit(document: Doc, name: str, header: Mapping[str, Any]) -> str:
    """Return the unit behind a number, with a space; a raw frame without BUNIT counts ADU."""
    stated = document.get("unit") if document.get("kind") == "calibrated" else None
    if "root" in document:
        stated = header.get("BUNIT") or ("ADU" if document["arrays"][name].get("kind") == "frame" else None)
    elif name.partition("@")[0] == "value":
        stated = stated or ("ADU" if document["kind"] in ("dark", "bias") else "of the mean")
    return f" {str(stated).strip()}" if stated else ""


def _number(value: float) -> str:
    return f"{value:.5g}" if abs(value) < 100_000 else f"{value:.6g}"


def _share(count: int, plane: Plane) -> str:
    total = plane.shape[0] * plane.shape[1]
    percent = 100 * count / total
    return f"{count:,} ({percent:{'.2g' if percent < 10 else '.0f'}} %)".replace(",", " ")
