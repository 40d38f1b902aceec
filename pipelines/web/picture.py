"""The picture of an array, or of a window of it, and which pixel a point of it is."""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipelines.archive import Archive
from pipelines.errors import UsageError
from pipelines.pictures.frame import Drawn, arrays_of, draw
from pipelines.pictures.picture import pillow
from pipelines.pictures.reduced import Window
from pipelines.version import __version__
from pipelines.web.answers import Content, Redirect
from pipelines.web.asked import Asked
from pipelines.web.documents import document_of
from pipelines.web.kept import Kept

__all__ = ["WORDS", "Shown", "Wanted", "click", "picture", "shown", "wanted"]

SIZE, LEAST, MOST = 800, 16, 2000
"""Points along the longer side of a picture: by default, at least, at most."""

FAR = 1_000_000
"""No image has so many columns or rows."""

CLOSEST = 16
"""Pixels along a side of the smallest window."""

WORDS = ("id", "array", "x0", "y0", "x1", "y1", "size", "mask")
"""The parameters of a picture."""

_KEPT: Kept[tuple[bytes, Drawn]] = Kept(64_000_000)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a picture is asked to show.

    Attributes
    ----------
    array : str
        Name of the array.
    every : tuple of str
        The images there are to choose from.
    shape : (int, int)
        Rows and columns of the whole.
    window : Window or None
        The part of it.
    size : int
        Points along the longer side.
    mask : bool
        Whether flagged pixels are red.
    """

    array: str
    every: tuple[str, ...]
    shape: tuple[int, int]
    window: Window | None
    size: int
    mask: bool

    @property
    def words(self) -> dict[str, Any]:
        """The parameters of an address that asks for the same."""
        part = self.window
        window = {} if part is None else {"x0": part.x0, "y0": part.y0, "x1": part.x1, "y1": part.y1}
        return {"array": self.array, **window, "size": self.size, **({} if self.mask else {"mask": 0})}

    def around(self, column: int, row: int, *, times: float) -> dict[str, Any]:
        """Return the parameters of a picture around a pixel, whose sides are so many times as long."""
        rows, columns = self.shape
        now = self.window or Window(0, 0, columns, rows)
        high, wide = (
            min(whole, max(CLOSEST, round(side * times))) for whole, side in zip(self.shape, now.shape, strict=True)
        )
        if (high, wide) == self.shape:
            return {name: value for name, value in self.words.items() if name not in ("x0", "y0", "x1", "y1")}
        x0, y0 = min(max(0, column - wide // 2), columns - wide), min(max(0, row - high // 2), rows - high)
        return {**self.words, "x0": x0, "y0": y0, "x1": x0 + wide, "y1": y0 + high}


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture that was made, and how its points lie on the array."""

    png: bytes
    drawn: Drawn
    tag: str


def wanted(document: Mapping[str, Any], asked: Asked) -> Wanted:
    """Read what a picture is asked to show.

    Raises
    ------
    UsageError
        There is no such array, or window.
    """
    chips = arrays_of(document)
    arrays = document["arrays"]
    drawable = [name for name in arrays if name != "residue" and len(arrays[name]["shape"]) >= 2]
    name = asked.choice("array", drawable) or chips[0]
    rows, columns = (int(side) for side in arrays[name]["shape"][-2:])
    corners = [asked.whole(corner, least=0, most=FAR) for corner in ("x0", "y0", "x1", "y1")]
    window = None
    if any(corner is not None for corner in corners):
        x0, y0, x1, y1 = (
            whole if corner is None else corner for corner, whole in zip(corners, (0, 0, columns, rows), strict=True)
        )
        window = Window(x0, y0, min(x1, columns), min(y1, rows))
        if not (x0 < window.x1 and y0 < window.y1):
            raise UsageError(
                f"{name} has columns 0 to {columns - 1} and rows 0 to {rows - 1}; no window begins at "
                f"{x0}, {y0} and ends before {x1}, {y1}"
            )
    size = asked.whole("size", least=LEAST, most=MOST) or SIZE
    mask = asked.choice("mask", ("0", "1")) != "0"
    return Wanted(name, tuple(dict.fromkeys((*chips, *drawable))), (rows, columns), window, size, mask)


def shown(archive: Archive, document: Mapping[str, Any], what: Wanted) -> Shown:
    """Return a picture; one that was made lately is not made again: arrays never change, and their names say so.

    Raises
    ------
    MissingExtra
        Pillow is not installed.
    arraystore.StoreError
        Its pixels cannot be read.
    """
    pillow()
    tag = _tag(document, what)
    kept = _KEPT.get(tag, age=3600.0)
    if kept is None:
        drawn = draw(document, what.array, archive.store, size=what.size, mask=what.mask, window=what.window)
        # Of its points only how many there are: the bytes of the picture have them.
        kept = (_png(drawn), replace(drawn, points=np.broadcast_to(np.uint8(0), drawn.points.shape)))
        _KEPT.put(tag, kept, len(kept[0]) + 1000)
    return Shown(kept[0], kept[1], tag)


def picture(archive: Archive, asked: Asked) -> Content:
    """Answer with a picture."""
    asked.only(*WORDS)
    document = document_of(archive, asked.document())
    made = shown(archive, document, wanted(document, asked))
    return Content(made.png, "image/png", made.tag)


def click(archive: Archive, asked: Asked) -> Redirect:
    """Lead on from a point of a picture: to the history of the pixel, or to a picture from nearer or farther."""
    from pipelines.web.pixel import address_of

    asked.only(*WORDS, "do", "at.x", "at.y")
    name = asked.document()
    document = document_of(archive, name)
    what = wanted(document, asked)
    made = shown(archive, document, what)
    x, y = (asked.whole(f"at.{axis}", least=-FAR, most=FAR) for axis in "xy")
    if x is None or y is None:
        raise UsageError("say which point: at.x and at.y, in points from the top left of the picture")
    column, row = made.drawn.pixel(x, y)
    do = asked.choice("do", ("pixel", "closer", "farther")) or "pixel"
    if do == "pixel":
        return Redirect(address_of(document, what.array, column, row))
    from pipelines.web.addresses import address

    view = "frame" if "root" in document else "master"
    return Redirect(address(view, name, **what.around(column, row, times=0.5 if do == "closer" else 2.0)))


def _png(drawn: Drawn) -> bytes:
    from PIL import Image

    points = drawn.points
    grey = (points[..., 0] == points[..., 1]).all() and (points[..., 1] == points[..., 2]).all()
    buffer = io.BytesIO()
    # 1 of 9: a picture of noise hardly gets smaller, and the highest takes ten times as long.
    Image.fromarray(np.ascontiguousarray(points[..., 0]) if grey else points).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _tag(document: Mapping[str, Any], what: Wanted) -> str:
    """Return what tells a picture from every other: the pixels, and what of the document decides how they are drawn."""
    obs = document.get("obs") or {}
    digests = {name: ref.get("digest") for name, ref in document["arrays"].items()}
    made_of = [
        *(__version__, digests, what.words, obs.get("saturation"), obs.get("bayer"), document.get("dq_version")),
        *(document.get("kind"), (document.get("header") or {}).get("ROWORDER"), "root" in document),
        [(hdu.get("header") or {}).get("ROWORDER") for hdu in document.get("hdus") or ()],
        (document.get("header") or {}).get("BUNIT"),
    ]
    return hashlib.sha256(json.dumps(made_of, default=str).encode()).hexdigest()[:32]
