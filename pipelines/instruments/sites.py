"""Sites: where a camera stands, by its header, its profile or the archive's settings, and the night that follows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pipelines.instruments.dialects import sites as tables
from pipelines.instruments.dialects import times
from pipelines.instruments.lookup import Headers
from pipelines.instruments.moments import read_day
from pipelines.instruments.nights import night_of
from pipelines.instruments.profile import Profile
from pipelines.instruments.values import angle, number, squeezed

__all__ = ["Place", "night_at", "read_night", "read_place", "site_of"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a camera stands.

    Attributes
    ----------
    longitude, latitude
        Degrees east and north; None: not known.
    zone
        IANA name of the zone of its clocks; None: not known.
    space
        In space: there are no nights.
    source
        Keyword and HDU, ``'profile'`` or ``'darkroom.toml'``; None: nothing tells.
    """

    longitude: float | None = None
    latitude: float | None = None
    zone: str | None = None
    space: bool = False
    source: str | None = None


NOWHERE = Place()


def read_place(headers: Headers) -> Place:
    """Read the site from a header: coordinates, geocentric coordinates, else the name of an observatory."""
    telescope = headers.find((tables.NAMES[2],))
    if telescope is not None and squeezed(str(telescope.value)) in tables.SPACE:
        return Place(space=True, source=telescope.source)
    for found in headers.each(tables.LONGITUDE):
        longitude = angle(found.value)
        if longitude is not None and -180 <= longitude <= 360:
            if found.key.unit == "west":
                longitude = -longitude
            latitude_found = headers.find(tables.LATITUDE)
            latitude = None if latitude_found is None else angle(latitude_found.value)
            if longitude == 0 and latitude in (0, None):
                continue  # never filled in
            return Place(_wrapped(longitude), _latitude(latitude), source=found.source)
    if (geocentric := _geocentric(headers)) is not None:
        return geocentric
    for found in headers.each(tables.NAMES):
        known = tables.PLACES.get(squeezed(str(found.value)))
        if known is not None:
            return Place(*known, source=found.source)
    return NOWHERE


def site_of(profile: Profile, headers: Headers, default: Place = NOWHERE) -> Place:
    """Return the site of a frame: the profile's, else the header's, else the archive's.

    A profile stands above the header because it is where a header's mistake is put right.
    """
    zone = profile.clock.zone if profile.clock.zone != "UTC" else None
    if profile.site is not None:
        return Place(profile.site.longitude, profile.site.latitude, zone, source="profile")
    by_header = read_place(headers)
    if zone is not None:
        return Place(by_header.longitude, by_header.latitude, zone, source="profile")
    return by_header if by_header.source is not None else default


def _geocentric(headers: Headers) -> Place | None:
    values = []
    for name in tables.GEOCENTRIC:
        value = next((number(hdu.header[name]) for hdu in headers.hdus[:2] if name in hdu.header), None)
        if value is None:
            return None
        values.append(value)
    x, y, z = values
    if not 6.2e6 < math.sqrt(x * x + y * y + z * z) < 6.5e6:
        return None
    # Geocentric latitude: 0.2 degrees from the geodetic one, which no night depends on.
    return Place(
        _wrapped(round(math.degrees(math.atan2(y, x)), 4)),
        round(math.degrees(math.atan2(z, math.hypot(x, y))), 4),
        source="OBSGEO-X@0",
    )


def _wrapped(longitude: float) -> float:
    return round((longitude + 180) % 360 - 180, 6)


def _latitude(latitude: float | None) -> float | None:
    return None if latitude is None or abs(latitude) > 90 else round(latitude, 6)


def night_at(instant: datetime, place: Place) -> date:
    """Return the night of an instant at a place: local noon to local noon by its zone, else by its longitude.

    In space, and where neither is known, it is the calendar day in UTC.

    Examples
    --------
    >>> from datetime import UTC
    >>> night_at(datetime(2024, 5, 11, 4, 0, tzinfo=UTC), Place(longitude=-155.5)).isoformat()
    '2024-05-10'
    """
    if place.space:
        return instant.date()
    if place.zone is not None:
        return night_of(instant, place.zone)
    if place.longitude is None:
        return instant.date()
    local = instant + timedelta(hours=place.longitude / 15)
    return local.date() if local.hour >= 12 else local.date() - timedelta(days=1)


def read_night(headers: Headers) -> tuple[date, str] | None:
    """Return the night that the header itself names (DAY-OBS and the like), and the keyword."""
    for found in headers.each(times.NIGHT):
        day = read_day(str(found.value))
        if day is not None:
            return day, found.source
    return None
