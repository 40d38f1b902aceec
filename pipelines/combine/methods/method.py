"""What a method of combining is: a `Trim` drops samples by rank, a `Clip` those outside bounds of the values.

Each is a frozen value, so that a master can say exactly how it was made.
"""

from __future__ import annotations

from typing import ClassVar, Protocol, TypeGuard

import numpy as np

from pipelines.combine.samples import Plane, Samples

__all__ = ["MAD_TO_SIGMA", "Bounds", "Clip", "Method", "Relative", "Trim", "everything", "relative", "trims"]

Bounds = tuple[Plane, Plane]

#: A median absolute deviation times this is the standard deviation, of normal noise.
MAD_TO_SIGMA = 1.482602218505602


class Method(Protocol):
    """A way to combine; hashable, for what follows from its parameters is worked out once."""

    name: ClassVar[str]

    def __hash__(self) -> int: ...


class Trim(Method, Protocol):
    """Drops samples by rank."""

    def trim(self, count: int) -> tuple[int, int]:
        """How many of `count` samples are dropped at the low and at the high end."""


def trims(method: Method) -> TypeGuard[Trim]:
    """Whether a method is a `Trim`; ``isinstance`` with a protocol takes a tenth of combining three frames."""
    return hasattr(method, "trim")


class Clip(Method, Protocol):
    """Drops samples outside bounds, which move and stretch as the samples do."""

    def bounds(self, samples: Samples) -> Bounds:
        """Lowest and highest value kept, of each pixel."""


class Relative(Clip, Protocol):
    """Bounds that follow the value, whatever the noise."""

    def fraction(self, count: int) -> float:
        """Return how far above the value, as a fraction of it, a sample of `count` is dropped; infinite where none."""


def relative(method: Method) -> TypeGuard[Relative]:
    """Whether a method is `Relative`."""
    return hasattr(method, "fraction")


def everything(samples: Samples) -> Bounds:
    """Return bounds that keep every sample."""
    size = len(samples.rows[0])
    return np.full(size, -np.inf), np.full(size, np.inf)
