"""What tables and pictures need of a camera's pixels that were asked for; `CameraPixels` is it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipelines.pixels.cameras.expected import Expected
from pipelines.pixels.cameras.reading import FrameValues
from pipelines.pixels.coordinates import PixelCoordinates
from pipelines.table import Answer


class AskedCameraPixels(Protocol):
    """Pixels of a camera and what was read of them.

    Attributes
    ----------
    detector, places
        The camera, and what was asked.
    """

    detector: str
    places: PixelCoordinates

    @property
    def named(self) -> str:
        """The pixels in words."""

    @property
    def unread(self) -> Answer:
        """What could not be read."""

    @property
    def assumed(self) -> tuple[str, ...]:
        """What was assumed."""

    def read(self) -> FrameValues:
        """Return the values in order of time."""

    def expected(self) -> Expected:
        """Return what the masters say of them."""

    @property
    def residuals(self) -> npt.NDArray[np.float64]:
        """Return what is left over."""
