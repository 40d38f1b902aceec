"""Where sun and stars stand over the array's site, good to a few minutes: enough for a plausible night."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta

LATITUDE = math.radians(32.9)
LONGITUDE_HOURS = -105.53 / 15


def sun_at(day: date, altitude: float, *, rising: bool) -> datetime:
    """Return the instant, UTC, on the local `day` when the sun passes `altitude` degrees, up or down.

    Declination of the sun by the cosine of the day of the year; no equation of time.
    """
    declination = math.radians(-23.44) * math.cos(2 * math.pi * (day.timetuple().tm_yday + 10) / 365.25)
    cosine = (math.sin(math.radians(altitude)) - math.sin(LATITUDE) * math.sin(declination)) / (
        math.cos(LATITUDE) * math.cos(declination)
    )
    hours = math.degrees(math.acos(cosine)) / 15
    noon = datetime.combine(day, time(12), tzinfo=UTC) - timedelta(hours=LONGITUDE_HOURS)
    return noon + timedelta(hours=-hours if rising else hours)


def alt_az(instant: datetime, ra_hours: float, dec: float) -> tuple[float, float]:
    """Return altitude and azimuth (from north over east), degrees, of a star over the site at an instant.

    Sidereal time by its mean rate from J2000.
    """
    days = (instant - datetime(2000, 1, 1, 12, tzinfo=UTC)) / timedelta(days=1)
    sidereal = 18.697374558 + 24.06570982441908 * days + LONGITUDE_HOURS
    angle, dec = math.radians((sidereal - ra_hours) % 24 * 15), math.radians(dec)
    sine = math.sin(LATITUDE) * math.sin(dec) + math.cos(LATITUDE) * math.cos(dec) * math.cos(angle)
    azimuth = math.atan2(
        -math.cos(dec) * math.sin(angle),
        math.sin(dec) * math.cos(LATITUDE) - math.cos(dec) * math.sin(LATITUDE) * math.cos(angle),
    )
    return math.degrees(math.asin(sine)), math.degrees(azimuth) % 360


def sexagesimal(value: float, *, hours: bool) -> str:
    """Write hours as ``23:40:57.1``, or degrees as ``+20d32:12.9``, as the array's headers do."""
    tenths = round(abs(value) * 36000)
    minutes, tenths = divmod(tenths, 600)
    whole, minutes = divmod(minutes, 60)
    tail = f"{minutes:02d}:{tenths // 10:02d}.{tenths % 10}"
    return f"{whole:02d}:{tail}" if hours else f"{'-' if value < 0 else '+'}{whole:02d}d{tail}"
