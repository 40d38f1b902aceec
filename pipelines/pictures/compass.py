"""Where north and east are in a picture, by the WCS of the header.

The linear part of the FITS WCS papers (Greisen & Calabretta 2002, A&A 395, 1061: CD, or PC with CDELT, or CDELT with
CROTA2) and the gnomonic projection (Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.3), which other projections
about a point agree with near that point. `astropy.wcs` has all of it, and importing it takes as long as everything
else a picture needs; the tests hold this one to it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Compass", "compass", "of_the_sky"]

_STEP = 1e-5  # radians: two seconds of arc
_LIGHTS = frozenset({"light", "image", "object", "rate", "rateints", "calibrated"})


@dataclass(frozen=True, slots=True)
class Compass:
    """Directions in a picture whose first row is at the bottom, or at the top.

    Attributes
    ----------
    north, east : (float, float)
        Of length 1: to the right and down.
    """

    north: tuple[float, float]
    east: tuple[float, float]

    @property
    def said(self) -> str:
        """The directions in words."""
        turned = math.degrees(math.atan2(-self.north[0], -self.north[1]))
        side = "left" if turned > 0 else "right"
        up = f"north is {abs(turned):.0f} degrees {side} of up"
        up = "north is up" if abs(turned) < 0.5 else "north is down" if abs(turned) > 179.5 else up
        # As on the sky: seen from north, east is counterclockwise.
        mirrored = self.north[0] * self.east[1] - self.north[1] * self.east[0] > 0
        return f"{up}, east to its {'right (mirrored)' if mirrored else 'left'}"


def compass(header: Mapping[str, Any], x: float, y: float, *, down: bool = False) -> Compass | None:
    """Return where north and east are at a pixel; None where the header does not say.

    Parameters
    ----------
    header : Mapping
        Of the HDU of the image.
    x, y : float
        Column and row of the array, from 0.
    down : bool
        Whether the first row is at the top of the picture.

    Examples
    --------
    >>> found = compass({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.0, "CRVAL2": 20.0,
    ...                  "CRPIX1": 1.0, "CRPIX2": 1.0, "CD1_1": -1e-4, "CD2_2": 1e-4}, 0, 0)
    >>> found.said
    'north is up, east to its left'
    """
    types = [str(header.get(f"CTYPE{axis}", "")).upper()[:4] for axis in (1, 2)]
    order = {("RA--", "DEC-"): (0, 1), ("DEC-", "RA--"): (1, 0)}.get((types[0], types[1]))
    try:
        matrix = _matrix(header)
        reference = [math.radians(float(header[f"CRVAL{axis}"])) for axis in (1, 2)]
        offset = np.array([x + 1 - float(header["CRPIX1"]), y + 1 - float(header["CRPIX2"])])
        turned = float(header.get("LONPOLE", 180.0)) != 180.0
    except (KeyError, TypeError, ValueError):
        return None
    if order is None or matrix is None or turned:
        return None
    matrix = matrix[list(order)]
    ra, dec = reference[order[0]], reference[order[1]]
    place = np.radians(matrix @ offset)
    here = _sky(float(place[0]), float(place[1]), ra, dec)
    back = np.linalg.inv(matrix)
    north = back @ (_plane(here[0], here[1] + _STEP, ra, dec) - place)
    east = back @ (_plane(here[0] + _STEP / max(math.cos(here[1]), 1e-6), here[1], ra, dec) - place)
    return Compass(_turned(north, down), _turned(east, down))


def of_the_sky(document: Mapping[str, Any]) -> bool:
    """Tell whether a picture is of the sky, so that north ought to be told and is not."""
    return document.get("kind") in _LIGHTS


def _matrix(header: Mapping[str, Any]) -> npt.NDArray[np.float64] | None:
    """Return what turns pixels into degrees; None where there is none, or it has no inverse."""
    axes = (1, 2)
    if any(f"CD{i}_{j}" in header for i in axes for j in axes):
        matrix = np.array([[float(header.get(f"CD{i}_{j}", 0.0)) for j in axes] for i in axes])
    elif "CDELT1" in header and "CDELT2" in header:
        steps = np.array([float(header[f"CDELT{i}"]) for i in axes])
        if any(f"PC{i}_{j}" in header for i in axes for j in axes):
            turn = np.array([[float(header.get(f"PC{i}_{j}", float(i == j))) for j in axes] for i in axes])
            matrix = steps[:, None] * turn
        else:
            angle = math.radians(float(header.get("CROTA2", 0.0)))
            cosine, sine = math.cos(angle), math.sin(angle)
            matrix = np.array([[cosine * steps[0], -sine * steps[1]], [sine * steps[0], cosine * steps[1]]])
    else:
        return None
    return matrix if np.isfinite(matrix).all() and np.linalg.det(matrix) != 0 else None


def _sky(xi: float, eta: float, ra: float, dec: float) -> tuple[float, float]:
    """Return right ascension and declination of a place on the tangent plane, all in radians."""
    down = math.cos(dec) - eta * math.sin(dec)
    return ra + math.atan2(xi, down), math.atan2(eta * math.cos(dec) + math.sin(dec), math.hypot(xi, down))


def _plane(alpha: float, delta: float, ra: float, dec: float) -> npt.NDArray[np.float64]:
    """Return the place on the tangent plane of a right ascension and declination."""
    depth = math.sin(delta) * math.sin(dec) + math.cos(delta) * math.cos(dec) * math.cos(alpha - ra)
    xi = math.cos(delta) * math.sin(alpha - ra) / depth
    eta = (math.sin(delta) * math.cos(dec) - math.cos(delta) * math.sin(dec) * math.cos(alpha - ra)) / depth
    return np.array([xi, eta])


def _turned(step: npt.NDArray[np.float64], down: bool) -> tuple[float, float]:
    """Return a direction on the array as one in the picture."""
    length = float(np.hypot(*step))
    return float(step[0] / length), float((step[1] if down else -step[1]) / length)
