"""Numbers and places of pixels, for every detector."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.detectors import numbering
from pipelines.detectors.geometry import GEOMETRIES, PixelOutside

DETECTORS = st.sampled_from(sorted(GEOMETRIES))


@given(DETECTORS, st.data())
def test_a_number_and_a_place_name_the_same_pixel(detector, data):
    geometry = GEOMETRIES[detector]
    x = data.draw(st.integers(1, geometry.columns))
    y = data.draw(st.integers(1, geometry.rows))
    assert geometry.position(geometry.pixel_id(x, y)) == (x, y)
    assert geometry.pixel_id(x, y) == np.ravel_multi_index((y - 1, x - 1), geometry.shape) + 1


def test_miri_has_the_numbers_of_the_pixel_database():
    x, y = np.meshgrid(np.arange(1, 1033, 7), np.arange(1, 1025, 5))
    assert (GEOMETRIES["MIRIMAGE"].pixel_id(x, y) == numbering.pixel_id(x, y)).all()


def test_reference_pixels_are_the_four_of_each_edge():
    mask = GEOMETRIES["NRCA1"].is_reference(*np.meshgrid(np.arange(1, 2049), np.arange(1, 2049)))
    assert (~mask).sum() == 2040 * 2040
    assert not mask[4:-4, 4:-4].any()
    miri = GEOMETRIES["MIRIMAGE"]
    assert miri.is_reference(np.asarray([4, 5, 1029]), 1).tolist() == [True, False, True]


@pytest.mark.parametrize("detector", sorted(GEOMETRIES))
def test_what_is_outside_is_refused(detector):
    geometry = GEOMETRIES[detector]
    for x, y in ((0, 1), (geometry.columns + 1, 1), (1, geometry.rows + 1)):
        with pytest.raises(PixelOutside):
            geometry.pixel_id(x, y)
    assert not geometry.holds(1, 1, geometry.columns + 1, 1)
    assert geometry.holds(1, 1, geometry.columns, geometry.rows)
