"""A picture: points, and the lines that say what they show; PNG by Pillow, without a display."""

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines.errors import UsageError, require
from pipelines.pictures.compass import Compass
from pipelines.table import plain
from pipelines.table.cells import cut

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

__all__ = ["Panel", "Picture", "pillow"]

Points = npt.NDArray[np.uint8]

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
INK, PAPER, ALARM = (30, 34, 40), (255, 255, 255), (190, 20, 20)
FONT, LINE, EDGE = 13, 18, 10
ARROW = (255, 214, 10)
ROSE = 48
"""How far from the corner the arrows of north and east begin."""

LEAST = 360
"""Columns that a single picture has at least, so that its lines have room."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One image of a picture.

    Attributes
    ----------
    points : ndarray of uint8
        (y, x, 3), the top row first.
    lines : sequence of str
        What stands below it.
    alarm : bool
        Whether it is framed: a frame that was judged bad, or could not be read.
    unread : str
        Which document could not be read, and why; empty as a rule.
    compass : Compass or None
        Where north and east are: two arrows in the upper right corner.
    """

    points: Points
    lines: Sequence[str] = ()
    alarm: bool = False
    unread: str = ""
    compass: Compass | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Picture:
    """A picture in memory: shows itself in Jupyter, and is saved as PNG or JPEG.

    Attributes
    ----------
    panels : tuple of Panel
        One, or those of a contact sheet.
    title : str
        The head of a contact sheet; empty for one frame.
    facts : tuple of str
        What it shows, and how: also written below it.
    columns : int
        Panels beside each other.
    unread : tuple of str
        Documents without a picture, and why.
    """

    panels: tuple[Panel, ...]
    title: str = ""
    facts: tuple[str, ...] = ()
    columns: int = 1
    unread: tuple[str, ...] = ()

    def image(self) -> "Image":
        """Return it as an image of Pillow."""
        pillow()
        from PIL import Image, ImageDraw

        font = _font()
        tall = max(len(one.points) for one in self.panels)
        wide = max(one.points.shape[1] for one in self.panels)
        lines = max(len(one.lines) for one in self.panels)
        cell = wide + EDGE, tall + LINE * lines + EDGE
        across = min(self.columns, len(self.panels))
        width = max(LEAST, across * cell[0] + EDGE)
        head = [part for line in ([self.title] if self.title else []) for part in _folded(line, width - 2 * EDGE, font)]
        foot = [part for line in self.facts for part in _folded(line, width - 2 * EDGE, font)]
        down = -(-len(self.panels) // across)
        top = EDGE + LINE * len(head) + (EDGE if head else 0)
        height = top + down * cell[1] + LINE * len(foot) + EDGE
        sheet = Image.new("RGB", (width, height), PAPER)
        draw = ImageDraw.Draw(sheet)
        for number, line in enumerate(head):
            draw.text((EDGE, EDGE + number * LINE), line, fill=INK, font=font)
        for number, panel in enumerate(self.panels):
            x, y = EDGE + number % across * cell[0], top + number // across * cell[1]
            high, broad = panel.points.shape[:2]
            sheet.paste(Image.fromarray(panel.points), (x, y))
            if panel.compass is not None and min(high, broad) >= 2 * ROSE:
                _arrows(draw, panel.compass, x + broad - ROSE, y + ROSE, font)
            if panel.alarm:
                draw.rectangle((x - 3, y - 3, x + broad + 2, y + high + 2), outline=ALARM, width=3)
            for place, line in enumerate(panel.lines):
                text = _cut(line, wide, font)
                draw.text((x, y + high + 2 + place * LINE), text, fill=ALARM if panel.alarm else INK, font=font)
        for number, line in enumerate(foot):
            draw.text((EDGE, top + down * cell[1] + number * LINE), line, fill=INK, font=font)
        return sheet

    def png(self) -> bytes:
        """Return the bytes of a PNG file."""
        return self._bytes("PNG")

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write it; the ending tells the format, .png or .jpg.

        Raises
        ------
        UsageError
            The ending is another, or the file is there and `overwrite` is not set.
        """
        target = Path(path)
        if target.suffix.lower() not in FORMATS:
            raise UsageError(f"{target.name!r}: a picture is written as .png or .jpg")
        made = self._bytes(FORMATS[target.suffix.lower()])
        try:
            with target.open("wb" if overwrite else "xb") as file:
                file.write(made)
        except FileExistsError as error:
            raise UsageError(f"{target} is there already; write elsewhere, or ask to overwrite it") from error
        return target

    def _bytes(self, form: str) -> bytes:
        buffer = io.BytesIO()
        # 1 of 9: a picture of noise hardly gets smaller, and the highest takes ten times as long.
        self.image().save(buffer, form, **({"compress_level": 1} if form == "PNG" else {"quality": 92}))
        return buffer.getvalue()

    def _repr_png_(self) -> bytes:
        return self.png()

    def __repr__(self) -> str:
        parts = [self.title] if self.title else []
        parts += list(self.facts)
        return "\n".join(map(plain, parts)) or f"a picture of {len(self.panels)} panels"


def pillow() -> None:
    """Make sure that Pillow is there.

    Raises
    ------
    MissingExtra
        It is not installed.
    """
    require("PIL", extra="plot", what="a picture")


def _font() -> "FreeTypeFont | ImageFont":
    from PIL import ImageFont

    return ImageFont.load_default(FONT)


def _arrows(draw: Any, compass: Compass, x: int, y: int, font: Any) -> None:
    """Draw north and east from a point; east is the shorter, so that letters are not needed to tell them apart."""
    for name, (across, down), length in (("N", compass.north, 26), ("E", compass.east, 18)):
        tip = x + across * length, y + down * length
        barbs = [
            (tip[0] + 6 * (-across * 0.87 - turn * down * 0.5), tip[1] + 6 * (-down * 0.87 + turn * across * 0.5))
            for turn in (-1, 1)
        ]
        for colour, width in ((INK, 4), (ARROW, 2)):  # a dark rim, so that it is seen on light and on dark
            draw.line(((x, y), tip), fill=colour, width=width)
            draw.line((barbs[0], tip, barbs[1]), fill=colour, width=width)
        place = x + across * (length + 10), y + down * (length + 10)
        draw.text(place, name, fill=ARROW, font=font, anchor="mm", stroke_width=1, stroke_fill=INK)


def _length(text: str, font: Any) -> float:
    return float(font.getlength(text))


def _cut(text: str, room: int, font: Any) -> str:
    """Cut text to so many points of a picture; names lose their front, where they are alike."""
    text = plain(text)
    if _length(text, font) <= room:
        return text
    longest = len(text)
    while longest > 1 and _length(cut(text, longest), font) > room:
        longest -= 1
    return cut(text, longest)


def _folded(text: str, room: int, font: Any) -> list[str]:
    """Fold a line between words; one word that is too long is cut."""
    lines = [""]
    for word in plain(text).split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and _length(longer, font) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return [_cut(line, room, font) for line in lines]
