"""The sun's altitude is astropy's, which looks up nothing here, to a few hundredths of a degree."""

from datetime import UTC, datetime, timedelta

import pytest

from pipelines.calibration.times.sun import altitude, in_twilight, is_rising
from pipelines.instruments import Site, profiles

MAYHILL = profiles()["dragonfly"].site


@pytest.mark.parametrize(
    "site", [MAYHILL, Site(longitude=149.07, latitude=-31.27), Site(longitude=15.0, latitude=69.0)]
)
def test_altitudes_are_those_of_astropy(site):
    from astropy.coordinates import AltAz, EarthLocation, get_sun
    from astropy.time import Time
    from astropy.utils import iers

    moments = [datetime(2016, 1, 1, tzinfo=UTC) + timedelta(hours=1009.7 * n) for n in range(60)]
    with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("iers_degraded_accuracy", "warn"):
        times = Time([moment.replace(tzinfo=None) for moment in moments], scale="utc")
        place = EarthLocation.from_geodetic(site.longitude, site.latitude, site.height)
        expected = get_sun(times).transform_to(AltAz(obstime=times, location=place)).alt.deg
    assert [altitude(moment, site) for moment in moments] == pytest.approx(list(expected), abs=0.03)


def test_it_sinks_at_dusk_and_climbs_at_dawn():
    dusk, dawn = datetime(2024, 2, 21, 1, 0, tzinfo=UTC), datetime(2024, 2, 21, 13, 20, tzinfo=UTC)
    assert not is_rising(dusk, MAYHILL)
    assert is_rising(dawn, MAYHILL)
    assert in_twilight(dusk, MAYHILL)
    assert in_twilight(dawn, MAYHILL)
    assert not in_twilight(datetime(2024, 2, 21, 7, 0, tzinfo=UTC), MAYHILL)
    assert not in_twilight(datetime(2024, 2, 21, 19, 0, tzinfo=UTC), MAYHILL)
