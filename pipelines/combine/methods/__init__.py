"""The ways to combine: what each takes away before the mean, and its parameters; each module adds those it lists.

A new one is a module here: a class as `method.Clip` or `method.Trim` describes it, in the module's ``METHODS``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from pipelines.combine.errors import FramesUnfit
from pipelines.combine.methods.fraction import FractionClip
from pipelines.combine.methods.method import MAD_TO_SIGMA, Bounds, Clip, Method, Relative, Trim, relative, trims
from pipelines.combine.methods.noise import NoiseClip
from pipelines.combine.methods.ranked import Mean, Median, MinMax
from pipelines.combine.methods.robust import MadClip, PercentileClip
from pipelines.combine.methods.sigma import SigmaClip
from pipelines.combine.methods.winsorized import WinsorizedClip

__all__ = [
    "MAD_TO_SIGMA",
    "METHODS",
    "Bounds",
    "Clip",
    "FractionClip",
    "MadClip",
    "Mean",
    "Median",
    "Method",
    "MinMax",
    "NoiseClip",
    "PercentileClip",
    "Relative",
    "SigmaClip",
    "Trim",
    "WinsorizedClip",
    "describe",
    "found",
    "method_named",
    "relative",
    "trims",
]


def found() -> dict[str, type[Any]]:
    """Return the methods of the modules of this package, by their names."""
    modules = [
        import_module(f"{__name__}.{one.name}") for one in sorted(iter_modules(__path__), key=lambda one: one.name)
    ]
    return {method.name: method for module in modules for method in getattr(module, "METHODS", ())}


METHODS: dict[str, type[Any]] = found()


def method_named(name: str, parameters: Mapping[str, Any] | None = None) -> Method:
    """Make the method of a name.

    >>> method_named("minmax", {"high": 2})
    MinMax(low=1, high=2)

    Raises
    ------
    FramesUnfit
        There is no such method, or it has no such parameter.
    """
    if name not in METHODS:
        raise FramesUnfit(f"there is no method {name!r} of combining; choose one of {', '.join(METHODS)}.")
    try:
        made: Method = METHODS[name](**(parameters or {}))
    except TypeError as error:
        raise FramesUnfit(f"{name} cannot be made with {dict(parameters or {})}: {error}.") from error
    return made


def describe(method: Method) -> dict[str, Any]:
    """Name and parameters of a method, for a document.

    >>> describe(MinMax())
    {'name': 'minmax', 'low': 1, 'high': 1}
    """
    return {"name": method.name, **asdict(method)}  # type: ignore[call-overload]
