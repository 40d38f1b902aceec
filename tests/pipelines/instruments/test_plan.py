"""Names and kinds of the arrays of a file: safe, unique, and the same every time."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.instruments import plan_arrays, profiles

GENERIC = profiles()["generic"]


def names(hdus):
    return [name for plan in plan_arrays(GENERIC, hdus) for name in plan.names]


def test_a_single_image_is_sci_wherever_it_is(hdu):
    assert names([hdu({}, (3, 3))]) == ["sci"]
    assert names([hdu(), hdu({}, (3, 3), index=1, name="FLUX")]) == ["sci"]
    assert names([hdu(), hdu({}, (), index=1, name="T", kind="bintable"), hdu({}, (3, 3), index=2)]) == ["sci"]


def test_extensions_go_by_their_names(hdu):
    hdus = [hdu(), hdu({}, (3, 3), index=1, name="SCI"), hdu({}, (3, 3), index=2, name="Err 2.$x")]
    assert names(hdus) == ["sci", "err_2_x"]


def test_equal_names_get_their_version(hdu):
    hdus = [
        hdu(),
        *(hdu({}, (3, 3), index=i, name="SCI", ver=i) for i in (1, 2)),
        hdu({}, (3, 3), index=3, name="DQ"),
    ]
    assert names(hdus) == ["sci_1", "sci_2", "dq"]


def test_equal_names_and_versions_get_their_place(hdu):
    hdus = [hdu(), *(hdu({}, (3, 3), index=i, name="SCI") for i in (1, 2, 3))]
    assert names(hdus) == ["sci_1", "sci_hdu2", "sci_hdu3"]


def test_the_primary_array_is_sci_before_an_extension_of_that_name(hdu):
    assert names([hdu({}, (3, 3)), hdu({}, (3, 3), index=1, name="SCI")]) == ["sci", "sci_1"]


def test_nameless_extensions_go_by_their_place(hdu):
    hdus = [hdu({}, (3, 3)), *(hdu({}, (3, 3), index=i) for i in (1, 2))]
    assert names(hdus) == ["sci", "hdu1", "hdu2"]


def test_the_name_of_the_residue_is_not_given_away(hdu):
    assert names([hdu({}, (3, 3)), hdu({}, (3, 3), index=1, name="RESIDUE")]) == ["sci", "residue_1"]


def test_what_has_no_pixels_has_no_array(hdu):
    hdus = [
        hdu({}, ()),
        hdu({}, (5, 6), index=1, name="EVENTS", kind="bintable"),
        hdu({}, (5, 6), index=2, name="GROUPS", kind="groups"),
    ]
    assert plan_arrays(GENERIC, hdus) == []


@pytest.mark.parametrize(
    ("shape", "kind"), [((7,), "array"), ((3, 3), "frame"), ((2, 3, 3), "array"), ((1, 2, 3, 3), "array")]
)
def test_kinds_by_dimension(hdu, shape, kind):
    assert plan_arrays(GENERIC, [hdu({}, shape)])[0].kinds == (kind,)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.text(max_size=80) | st.sampled_from(["A", "a_1", "A_HDU2", "SCI", "hdu1"]), st.integers(-1, 3)),
        max_size=8,
    ),
    st.booleans(),
)
def test_names_are_safe_and_unique_whatever_the_file_says(hdu, extensions, primary):
    hdus = [hdu({}, (3, 3) if primary else ())]
    hdus += [hdu({}, (3, 3), index=i, name=name, ver=ver) for i, (name, ver) in enumerate(extensions, 1)]
    plans = plan_arrays(GENERIC, hdus)
    assert [plan.hdu for plan in plans] == [entry.index for entry in hdus if entry.shape]
    given_names = names(hdus)
    assert len(set(given_names)) == len(given_names)
    assert all(re.fullmatch(r"[a-z0-9_]{1,90}", name) and name != "residue" for name in given_names)
