"""Darkroom: an archive of FITS headers and of detector pixels, to ask, to group, to calibrate, to follow.

The same names as in ``pipelines``, which is where they live.

Examples
--------
>>> import darkroom
>>> archive = darkroom.open_archive("/tmp/some-archive")  # doctest: +SKIP
>>> archive.dark_groups(date="2024-02-20")  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pipelines

if TYPE_CHECKING:
    from pipelines import *  # noqa: F403 - a type checker sees the names that the list below gives at run time

_PACKAGES = ("combine", "fits", "instruments")  # public packages beside the names of the face

__all__ = [*pipelines.__all__, *_PACKAGES]


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return import_module(f"pipelines.{name}")
    if name not in pipelines.__all__:
        raise AttributeError(f"module 'darkroom' has no attribute {name!r}")
    return getattr(pipelines, name)


def __dir__() -> list[str]:
    return sorted(__all__)
