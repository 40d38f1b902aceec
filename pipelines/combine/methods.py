"""The ways to combine: what each takes away before the mean, and its parameters.

Two kinds: a `Trim` drops samples by rank (mean, median, min-max), a `Clip` drops those outside bounds
of the values. Each is a frozen value, so that a master can say exactly how it was made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol, TypeGuard

import numpy as np

from pipelines.combine.errors import FramesUnfit
from pipelines.combine.samples import Plane, Samples, kept_median, kept_moments

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
    """Drops samples outside bounds."""

    def bounds(self, samples: Samples) -> Bounds:
        """Lowest and highest value kept, of each pixel."""


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


@dataclass(frozen=True, slots=True)
class NoiseClip:
    """The mean of what the noise model explains: within `sigma` times the noise of the median.

    Known noise can reject one of three, where the scatter of three cannot (Gemini's DRAGONS calls the
    idea varclip). Where an even number of samples has two middle ones that the noise does not explain
    together, the lower is the centre: cosmic rays only add. Of two samples none is rejected.
    """

    sigma: float = 4.0
    name: ClassVar[str] = "noise-model"

    def bounds(self, samples: Samples) -> Bounds:
        if samples.variance_at is None:
            raise FramesUnfit("noise-model rejection needs a noise model; measure one, or choose another method.")
        if samples.count < 3:
            return _everything(samples)
        low, high = samples.middle()
        centre = low if samples.count % 2 else (low + high) / 2
        reach = self.sigma * np.sqrt(samples.variance_at(centre))
        if samples.count % 2 == 0:
            torn = np.flatnonzero(high - low > reach)
            if torn.size:
                centre[torn] = low[torn]
                reach = self.sigma * np.sqrt(samples.variance_at(centre))
        return centre - reach, centre + reach


@dataclass(frozen=True, slots=True)
class SigmaClip:
    """Sigma clipping: again and again what is beyond `sigma` standard deviations of the centre.

    The same samples as `astropy.stats.sigma_clip` with the same parameters. Of fewer than 8 samples it
    can reject nothing at 3 sigma about the median, of fewer than 11 about the mean.

    Parameters
    ----------
    sigma : float
        Bound in standard deviations (ddof 0).
    iterations : int or None
        At most so many; None until nothing changes.
    center : {'median', 'mean'}
        What deviations are taken from.
    """

    sigma: float = 3.0
    iterations: int | None = 5
    center: str = "median"
    name: ClassVar[str] = "sigma-clip"

    def __post_init__(self) -> None:
        if self.center not in ("median", "mean"):
            raise FramesUnfit(f"sigma clipping is about the 'median' or the 'mean', not about {self.center!r}.")
        if self.iterations is not None and self.iterations < 1:
            raise FramesUnfit("sigma clipping takes one iteration at least.")

    def bounds(self, samples: Samples) -> Bounds:
        mean, squares = samples.moments
        centre = samples.median() if self.center == "median" else mean
        reach = self.sigma * np.sqrt(squares / samples.count)
        low, high = centre - reach, centre + reach
        pixels = np.flatnonzero((samples.rows[0] < low) | (samples.rows[-1] > high))
        chosen = samples.of(pixels)
        keep = (chosen >= low[pixels]) & (chosen <= high[pixels])
        done = 1
        while pixels.size and (self.iterations is None or done < self.iterations):
            count, mean, squares = kept_moments(chosen, keep)
            centre = kept_median(chosen, keep) if self.center == "median" else mean
            reach = self.sigma * np.sqrt(squares / count)
            low[pixels], high[pixels] = centre - reach, centre + reach
            keep &= (chosen >= low[pixels]) & (chosen <= high[pixels])
            left = keep.sum(axis=0)
            changed = (left < count) & (left > 0)
            pixels, chosen, keep = pixels[changed], chosen[:, changed], keep[:, changed]
            done += 1
        return low, high


@dataclass(frozen=True, slots=True)
class MadClip:
    """What is beyond `sigma` times 1.4826 median absolute deviations of the median, once."""

    sigma: float = 3.0
    name: ClassVar[str] = "mad-clip"

    def bounds(self, samples: Samples) -> Bounds:
        from pipelines.combine.network import sort_rows

        median = samples.median()
        deviations = np.empty((samples.count, len(median)))
        for out, row in zip(deviations, samples.rows, strict=True):
            np.abs(np.subtract(row, median, out=out), out=out)
        reach = self.sigma * MAD_TO_SIGMA * Samples(sort_rows(deviations)).median()
        return median - reach, median + reach


@dataclass(frozen=True, slots=True)
class PercentileClip:
    """What is beyond `sigma` times half the distance of two percentiles of the median, once.

    With 16 and 84 per cent and 2.1 sigma it is what KPF stacks with.
    """

    sigma: float = 3.0
    low: float = 15.865525393145708
    high: float = 84.13447460685429
    name: ClassVar[str] = "percentile"

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 100:
            raise FramesUnfit(f"percentiles must ascend within 0 to 100: {self.low}, {self.high}.")

    def bounds(self, samples: Samples) -> Bounds:
        median = samples.median()
        width = (samples.quantile(self.high / 100) - samples.quantile(self.low / 100)) / 2
        return median - self.sigma * width, median + self.sigma * width


@dataclass(frozen=True, slots=True)
class FractionClip:
    """What is further from the median than a fraction of it; Siril's and PixInsight's percentile clip."""

    low: float = 0.2
    high: float = 0.1
    name: ClassVar[str] = "fraction"

    def bounds(self, samples: Samples) -> Bounds:
        median = samples.median()
        size = np.abs(median)
        return median - self.low * size, median + self.high * size


@dataclass(frozen=True, slots=True)
class WinsorizedClip:
    """Sigma clipping about the median with the standard deviation of winsorized samples.

    Samples beyond 1.5 sigma of the median are moved there, and sigma is 1.134 times the standard
    deviation of the result, until it changes by less than 0.05 % (Huber's proposal, as in Siril and
    PixInsight).
    """

    sigma: float = 3.0
    rounds: int = 20
    name: ClassVar[str] = "winsorized"

    def bounds(self, samples: Samples) -> Bounds:
        median = samples.median()
        width = np.sqrt(samples.moments[1] / max(1, samples.count - 1))
        pixels = np.arange(len(median))
        chosen = samples.of(pixels)
        for _ in range(self.rounds):
            centre, reach = median[pixels], 1.5 * width[pixels]
            moved = np.clip(chosen, centre - reach, centre + reach)
            _, squares = Samples(list(moved)).moments
            narrower = 1.134 * np.sqrt(squares / max(1, samples.count - 1))
            changing = np.abs(narrower - width[pixels]) > 0.0005 * width[pixels]
            width[pixels] = narrower
            pixels, chosen = pixels[changing], chosen[:, changing]
            if not pixels.size:
                break
        return median - self.sigma * width, median + self.sigma * width


def _everything(samples: Samples) -> Bounds:
    size = len(samples.rows[0])
    return np.full(size, -np.inf), np.full(size, np.inf)


METHODS: dict[str, type[Any]] = {
    method.name: method
    for method in (NoiseClip, Mean, Median, MinMax, SigmaClip, MadClip, PercentileClip, FractionClip, WinsorizedClip)
}


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
