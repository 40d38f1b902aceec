"""Names of data-quality bits: those of the installed stdatamodels, and the older ones by version."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.detectors.dqflags import UnknownFlag, decode, dq_names, frozen_names, mask_of


def test_the_newest_names_are_those_of_stdatamodels():
    dqflags = pytest.importorskip("stdatamodels.jwst.datamodels.dqflags")
    from importlib.metadata import version

    theirs = {name: value for name, value in dqflags.pixel.items() if value}
    assert dq_names(version("jwst") if int(version("stdatamodels").split(".")[0]) >= 6 else None) == theirs
    assert all(dq_names(None)[name] == value for name, value in dqflags.group.items() if value)


@pytest.mark.parametrize(
    ("version", "bit", "name"),
    [
        ("0.15.1", 4, "RESERVED_1"),
        ("0.16.0", 4, "OUTLIER"),
        ("0.16.2", 5, "RESERVED_2"),
        ("0.17.1", 5, "PERSISTENCE"),
        ("0.17.1", 6, "RESERVED_3"),
        ("1.9.6", 7, "RESERVED_4"),
        ("1.10.0", 7, "UNDERSAMP"),
        ("1.10.0", 28, "UNRELIABLE_RESET"),
        ("1.10.1", 28, "FLUX_ESTIMATED"),
        ("1.11.4", 7, "UNDERSAMP"),
        ("1.12.5", 7, "CHARGELOSS"),
        ("1.19.2", 8, "UNRELIABLE_ERROR"),
        ("1.20.0", 8, "RESERVED"),
        ("1.15.2.dev18+g1a2b3c", 8, "UNRELIABLE_ERROR"),
        ("0.9", 31, "REFERENCE_PIXEL"),
        ("99.0.0", 8, "RESERVED"),
        ("", 8, "RESERVED"),
        (None, 28, "FLUX_ESTIMATED"),
    ],
)
def test_a_bit_has_the_name_of_its_version(version, bit, name):
    names = dq_names(version)
    assert frozen_names(version)[bit] == name
    assert names[name] == 1 << bit
    assert list(names.values()) == [1 << b for b in range(32)]


def test_frozen_names_win_over_any_version():
    frozen = frozen_names("1.11.4")
    assert dq_names(frozen)["UNDERSAMP"] == 128
    assert "CHARGELOSS" not in dq_names(frozen)


@given(st.integers(0, 2**32 - 1))
def test_decoding_and_masking_are_each_others_inverse(value):
    names = dq_names("3.0.0")
    assert mask_of(decode(value, names), names) == value


def test_an_unknown_flag_is_told_the_names():
    with pytest.raises(UnknownFlag, match=r"'JUMPS'; there are: DO_NOT_USE, SATURATED, JUMP_DET"):
        mask_of(["HOT", "JUMPS"], dq_names("3.0.0"))
    assert mask_of("jump_det", dq_names("3.0.0")) == 4
