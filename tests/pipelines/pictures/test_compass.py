"""North and east in a picture: where astropy's WCS has them."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from pipelines.pictures.compass import Compass, compass
from pipelines.pictures.picture import Panel, Picture


def steps(header, x, y):
    """Steps to the north and to the east on the array, of length 1, by astropy."""
    wcs = WCS(fits.Header(header))
    ra, dec = wcs.wcs_pix2world([[x, y]], 0)[0] if wcs.wcs.lng == 0 else wcs.wcs_pix2world([[x, y]], 0)[0][::-1]
    found = []
    for alpha, delta in ((ra, dec + 1e-4), (ra + 1e-4 / np.cos(np.radians(dec)), dec)):
        world = [[alpha, delta]] if wcs.wcs.lng == 0 else [[delta, alpha]]
        step = wcs.wcs_world2pix(world, 0)[0] - (x, y)
        found.append(step / np.hypot(*step))
    return found


@given(
    angle=st.floats(0, 360), parity=st.sampled_from([1, -1]), dec=st.floats(-80, 80), ra=st.floats(0, 360),
    x=st.integers(0, 4000), y=st.integers(0, 4000), way=st.sampled_from(["CD", "PC", "CROTA2"]), swapped=st.booleans(),
)  # fmt: skip
def test_north_and_east_are_where_astropy_has_them(angle, parity, dec, ra, x, y, way, swapped):
    cosine, sine, scale = np.cos(np.radians(angle)), np.sin(np.radians(angle)), 2e-4
    header = {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRVAL1": ra,
        "CRVAL2": dec,
        "CRPIX1": 1000.5,
        "CRPIX2": 900.0,
    }
    turn = np.array([[cosine, -sine], [sine, cosine]])
    matrix = scale * np.array([[-parity], [1]]) * turn
    if way == "CROTA2":
        header |= {"CDELT1": -parity * scale, "CDELT2": scale, "CROTA2": angle}
    elif way == "PC":
        header |= {"CDELT1": -parity * scale, "CDELT2": scale}
        header |= {f"PC{i + 1}_{j + 1}": turn[i, j] for i in (0, 1) for j in (0, 1)}
    elif swapped:
        header |= {"CTYPE1": "DEC--TAN", "CTYPE2": "RA---TAN", "CRVAL1": dec, "CRVAL2": ra}
        header |= {f"CD{i + 1}_{j + 1}": matrix[1 - i, j] for i in (0, 1) for j in (0, 1)}
    else:
        header |= {f"CD{i + 1}_{j + 1}": matrix[i, j] for i in (0, 1) for j in (0, 1)}
    north, east = steps(header, x, y)
    for down, sign in ((True, 1), (False, -1)):
        found = compass(header, x, y, down=down)
        np.testing.assert_allclose(found.north, (north[0], sign * north[1]), atol=2e-3)
        np.testing.assert_allclose(found.east, (east[0], sign * east[1]), atol=2e-3)


PLAIN = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.0, "CRVAL2": 20.0, "CRPIX1": 50.0, "CRPIX2": 50.0,
    "CD1_1": -1e-4, "CD2_2": 1e-4,
}  # fmt: skip


@pytest.mark.parametrize(
    "spoilt",
    [
        {"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN"}, {"CD1_1": 0.0}, {"CRVAL1": "ten"}, {"LONPOLE": 90.0},
        {"CD1_1": float("nan")}, {"CTYPE1": "LINEAR"}, {"CRPIX1": None},
    ],
)  # fmt: skip
def test_a_header_that_does_not_say_is_no_direction(spoilt):
    assert compass(PLAIN | spoilt, 50, 50) is None
    assert compass({}, 0, 0) is None


def test_directions_are_said_in_words():
    assert compass(PLAIN, 49, 49).said == "north is up, east to its left"
    assert compass(PLAIN, 49, 49, down=True).said == "north is down, east to its right (mirrored)"
    assert (
        Compass((0.5, -np.sqrt(0.75)), (-np.sqrt(0.75), -0.5)).said
        == "north is 30 degrees right of up, east to its left"
    )


def test_the_arrows_point_where_north_and_east_are():
    """The letters' yellow lies up and to the left of the place they begin at, and nowhere else."""
    grey = np.full((200, 400, 3), 90, np.uint8)
    image = np.asarray(Picture((Panel(grey, compass=Compass((0.0, -1.0), (-1.0, 0.0))),)).image())
    rows, columns = np.nonzero((image == (255, 214, 10)).all(axis=-1))
    x, y = 10 + 400 - 48, 10 + 48
    assert rows.min() < y - 30
    assert columns.min() < x - 22
    assert rows.max() < y + 8
    assert columns.max() < x + 8
