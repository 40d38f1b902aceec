"""Flats whose light is dispersed: the spectrum of their lamp, and what is left of them without it.

The light of a spectroscopic flat runs from nothing to several times its level along one axis, by itself: that is the
lamp, and no fault. What a pixel makes of light is its value over that of the lamp there.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["FEW_PHOTONS", "by_spectrum", "dispersion_of", "lit"]

Plane = npt.NDArray[Any]

FEW_PHOTONS = 0.05
"""Noise over value of a pixel, from which a dispersed flat has too little light there to divide by."""

_CONTRAST = 0.3
"""Range of the light along the axis of dispersion, a fraction of the largest."""

_MORE = 1.5
"""By how much it is larger than along the slit."""

_WINDOW = 64
"""The spectrum is smooth over this part of its length: what is narrower, fringes and dust, stays in the flat."""


def dispersion_of(value: Plane) -> str | None:
    """Return the axis along which the light of a flat is dispersed, ``'x'`` or ``'y'``; None where that cannot be told.

    Parameters
    ----------
    value : ndarray
        (y, x).

    Examples
    --------
    >>> lamp = np.linspace(0.1, 3, 200)
    >>> dispersion_of(np.outer(lamp, np.ones(50))), dispersion_of(np.ones((200, 50)))
    ('y', None)
    """
    ranges = {}
    for axis, name in ((1, "y"), (0, "x")):
        profile = _profile(value, axis)
        if not profile.size:
            return None
        low, high = np.percentile(profile, [5, 95])
        ranges[name] = float((high - low) / high) if high > 0 else 0.0
    along = max(ranges, key=lambda name: ranges[name])
    other = "x" if along == "y" else "y"
    return along if ranges[along] > max(_CONTRAST, _MORE * ranges[other]) else None


def by_spectrum(value: Plane, along: str | None) -> Plane:
    """Return a flat over the smooth spectrum of its lamp, NaN where the lamp has none; without an axis as it is."""
    if along is None:
        return value
    axis = 1 if along == "y" else 0
    spectrum = _smooth(np.nan_to_num(_profile(value, axis, whole=True)))
    lamp = np.where(spectrum > 0, spectrum, np.nan).astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(value / np.expand_dims(lamp, axis), np.float32)


def lit(value: Plane, variance: Plane) -> npt.NDArray[np.bool_]:
    """Tell where a dispersed flat has enough light to divide by: where its own noise is small."""
    with np.errstate(invalid="ignore"):
        found: npt.NDArray[np.bool_] = (value > 0) & (variance < np.square(FEW_PHOTONS * value))
    return found


def _profile(value: Plane, axis: int, *, whole: bool = False) -> Plane:
    """Return the median along an axis, of the brighter half of the slit; finite values only unless it is `whole`."""
    step = max(1, value.shape[axis] // 512)
    thin = value[:, ::step] if axis else value[::step]
    thin = np.where(np.isfinite(thin), thin, np.nan)
    with np.errstate(invalid="ignore"):
        across = np.nan_to_num(np.nanmean(np.nan_to_num(thin), axis=1 - axis))
    bright = across >= np.median(across)
    chosen = thin[:, bright] if axis else thin[bright]
    empty = ~np.isfinite(chosen).any(axis=axis)
    filled = np.where(np.expand_dims(empty, axis), 0.0, chosen)
    found: Plane = np.nanmedian(filled, axis=axis)
    return np.where(empty, np.nan, found) if whole else found[~empty]


def _smooth(profile: Plane) -> Plane:
    """Return running means over a window, which narrows towards the ends: evenly, so that a slope is kept there."""
    count = len(profile)
    total = np.concatenate([[0.0], np.cumsum(profile, dtype=np.float64)])
    place = np.arange(count)
    half = np.minimum(max(4, count // _WINDOW) // 2, np.minimum(place, count - 1 - place))
    found: Plane = (total[place + half + 1] - total[place - half]) / (2 * half + 1)
    return found
