"""Subarrays: found by corner and size, covering the pixels they hold and no others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.detectors import SUBARRAYS, Subarray, find_subarray

# Raw ground-test frame of each, rows x columns.
RAW = {
    "FULL": (1280, 1032),
    "BRIGHTSKY": (640, 512),
    "SUB256": (320, 256),
    "SUB128": (160, 136),
    "SUB64": (80, 72),
    "SLITLESSPRISM": (520, 72),
    "MASK1065": (280, 288),
    "MASK1140": (280, 288),
    "MASK1550": (280, 288),
    "MASKLYOT": (380, 320),
}


@pytest.mark.parametrize("name", SUBARRAYS)
def test_each_is_found_by_corner_and_size(name):
    window = SUBARRAYS[name]
    assert find_subarray(window.x, window.y, window.nx, window.ny) is window


@pytest.mark.parametrize("name", RAW)
def test_raw_frames_hold_the_reference_output_in_extra_rows(name):
    assert SUBARRAYS[name].raw_shape == RAW[name]


@pytest.mark.parametrize(("y", "name"), [(19, "MASK1065"), (245, "MASK1140"), (467, "MASK1550"), (300, "GENERIC")])
def test_equal_sizes_are_told_apart_by_their_place(y, name):
    assert find_subarray(1, y, 288, 224).name == name


def test_a_frame_of_the_real_exposure_lasts_as_its_header_says():
    # INTTIME of a SUB64 ground-test integration of 50 groups is 4.256 s.
    assert SUBARRAYS["SUB64"].frame_time * 50 == pytest.approx(4.256)


@pytest.mark.parametrize("corner", [(0, 1), (1, 0), (2, 1), (1, 2), (-5, 1)])
def test_a_full_frame_that_hangs_over_the_edge_is_refused(corner):
    with pytest.raises(ValueError, match="does not lie on the detector"):
        find_subarray(*corner, 1032, 1024)


@pytest.mark.parametrize("size", [(0, 10), (10, 0), (-1, 10)])
def test_an_empty_window_is_refused(size):
    with pytest.raises(ValueError, match="does not lie on the detector"):
        Subarray("GENERIC", 1, 1, *size)


@given(st.sampled_from(sorted(SUBARRAYS)), st.integers(-5, 1040), st.integers(-5, 1030))
def test_a_window_covers_a_pixel_or_says_no(name, x, y):
    window = SUBARRAYS[name]
    inside = x in range(window.x, window.x + window.nx) and y in range(window.y, window.y + window.ny)
    assert window.covers(x, y) is inside
    if inside:
        row, column = window.index(x, y)
        assert (window.x + column, window.y + row) == (x, y)
        assert 0 <= row < window.ny
        assert 0 <= column < window.nx
    else:
        with pytest.raises(ValueError, match="does not cover"):
            window.index(x, y)
