"""The mean, and what drops samples by rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipelines.combine.errors import FramesUnfit

__all__ = ["Mean", "Median", "MinMax"]


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of all samples."""

    name: ClassVar[str] = "mean"

    def trim(self, count: int) -> tuple[int, int]:
        return 0, 0


@dataclass(frozen=True, slots=True)
class Median:
    """The median: the mean of the one or two samples in the middle."""

    name: ClassVar[str] = "median"

    def trim(self, count: int) -> tuple[int, int]:
        return (count - 1) // 2, (count - 1) // 2


@dataclass(frozen=True, slots=True)
class MinMax:
    """The mean without the `low` lowest and the `high` highest; where too few are left, the median."""

    low: int = 1
    high: int = 1
    name: ClassVar[str] = "minmax"

    def __post_init__(self) -> None:
        if self.low < 0 or self.high < 0:
            raise FramesUnfit(f"min-max cannot drop {self.low} and {self.high} samples; give numbers from 0.")

    def trim(self, count: int) -> tuple[int, int]:
        return (self.low, self.high) if self.low + self.high < count else Median().trim(count)


METHODS = (
    Mean,
    Median,
    MinMax,
)
