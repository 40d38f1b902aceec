"""Pixels of CCD and CMOS cameras: the value of one in every bias, dark, flat and light over the years."""

from pipelines.pixels.cameras.selection import CameraPixels, camera_pixels

__all__ = ["CameraPixels", "camera_pixels"]
