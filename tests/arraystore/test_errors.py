"""Errors: every way the system can fail has its error, and each says what to do."""

from __future__ import annotations

import errno
import inspect

import pytest

import arraystore
from arraystore import errors
from arraystore.errors import StoreError, translated

TREE = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, StoreError)]


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_system_error_becomes_ours(number):
    cause = OSError(number, "reason")
    with pytest.raises(StoreError) as caught, translated("read", "/some/place"):
        raise cause
    assert caught.value.__cause__ is cause
    assert "/some/place" in str(caught.value)
    assert str(caught.value).endswith(".")
    assert type(caught.value) is not StoreError


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, errors.StoreFull),
        (errno.EDQUOT, errors.StoreFull),
        (errno.EROFS, errors.StoreReadOnly),
        (errno.EACCES, errors.StoreReadOnly),
        (errno.ENOENT, errors.Lost),
        (errno.EIO, errors.StoreUnreachable),
        (errno.ESTALE, errors.StoreUnreachable),
        (errno.EMFILE, errors.StoreUnreachable),
    ],
)
def test_what_a_caller_would_do_differently_is_told_apart(number, expected):
    with pytest.raises(expected), translated("write", "x"):
        raise OSError(number, "reason")


def test_our_own_errors_pass_unchanged():
    error = errors.ArrayDamaged("x")
    with pytest.raises(errors.ArrayDamaged) as caught, translated("read", "x"):
        raise error
    assert caught.value is error


def test_the_tree_is_public_documented_and_drawn():
    for error in TREE:
        assert getattr(arraystore, error.__name__) is error
        assert error.__name__ in errors.__doc__
        assert error.__doc__
    assert {e.__name__ for e in TREE if issubclass(e, ValueError)} == {
        "InvalidArray", "InvalidRef", "InvalidKey", "InvalidStoreURL",
    }  # fmt: skip
