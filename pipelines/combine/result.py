"""What combining gives: planes of one shape, and how they were made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.combine.methods import Method, describe
from pipelines.combine.noise import NoiseModel

#: The planes, in the order of their use.
PLANES = ("value", "variance_model", "variance_scatter", "count", "dq", "rejection_power")


class DQ(IntFlag):
    """Bits of the `dq` plane."""

    #: No sample was valid: the value is NaN.
    NO_DATA = 1
    #: A sample that was kept is at or above the saturation level.
    SATURATED = 2
    #: So few samples that the method could reject no outlier of any size.
    NO_REJECTION_POWER = 4
    #: Half of the samples or more were rejected, or all would have been and were kept for that, or two
    #: differ by more than the noise: no majority.
    DISAGREEMENT = 8


@dataclass(frozen=True, slots=True)
class Combined:
    """Planes of a combined stack, each (rows, columns); those that were not asked for are None.

    Attributes
    ----------
    value : ndarray of float32
        The combined value; NaN where no sample was valid.
    variance_model : ndarray of float32
        Variance of the value by the noise model, or by the variances given; NaN without either.
    variance_scatter : ndarray of float32
        Variance of the value by the scatter of its own samples (ddof 1); NaN for fewer than two. With
        few frames it is a noisy number: of 3 samples it is uncertain by a factor of two.
    count : ndarray of uint8 or wider
        Samples in the value; of a median, the samples it is the median of.
    dq : ndarray of uint8
        Bits of `DQ`.
    rejection_power : ndarray of float32
        The smallest outlier, in the units of the value, that one sample of this pixel would have lost;
        inf where none of any size would have gone, NaN where the noise is not known.
    method : Method
        How it was done.
    asked : str
        The method that was asked for.
    reason : str or None
        Why `method` is not `asked`.
    noise : NoiseModel or None
        The noise model that was used.
    names : tuple of str
        The frames.
    """

    value: NDArray[np.float32]
    variance_model: NDArray[np.float32] | None
    variance_scatter: NDArray[np.float32] | None
    count: NDArray[Any] | None
    dq: NDArray[np.uint8] | None
    rejection_power: NDArray[np.float32] | None
    method: Method
    asked: str
    reason: str | None
    noise: NoiseModel | None
    names: tuple[str, ...]

    @property
    def planes(self) -> dict[str, NDArray[Any]]:
        """The planes there are, by name: each can be put into a store as it is."""
        found = {name: getattr(self, name) for name in PLANES}
        return {name: plane for name, plane in found.items() if plane is not None}

    def provenance(self) -> Mapping[str, Any]:
        """How the planes were made, for a document: names, numbers and None only."""
        return {
            "method": describe(self.method),
            "asked": self.asked,
            "reason": self.reason,
            "noise": None if self.noise is None else self.noise.to_dict(),
            "frames": list(self.names),
        }
