"""The lives of detector pixels: ramps, flags, slopes and history of any pixel in every exposure."""

from pipelines.pixels.coordinates import NoSuchPixel
from pipelines.pixels.exposures import NoExposure
from pipelines.pixels.reading import Ramps, Slopes
from pipelines.pixels.selection import PixelSelection, pixel

__all__ = ["NoExposure", "NoSuchPixel", "PixelSelection", "Ramps", "Slopes", "pixel"]
