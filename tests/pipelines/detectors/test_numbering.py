"""Pixel numbers: the listed ones, both ways, for scalars and arrays, and nothing outside."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.detectors import (
    ALL_PIXELS,
    SCIENCE_PIXELS,
    SUBARRAYS,
    PixelOutside,
    is_reference_column,
    is_refout,
    pixel_id,
    position,
    raw_position,
    refout_for,
    refout_id,
    refout_ids,
    refout_position,
    science_ids,
)

# First and last science id, first and last reference-output id of each subarray, as the MIRI Pixel
# Database numbers them. Of ILLUM it had those of the reference output wrong; there the last science id is
# that of x = 360 + 668 - 1, y = 1024: 1023 * 1032 + 1027.
LISTED = {
    "FULL": (1, 1056768, 1056769, 1320960),
    "BRIGHTSKY": (52057, 579920, 1173555, 1304114),
    "SUB256": (52013, 315428, 1162291, 1227058),
    "SUB128": (916417, 1047616, 1057657, 1091576),
    "SUB64": (802897, 867984, 1057547, 1075018),
    "SLITLESSPRISM": (544897, 973248, 1057297, 1075120),
    "MASK1065": (18577, 249000, 1056787, 1129714),
    "MASK1140": (251809, 482232, 1057013, 1129940),
    "MASK1550": (480913, 711336, 1057235, 1130162),
    "MASKLYOT": (738913, 1051928, 1057485, 1138684),
    "ILLUM": (360, 1056763, None, None),
}

columns = st.integers(1, 1032)
rows = st.integers(1, 1024)


def test_every_subarray_of_the_list_is_known_and_no_other():
    assert set(SUBARRAYS) == set(LISTED)


@pytest.mark.parametrize("name", LISTED)
def test_listed_first_and_last_ids(name):
    first, last, first_ref, last_ref = LISTED[name]
    science = science_ids(SUBARRAYS[name])
    assert (science[0, 0], science[-1, -1]) == (first, last)
    assert (science.min(), science.max()) == (first, last)
    if first_ref is not None:
        refout = refout_ids(SUBARRAYS[name])
        assert (refout.min(), refout.max()) == (first_ref, last_ref)


@pytest.mark.patient
@pytest.mark.parametrize("name", LISTED)
def test_a_subarray_has_each_id_once_and_the_one_of_its_place(name):
    window = SUBARRAYS[name]
    science, refout = science_ids(window), refout_ids(window)
    assert science.shape == (window.ny, window.nx)
    assert refout.shape == (window.ny, window.nx // 4)
    assert len(np.unique(science)) == science.size
    assert len(np.unique(refout)) == refout.size
    assert science.max() <= SCIENCE_PIXELS < refout.min()
    x, y = position(science)
    assert x[0].tolist() == list(range(window.x, window.x + window.nx))
    assert y[:, 0].tolist() == list(range(window.y, window.y + window.ny))


@pytest.mark.parametrize("name", [name for name in LISTED if name != "ILLUM"])
def test_reference_output_of_a_subarray_is_that_of_its_columns(name):
    window = SUBARRAYS[name]
    x, y = position(science_ids(window))
    assert np.array_equal(refout_for(x, y), np.repeat(refout_ids(window), 4, axis=1))


def test_the_full_frame_uses_every_number_once():
    every = np.concatenate(
        [science_ids(SUBARRAYS["FULL"]).ravel(), refout_ids(SUBARRAYS["FULL"]).ravel()],
    )
    assert np.array_equal(np.sort(every), np.arange(1, ALL_PIXELS + 1))


@given(columns, rows)
def test_id_and_place_are_inverse(x, y):
    number = pixel_id(x, y)
    assert type(number) is int
    assert position(number) == (x, y)
    assert raw_position(number) == (y, x)
    assert not is_refout(number)
    reference = refout_for(x, y)
    assert refout_position(reference) == ((x - 1) // 4, y)
    assert is_refout(reference)


@given(st.integers(SCIENCE_PIXELS + 1, ALL_PIXELS))
def test_reference_output_id_and_place_are_inverse(number):
    k, y = refout_position(number)
    assert refout_id(k, y) == number
    row, column = raw_position(number)
    assert 1025 <= row <= 1280
    assert (row - 1) * 1032 + column == number


@given(
    st.lists(st.tuples(columns, rows), max_size=20),
    st.sampled_from([np.int16, np.uint16, np.int32, np.uint64, np.int64]),
)
def test_arrays_give_what_scalars_give(places, dtype):
    x = np.array([place[0] for place in places], dtype=dtype)
    y = np.array([place[1] for place in places], dtype=dtype)
    numbers = pixel_id(x, y)
    assert numbers.dtype == np.int64
    assert numbers.tolist() == [pixel_id(*place) for place in places]
    back_x, back_y = position(numbers)
    assert (back_x.tolist(), back_y.tolist()) == (x.tolist(), y.tolist())


def test_coordinates_broadcast():
    assert pixel_id(np.arange(1, 4), np.arange(1, 3)[:, None]).tolist() == [[1, 2, 3], [1033, 1034, 1035]]


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (pixel_id, (0, 1)),
        (pixel_id, (1033, 1)),
        (pixel_id, (1, 0)),
        (pixel_id, (1, 1025)),
        (pixel_id, (np.array([5, 1033]), 1)),
        (pixel_id, (2**70, 1)),
        (pixel_id, (np.uint64(2**64 - 1), 1)),
        (position, (0,)),
        (position, (SCIENCE_PIXELS + 1,)),
        (refout_id, (-1, 1)),
        (refout_id, (258, 1)),
        (refout_position, (SCIENCE_PIXELS,)),
        (refout_position, (ALL_PIXELS + 1,)),
        (raw_position, (ALL_PIXELS + 1,)),
        (is_refout, (0,)),
        (is_reference_column, (1033,)),
    ],
)
def test_outside_is_an_error_that_names_the_range(function, arguments):
    with pytest.raises(PixelOutside, match=r"does not exist; it runs from \d+ to \d+"):
        function(*arguments)


@pytest.mark.parametrize("value", [1.0, True, "1", np.array([1.5]), [2**70, "x"]])
def test_only_integers_are_coordinates(value):
    with pytest.raises(TypeError, match="integer"):
        pixel_id(value, 1)


def test_reference_columns():
    assert [x for x in range(1, 1033) if is_reference_column(x)] == [1, 2, 3, 4, 1029, 1030, 1031, 1032]
    assert is_reference_column(np.array([4, 5])).tolist() == [True, False]


def test_reference_output_of_illum_follows_its_first_column():
    # 360 is the last of the columns 357..360 that share value 89 of the reference output.
    assert refout_position(int(refout_ids(SUBARRAYS["ILLUM"])[0, 0])) == (89, 1)
