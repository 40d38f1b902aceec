"""Where the sun stands over a site: altitude, and whether it rises, to a hundredth of a degree."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from pipelines.instruments import Site

TWILIGHT = (-14.0, 4.0)
"""Altitudes of the sun, degrees, at which anyone takes sky flats: bright enough, and not yet saturated."""

_J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)


def altitude(instant: datetime, site: Site) -> float:
    """Altitude of the sun's centre over the horizon, degrees, without refraction.

    Low-precision formulae of the Astronomical Almanac (section C, "Low precision formulas for the
    Sun"), good to 0.01 degrees between 1950 and 2050; sidereal time by its mean rate. Nothing is
    looked up, so nothing is downloaded.

    Parameters
    ----------
    instant
        Aware.

    Examples
    --------
    >>> mayhill = Site(longitude=-105.529, latitude=32.903)
    >>> round(altitude(datetime(2024, 2, 21, 1, 0, tzinfo=UTC), mayhill), 1)
    -2.6
    """
    days = (instant - _J2000) / timedelta(days=1)
    mean_longitude = 280.460 + 0.9856474 * days
    anomaly = math.radians(357.528 + 0.9856003 * days)
    longitude = math.radians(mean_longitude + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly))
    obliquity = math.radians(23.439 - 0.0000004 * days)
    ascension = math.atan2(math.cos(obliquity) * math.sin(longitude), math.cos(longitude))
    declination = math.asin(math.sin(obliquity) * math.sin(longitude))
    sidereal = math.radians((18.697374558 + 24.06570982441908 * days) * 15 + site.longitude)
    latitude = math.radians(site.latitude)
    return math.degrees(
        math.asin(
            math.sin(latitude) * math.sin(declination)
            + math.cos(latitude) * math.cos(declination) * math.cos(sidereal - ascension)
        )
    )


def is_rising(instant: datetime, site: Site) -> bool:
    """Tell whether the sun climbs."""
    minute = timedelta(minutes=1)
    return altitude(instant + minute, site) > altitude(instant - minute, site)


def in_twilight(instant: datetime, site: Site) -> bool:
    """Tell whether sky flats could be taken then."""
    return TWILIGHT[0] <= altitude(instant, site) <= TWILIGHT[1]
