"""Testing: what every backend must do, as checks anyone can run, and a backend that fails on purpose.

For a backend of your own, with pytest::

    from arraystore.testing.contract import CONTRACT, FAULTS, check_faults

    @pytest.mark.parametrize("check", CONTRACT)
    def test_contract(check):
        check(make_an_empty_backend())

    @pytest.mark.parametrize("fault", FAULTS)
    def test_faults(fault):
        check_faults(make_an_empty_backend, fault)
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arraystore.backends.protocol import Backend, Staging
from arraystore.errors import Lost, StoreError
from arraystore.ref import object_path
from arraystore.store import ArrayStore
from arraystore.testing.faults import FAULTS, Fault, FaultyBackend

__all__ = ["CONTRACT", "FAULTS", "Fault", "FaultyBackend", "check_faults"]

# -- the contract --------------------------------------------------------------------


def files_come_back_whole_and_are_replaced(backend: Backend) -> None:
    """`write`, `read`, `stat`, `walk`, `remove`."""
    files = {"records/a~": b"one", "records/a/b+/%2E%2Fc~": b"", "records/d/e~": bytes(range(256)) * 999}
    backend.write(files)
    backend.write({"records/a~": b"two"})
    files["records/a~"] = b"two"
    assert {path: backend.read(path) for path in files} == files
    assert {entry.path: entry.size for entry in backend.walk("records")} == {p: len(d) for p, d in files.items()}
    assert [entry.path for entry in backend.walk("records/d")] == ["records/d/e~"]
    assert [entry.path for entry in backend.walk("records/a~")] == ["records/a~"]
    assert list(backend.walk("records/none")) == []
    found = backend.stat("records/a~")
    assert found is not None
    assert (found.path, found.size) == ("records/a~", 3)
    assert abs(found.modified - time.time()) < 60
    backend.remove("records/a~")
    assert backend.stat("records/a~") is None
    _raises(Lost, lambda: backend.read("records/a~"))
    _raises(Lost, lambda: backend.remove("records/a~"))


def a_file_is_created_once(backend: Backend) -> None:
    """`create`: the first to come has the name, and may come again."""
    assert backend.create("records/c/1~", b"one")
    assert backend.create("records/c/1~", b"one")
    assert not backend.create("records/c/1~", b"other")
    assert backend.read("records/c/1~") == b"one"
    with ThreadPoolExecutor(4) as pool:
        claims = list(pool.map(lambda n: backend.create("records/c/2~", b"%d" % n), range(8)))
    assert claims.count(True) == 1
    assert backend.read("records/c/2~") == b"%d" % claims.index(True)
    backend.remove("records/c/1~")
    assert backend.create("records/c/1~", b"other")


def files_are_created_once_together(backend: Backend) -> None:
    """`create_many`: names that others have are told, and their files stay."""
    assert backend.create_many({}) == set()
    assert backend.create_many({"records/m/1~": b"one", "records/m/2~": b"two"}) == set()
    assert backend.create_many({"records/m/1~": b"one", "records/m/2~": b"x", "records/n~": b"new"}) == {"records/m/2~"}
    assert [backend.read(f"records/{name}~") for name in ("m/1", "m/2", "n")] == [b"one", b"two", b"new"]


def ranges_end_where_the_file_ends(backend: Backend) -> None:
    """`reader`."""
    data = bytes(range(256)) * 40
    backend.write({"records/r~": data})
    with backend.reader("records/r~") as file:
        for offset, length in [(0, 10), (5, 0), (10_000, 240), (10_000, 241), (10_239, 9), (10_240, 5), (99_999, 5)]:
            assert bytes(file.read(offset, length)) == data[offset : offset + length], (offset, length)

    def read_lost() -> None:
        with backend.reader("records/lost~") as file:
            file.read(0, 10)

    _raises(Lost, read_lost)


def objects_appear_whole_or_not_at_all(backend: Backend) -> None:
    """`stage`, `publish`, `discard`, `objects`."""
    digest = hashlib.sha256(b"x").hexdigest()
    abandoned, staging = backend.stage(), backend.stage()
    for stage in (abandoned, staging):
        _fill(stage, b"first")
        assert list(backend.objects()) == []
        assert list(backend.walk("objects")) == []
    abandoned.discard()
    abandoned.discard()
    assert staging.publish(digest)
    staging.discard()
    second = backend.stage()
    _fill(second, b"second")
    assert not second.publish(digest)
    second.discard()
    assert backend.read(f"{object_path(digest)}/c.0") == b"first" * 1000
    top = object_path(digest)
    assert {e.path for e in backend.walk(top)} == {f"{top}/{n}" for n in ("c.0", "inner/c.0", "manifest.json")}
    (found,) = backend.objects()
    assert (found.digest, found.nbytes) == (digest, 10_000 + len(b"first manifest"))
    assert abs(found.modified - time.time()) < 60


def objects_are_refreshed_and_withdrawn(backend: Backend) -> None:
    """`touch`, `withdraw`: kept when asked to, when the question fails, when touched meanwhile."""
    digest = hashlib.sha256(b"y").hexdigest()
    assert not backend.touch(digest)
    assert not backend.withdraw(digest, lambda _: False)
    staging = backend.stage()
    _fill(staging, b"y")
    assert staging.publish(digest)
    staging.discard()
    assert backend.touch(digest)
    assert not backend.withdraw(digest, lambda modified: abs(modified - time.time()) < 60)

    def fail(_: float) -> bool:
        raise ConnectionError("the database went away")

    _raises(ConnectionError, lambda: backend.withdraw(digest, fail))
    assert not backend.withdraw(digest, lambda _: not backend.touch(digest))
    assert [found.digest for found in backend.objects()] == [digest]
    assert backend.withdraw(digest, lambda _: False)
    backend.recover()
    assert list(backend.objects()) == []
    assert list(backend.walk(object_path(digest))) == []
    assert not backend.clear(".staging/none")


def writers_of_one_array_agree(backend: Backend) -> None:
    """Several puts of the same pixels at once, and a sweep that takes whatever it may."""
    store, array = ArrayStore(backend), _ramp(3)
    with ThreadPoolExecutor(4) as pool:
        refs = list(pool.map(lambda _: store.put(array, kind="ramp"), range(4)))
    assert len(set(refs)) == 1
    assert store.verify(refs[0], "decode") == []
    assert [found.digest for found in store.objects()] == [refs[0].digest]
    report = store.sweep(referenced=lambda _: False, grace=timedelta(0), dry_run=False)
    assert report.objects == (refs[0].digest,)
    _raises(Lost, lambda: store.open(refs[0])[0, 0])


CONTRACT = (
    files_come_back_whole_and_are_replaced,
    a_file_is_created_once,
    files_are_created_once_together,
    ranges_end_where_the_file_ends,
    objects_appear_whole_or_not_at_all,
    objects_are_refreshed_and_withdrawn,
    writers_of_one_array_agree,
)


def check_faults(make: Callable[[], Backend], sort: str) -> int:
    """Let every operation of a put, a second put, a read, a sweep and records go wrong once.

    No error but the store's own is raised, and none where the operation merely stalls;
    nothing half done can be seen; and the same action done again reaches the state that it
    reaches undisturbed.

    Parameters
    ----------
    make : callable
        Makes an empty backend, another at each call.
    sort : str
        One of `FAULTS`.

    Returns
    -------
    int
        How many operations went wrong.
    """
    array, struck = _ramp(1), 0
    actions: list[Callable[[ArrayStore], object]] = [
        lambda store: store.put(array + np.uint16(1), kind="ramp"),
        lambda store: store.put(array, kind="ramp"),
        lambda store: _read(store, array),
        lambda store: store.sweep(referenced=lambda _: False, grace=timedelta(0), dry_run=False),
        lambda store: store.put_records({"a/b": b"one", "c": b"two"}),
        lambda store: store.add_record("a/d", b"three"),
    ]
    for action in actions:
        undisturbed = make()
        _prepare(undisturbed, array)
        action(ArrayStore(undisturbed))
        expected, at = _state(ArrayStore(undisturbed)), 1
        while True:
            backend, fault = make(), Fault(sort, at)
            _prepare(backend, array)
            try:
                action(ArrayStore(FaultyBackend(backend, fault)))
            except StoreError:
                assert sort != "stalls", "what takes long is no error"
            if fault.count < at:
                break
            seen = _state(ArrayStore(backend))
            action(ArrayStore(backend))
            assert _state(ArrayStore(backend)) == expected, (sort, at, seen)
            struck, at = struck + 1, at + 1
    return struck


def _prepare(backend: Backend, array: NDArray[Any]) -> None:
    ArrayStore(backend).put(array, kind="ramp")


def _read(store: ArrayStore, array: NDArray[Any]) -> None:
    for found in store.objects():
        assert np.array_equal(np.asarray(store.open(store.describe(found.digest))), array)


def _state(store: ArrayStore) -> tuple[list[str], dict[str, bytes]]:
    """Everything that can be seen; each object of it must be sound."""
    digests = sorted(found.digest for found in store.objects())
    for digest in digests:
        assert store.verify(store.describe(digest), "decode") == []
    return digests, {record.key: store.get_record(record.key) for record in store.records()}


def _ramp(seed: int) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    array: NDArray[Any] = rng.integers(0, 900, (2, 3, 40, 50)).astype("u2")
    return array


def _fill(staging: Staging, text: bytes) -> None:
    for name, data in (("c.0", text * 1000), ("inner/c.0", text * 1000), ("manifest.json", text + b" manifest")):
        with staging.create(name) as file:
            file.write(data)


def _raises(error: type[BaseException], action: Callable[[], object]) -> None:
    try:
        action()
    except error:
        return
    raise AssertionError(f"no {error.__name__} was raised")
