"""Where a pixel of the detector lies in a picture: windows, binning, sections, mirrored amplifiers; what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.pixels.cameras.places import Axis, Misplaced, place_of

SECTION = (101, 201, 30, 20)


def document(shape, *, window=None, source="", binning=(1, 1), amplifiers=(), **header):
    obs = {"binning": list(binning), "images": [{"hdu": 0, "name": "sci", "amplifiers": list(amplifiers)}]}
    if window is not None:
        obs["window"] = dict(zip(("x", "y", "nx", "ny"), window, strict=True))
    return {
        "_id": "a", "obs": obs, "obs_from": {"window": source}, "arrays": {"sci": {"shape": list(shape)}},
        "header": header, "hdus": [{"header": {}}],
    }  # fmt: skip


def at(document, x, y):
    place = place_of(document)
    return int(place.columns.index(np.asarray([x]))[0]), int(place.rows.index(np.asarray([y]))[0])


@pytest.mark.parametrize(
    ("frame", "pixel", "found"),
    [
        (document((40, 60)), (60, 40), (59, 39)),
        (document((40, 60)), (61, 1), (-1, 0)),
        (document((20, 30), binning=(2, 2)), (60, 39), (29, 19)),
        (document((20, 30), binning=(2, 1)), (60, 20), (29, 19)),
        # MaxIm DL counts the corner in binned pixels, and from 0; its document counts it from 1.
        (document((10, 10), window=(11, 6, 10, 10), source="XORGSUBF@0", binning=(2, 2)), (21, 11), (0, 0)),
        (document((10, 10), window=(201, 301, 10, 10), source="XORGSUBF@0"), (210, 301), (9, 0)),
        (document((10, 10), window=(0, 0, 10, 10), source="STARTX@0"), (1, 10), (0, 9)),
        # Sections count pixels of the chip, whatever the binning.
        (document((20, 30), window=(101, 201, 60, 40), source="CCDSEC@0", binning=(2, 2)), (103, 201), (1, 0)),
        (document((20, 30), window=SECTION, source="CCDSEC@0", CCDSEC="[130:101,201:220]"), (130, 201), (0, 0)),
        (document((20, 30), window=SECTION, source="CCDSEC@0", CCDSEC="[101:130,220:201]"), (101, 201), (0, 19)),
        # The section is that of the picture: 4 columns of overscan stand before it.
        (
            document(
                (20, 34), window=(101, 1, 30, 20), source="DETSEC@0",
                amplifiers=[{"data": "[5:34,1:20]", "bias": "[1:4,1:20]"}],
            ),
            (101, 1),
            (4, 0),
        ),
        (document((20, 34), amplifiers=[{"data": "[5:34,1:20]", "bias": "[1:4,1:20]"}]), (30, 20), (33, 19)),
    ],
)  # fmt: skip
def test_a_pixel_is_found(frame, pixel, found):
    assert at(frame, *pixel) == found


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (document((10, 10), window=(21, 1, 10, 10), source="STARTX@0", binning=(2, 2)), "may count binned pixels"),
        (document((10, 10), window=(21, 1, 17, 10), source="CCDSEC@0"), "17 pixels in x, which .* fit neither"),
        ({**document((10, 10)), "arrays": {}}, "no picture of two axes"),
        (document((10, 10), amplifiers=[{"bias": "[1:99,1:2]"}]), "no part of a frame"),
    ],
)
def test_what_a_header_leaves_open_is_refused(frame, said):
    with pytest.raises(Misplaced, match=said):
        place_of(frame)


def test_several_images_are_named_and_counted_by_themselves():
    frame = document((10, 10), window=(501, 1, 10, 10), source="CCDSEC@0")
    frame["obs"]["images"] = [{"hdu": 1, "name": "a", "amplifiers": []}, {"hdu": 2, "name": "b", "amplifiers": []}]
    frame["arrays"] = {"a": {"shape": [10, 10]}, "b": {"shape": [10, 10]}}
    with pytest.raises(Misplaced, match="2 images; name one: a, b"):
        place_of(frame)
    with pytest.raises(Misplaced, match="no image 'c'"):
        place_of(frame, "c")
    place = place_of(frame, "b")
    assert (place.image, place.columns.first) == ("b", 1)
    assert "several images" in place.assumed


def test_a_picture_without_a_window_says_what_is_assumed():
    assert "no window in the header" in place_of(document((4, 4))).assumed
    assert place_of(document((4, 4), window=(1, 1, 4, 4), source="CCDSEC@0")).assumed == ""


@given(st.integers(1, 500), st.integers(1, 4), st.integers(1, 60), st.integers(0, 9), st.booleans())
def test_index_and_pixel_are_each_others_inverse(first, step, count, offset, mirrored):
    axis = Axis(first, step, count, offset, mirrored)
    every = np.arange(offset, offset + count)
    lowest = axis.pixels(every)
    for within in range(step):
        assert (axis.index(lowest + within) == every).all()
    assert (axis.index(np.asarray([first - 1, axis.last + 1])) == -1).all()
