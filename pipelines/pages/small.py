"""Small pictures for a page: in the page itself, with the facts that a picture cannot tell."""

import io
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arraystore import StoreError
from pipelines.errors import DarkroomError
from pipelines.pictures.frame import arrays_of, draw
from pipelines.pictures.picture import pillow

if TYPE_CHECKING:
    from pipelines.archive import Archive

SIZE = 160
"""Points along the longer side."""


@dataclass(frozen=True, slots=True)
class Small:
    """A picture on a page, or why there is none.

    Attributes
    ----------
    source : str
        A ``data:`` address of a JPEG; empty without a picture.
    facts : tuple of str
        What it shows, also for those who do not see it; without a picture, why.
    width, height : int
        Points.
    """

    source: str
    facts: tuple[str, ...]
    width: int = 0
    height: int = 0

    @property
    def alt(self) -> str:
        """The facts in one line."""
        return "; ".join(self.facts)


def small(archive: "Archive", document: Mapping[str, Any]) -> Small:
    """Return a small picture of a document; whatever is wrong with it costs this picture."""
    try:
        pillow()
        first, *others = arrays_of(document)
        drawn = draw(document, first, archive.store, size=SIZE, mask=True, grow=False)
    except (DarkroomError, StoreError) as error:
        return Small("", (f"no picture: {error}",))
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(drawn.points).save(buffer, "JPEG", quality=80)
    more = (f"{first}, the first of {1 + len(others)} images",) if others else ()
    height, width = drawn.points.shape[:2]
    return Small(
        f"data:image/jpeg;base64,{b64encode(buffer.getvalue()).decode()}", (*more, *drawn.facts), width, height
    )
