"""What summaries and pictures need of the pixels that were asked for; `PixelSelection` is it."""

from __future__ import annotations

from typing import Protocol

from pipelines.pixels.coordinates import PixelCoordinates
from pipelines.pixels.reading import Ramps, Slopes
from pipelines.table import Answer


class AskedPixels(Protocol):
    """Pixels of a detector and what was read of them.

    Attributes
    ----------
    detector, places
        What was asked.
    """

    detector: str
    places: PixelCoordinates

    @property
    def unread(self) -> Answer:
        """What could not be read."""

    def read(self) -> tuple[Ramps, ...]:
        """Return the ramps of each exposure."""

    def read_slopes(self) -> tuple[Slopes, ...]:
        """Return the slopes of each exposure."""
