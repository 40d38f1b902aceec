"""The contract of backends: all of ours keep it, and it is one that can be broken."""

from __future__ import annotations

import uuid

import pytest

from arraystore import open_store
from arraystore.testing.contract import CONTRACT, FAULTS, check_faults


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
def test_every_backend_keeps_the_contract(store, check):
    check(store._backend)


@pytest.mark.parametrize("sort", FAULTS)
def test_every_operation_goes_wrong_once(make_local, sort):
    assert check_faults(make_local, sort) > 20


@pytest.mark.patient
def test_every_operation_on_a_bucket_fails_once(s3_make):
    """The other faults are its requests' own: see test_cloud."""
    assert check_faults(s3_make, "fails") > 20


class Forgetful:
    """A backend with one fault of its own: the method named does what the test says."""

    def __init__(self, backend, name, method):
        self._backend, self._name, self._method = backend, name, method

    def __getattr__(self, name):
        found = getattr(self._backend, name)
        return (lambda *args: self._method(found, *args)) if name == self._name else found


BROKEN = [
    ("write", lambda write, files: write({path: data for path, data in files.items() if data})),
    ("remove", lambda remove, path: None),
    ("stat", lambda stat, path: None),
    ("create", lambda create, path, data: True),
    ("walk", lambda walk, prefix: iter(())),
    ("touch", lambda touch, digest: True),
    ("withdraw", lambda withdraw, digest, keep: withdraw(digest, lambda _: False)),
    ("objects", lambda objects: iter(())),
]


@pytest.mark.parametrize(("name", "method"), BROKEN, ids=lambda v: v if isinstance(v, str) else "")
def test_a_backend_that_breaks_the_contract_is_found(name, method):
    failed = []
    for check in CONTRACT:
        backend = Forgetful(open_store(f"memory://{uuid.uuid4().hex}")._backend, name, method)
        try:
            check(backend)
        except Exception as error:
            failed.append((check.__name__, error))
    assert failed


def test_publishing_in_the_open_is_found():
    """Records that are torn by a failing write are seen by the state that is compared."""

    class Torn:
        def __init__(self):
            self.inner = open_store(f"memory://{uuid.uuid4().hex}")._backend

        def __getattr__(self, name):
            return getattr(self.inner, name)

        def write(self, files):
            for path, data in files.items():
                self.inner.write({path: data[:-1]})

    with pytest.raises(Exception, match="damaged"):
        check_faults(Torn, "stalls")
