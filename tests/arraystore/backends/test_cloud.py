"""Stores in a bucket: an S3 server in a process of its own, slow lines, cut lines, writers that race."""

from __future__ import annotations

import contextlib
import http.server
import json
import subprocess
import sys
import threading
import time
import traceback
import uuid
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from arraystore import (
    InvalidStoreURL,
    NotAStore,
    StoreFull,
    StoreReadOnly,
    StoreTooNew,
    StoreUnreachable,
    open_store,
)

pytest.importorskip("obstore")
KEYS = "access_key_id=AKIDEXAMPLE&secret_access_key=tell-nobody&region=us-east-1"


@pytest.fixture
def line(servers, s3):
    line = servers.Line(s3)
    yield line
    line.close()


@pytest.fixture
def far(line):
    """An empty store at the other end of `line`."""
    return open_store(f"s3://pixels/{uuid.uuid4().hex}?endpoint={line.url}&{KEYS}")


@pytest.fixture
def near(s3_url):
    return open_store(s3_url)


def noise(megabytes):
    """A picture that no codec makes smaller."""
    return np.random.default_rng(1).integers(0, 65536, (megabytes * 512, 1024)).astype("u2")


def keys(store):
    return sorted(entry.path for entry in store._backend.bucket.list())


@pytest.mark.patient
def test_one_pixel_costs_two_ranges(far, line):
    """Of 21 MB, the index and one chunk; the answers' heads are counted too."""
    rng = np.random.default_rng(0)
    ramp = (rng.normal(10_000, 900, (1, 1, 1024, 1032)) + rng.normal(0, 6, (2, 5, 1024, 1032))).astype("u2")
    ref = far.put(ramp, kind="ramp")
    assert ref.stored > 7e6
    line.requests = line.received = 0
    values = far.open(ref.to_dict())[:, :, 511, 299]
    assert np.array_equal(values, ramp[:, :, 511, 299])
    assert line.requests == 2
    assert line.received < 0.1e6
    line.requests = line.received = 0
    assert np.array_equal(far.open(ref)[1, 3], ramp[1, 3])
    assert line.received < ref.stored * 1.01
    assert line.requests < 80  # of 2,752 chunks: those side by side come together


def test_after_the_first_question_a_pixel_costs_one_range(far, line):
    """Nothing is listed, and the indexes are remembered: of an object that was put anew, they are read again."""
    rng = np.random.default_rng(4)
    ramps = [rng.normal(900, 9, (1, 3, 64, 128)).astype("u2") for _ in range(6)]
    refs = [far.put(ramp, kind="ramp").to_dict() for ramp in ramps]
    fresh = open_store(f"{far.url}?endpoint={line.url}&{KEYS}")
    for requests, (y, x) in ((12, (5, 6)), (6, (60, 120))):
        line.requests = 0
        values = fresh.read_many(refs, np.s_[..., y, x])
        assert line.requests == requests
        assert all(np.array_equal(value, ramp[..., y, x]) for value, ramp in zip(values, ramps, strict=True))
    kept = fresh._indexes._kept
    for key, index in list(kept.items()):
        table = index.table.copy()
        table[:, 0] += 3  # as of another version of a codec, whose chunks lay elsewhere
        kept[key] = replace(index, table=table)
    assert all(
        np.array_equal(value, ramp[..., 1, 2])
        for value, ramp in zip(fresh.read_many(refs, np.s_[..., 1, 2]), ramps, strict=True)
    )


def test_a_slow_line_is_used_by_many_requests_at_once(far, line):
    picture = noise(20)
    ref = far.put(picture, kind="frame")
    line.latency = 0.1
    line.requests = 0
    started = time.perf_counter()
    assert np.array_equal(far.open(ref)[...], picture)
    took = time.perf_counter() - started
    assert line.requests >= 20
    assert took < line.requests * line.latency / 3


@pytest.mark.parametrize("when", ["before", "after"])
def test_cut_lines_are_tried_again(far, line, when):
    """Every request of a put loses its connection once, unseen by the server or seen by it."""
    for k in range(2):
        picture = noise(1) + np.uint16(k)
        line.when, line.cut = when, k + 1
        ref = far.put(picture, kind="frame")
        assert line.cut == 0
        line.cut = k + 1
        assert np.array_equal(far.open(ref)[...], picture)
        assert far.verify(ref, "decode") == []
    assert len(list(far.objects())) == 2


def test_an_answer_cut_in_its_body_is_asked_for_again(far, line):
    """Objects, ranges of them, and lists: one of those goes on after the last key that came."""
    bucket = far._backend.bucket
    picture = noise(1)
    ref = far.put(picture, kind="frame")
    names = {f"records/{number:03d}-{'x' * 60}" for number in range(60)}
    for name in names:
        bucket.put(name, b"x")
    line.when = "within"
    for cuts in (1, 3):
        line.cut = cuts
        assert np.array_equal(far.open(ref)[...], picture)
        assert line.cut == 0
        line.cut = cuts
        assert [entry.path for entry in bucket.list("records")] == sorted(names)
        assert line.cut == 0


def test_a_line_that_stays_cut_is_unreachable(far, line):
    ref = far.put(noise(1), kind="frame")
    hasty = open_store(f"{far.url}?endpoint={line.url}&{KEYS}&max_retries=1")
    line.cut = 10**6
    for act in (
        lambda: hasty.open(ref)[0, 0],
        lambda: hasty.put(noise(1), kind="frame"),
        lambda: list(hasty.objects()),
    ):
        with pytest.raises(StoreUnreachable, match="network"):
            act()


@pytest.mark.patient
def test_a_large_shard_is_staged_and_leaves_nothing(near):
    picture = noise(20)
    ref = near.put(picture, kind="frame")
    assert near.verify(ref, "decode") == []
    assert keys(near) == ["arraystore.json", *(f"{ref.path}/{n}" for n in ("c.0.0", "manifest.json", "zarr.json"))]
    assert near.put(picture, kind="frame") == ref


def test_stale_staging_goes_and_young_staging_stays(near, monkeypatch):
    near._backend.bucket.put(".staging/dead/c.0.0", b"x" * 100)
    assert near.sweep(referenced=bool, grace=timedelta(0)).staging == (".staging/dead",)
    assert near.sweep(referenced=bool, grace=timedelta(0), dry_run=False).staging == ()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600)
    assert near.sweep(referenced=bool, grace=timedelta(minutes=30), dry_run=False).staging == (".staging/dead",)
    assert keys(near) == ["arraystore.json"]


def test_an_object_is_there_once_its_manifest_is(near):
    ref = near.put(noise(1), kind="frame")
    near._backend.bucket.delete(f"{ref.path}/manifest.json")
    assert not near.exists(ref)
    assert near.put(noise(1), kind="frame") == ref
    assert near.verify(ref, "decode") == []


def test_an_object_put_while_it_is_being_swept_stays(near):
    picture = noise(1)
    ref = near.put(picture, kind="frame")
    asked = []

    def referenced(digest):
        asked.append(digest)
        if len(asked) == 2:
            assert near.put(picture, kind="frame") == ref
        return False

    assert near.sweep(referenced=referenced, grace=timedelta(0), dry_run=False).objects == ()
    assert near.verify(ref, "decode") == []
    assert near.sweep(referenced=lambda d: False, grace=timedelta(0), dry_run=False).objects == (ref.digest,)
    assert keys(near) == ["arraystore.json"]


def test_a_put_waits_for_the_sweep_that_is_removing_the_object(near):
    """The mark says "going": the put must not rest on files that are about to go."""
    picture = noise(1)
    ref = near.put(picture, kind="frame")
    bucket, mark = near._backend.bucket, f".aside/{ref.digest}"
    bucket.put(mark, b"going x")

    def remove():
        time.sleep(0.3)
        bucket.delete(*(f"{ref.path}/{name}" for name in ("manifest.json", "zarr.json", "c.0.0")), mark)

    thread = threading.Thread(target=remove)
    thread.start()
    started = time.perf_counter()
    assert near.put(picture, kind="frame") == ref
    assert time.perf_counter() - started > 0.25
    thread.join()
    assert near.verify(ref, "decode") == []


def test_the_mark_of_a_killed_sweep_is_passed_over_in_time(near, monkeypatch):
    ref = near.put(noise(1), kind="frame")
    near._backend.bucket.put(f".aside/{ref.digest}", b"going x")
    monkeypatch.setattr("arraystore.backends.cloud._PATIENCE", 0.2)
    with pytest.raises(StoreUnreachable, match="minutes"):
        near.put(noise(1), kind="frame")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600)
    assert near.put(noise(1), kind="frame") == ref
    near._backend.bucket.put(f".aside/{ref.digest}", b"asked x")
    monkeypatch.setattr(time, "time", lambda: now + 7200)
    assert near.sweep(referenced=lambda d: False, grace=timedelta(0), dry_run=False).objects == (ref.digest,)
    assert keys(near) == ["arraystore.json"]


PUTTER = """
import json, sys, numpy as np
from arraystore import open_store
store = open_store(sys.argv[1])
arrays = [np.random.default_rng(n).integers(0, 900, (2, 4, 64, 128)).astype("u2") for n in range(4)]
print("ready", store.id, flush=True)
sys.stdin.readline()
print(json.dumps([store.put(a, kind="ramp").to_dict() for a in arrays]), flush=True)
"""


@pytest.mark.patient
def test_processes_that_put_the_same_arrays_agree(s3_url):
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", PUTTER, s3_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    assert len({worker.stdout.readline() for worker in workers}) == 1  # one identity
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    answers = [json.loads(worker.communicate()[0]) for worker in workers]
    assert all(answer == answers[0] for answer in answers)
    store = open_store(s3_url)
    assert len(list(store.objects())) == 4
    assert all(store.verify(ref, "decode") == [] for ref in answers[0])
    assert len(keys(store)) == 1 + 3 * 4


def test_another_writer_s_shard_is_never_taken_for_ours(near, monkeypatch):
    """A writer with another version of a codec puts its shard between our shard and our manifest."""
    from arraystore.backends.buckets import Bucket

    picture = noise(1)
    ref = near.put(picture, kind="frame")
    shard = f"{ref.path}/c.0.0"
    near._backend.bucket.delete(*(f"{ref.path}/{name}" for name in ("manifest.json", "zarr.json", "c.0.0")))
    create, others = Bucket.create, []

    def late(bucket, path, data):
        if path.endswith("manifest.json") and not others:
            others.append(path)
            bucket.put(shard, b"the shard of another writer")
        return create(bucket, path, data)

    monkeypatch.setattr(Bucket, "create", late)
    assert near.put(picture, kind="frame") == ref
    assert others
    assert near.verify(ref, "decode") == []


# -- addresses, keys and refusals ----------------------------------------------------


def test_no_key_is_ever_shown(s3, s3_url, caplog):
    store = open_store(s3_url)
    shown = [store.url, repr(store), repr(store._backend), repr(store._backend.bucket)]
    for url in (
        f"s3://AKIDEXAMPLE:tell-nobody@pixels/x?endpoint={s3}",
        f"s3://pixels/x?secret_access_key=tell-nobody&no_such_option=tell-nobody&endpoint={s3}",
        "s3://pixels/x?secret_access_key=tell-nobody&max_retries=tell-nobody",
        "s3://pixels/x?endpoint=http://me:tell-nobody@127.0.0.1:1",
        "s3://?secret_access_key=tell-nobody",
    ):
        with pytest.raises(InvalidStoreURL) as caught:
            open_store(url)
        shown.append("".join(traceback.format_exception(caught.value)).replace(repr(url), ""))
        shown.append(str(caught.value))
    with pytest.raises(StoreUnreachable) as unreachable:
        open_store(f"s3://pixels/x?endpoint=http://127.0.0.1:1&max_retries=0&{KEYS}")
    shown += [str(unreachable.value), str(unreachable.value.__cause__), caplog.text]
    assert not any("tell-nobody" in text for text in shown)
    assert store.url == s3_url.partition("?")[0]


def test_keys_and_endpoint_come_from_the_environment(s3, monkeypatch):
    for name, value in [
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", s3),
    ]:
        monkeypatch.setenv(name, value)
    store = open_store(f"s3://pixels/{uuid.uuid4().hex}")
    assert open_store(store.url, readonly=True, create=False).id == store.id


def test_what_is_no_store_is_left_alone(s3, near):
    nothing = f"s3://pixels/{uuid.uuid4().hex}?endpoint={s3}&{KEYS}"
    for options in ({"create": False}, {"readonly": True}):
        with pytest.raises(StoreUnreachable, match="Check the address"):
            open_store(nothing, **options)
    with pytest.raises(StoreUnreachable, match="no such bucket"):
        open_store(f"s3://no-such-bucket/x?endpoint={s3}&{KEYS}")
    bucket = near._backend.bucket
    bucket.put("inner/notes.txt", b"mine")
    with pytest.raises(NotAStore, match=r"notes\.txt"):
        open_store(f"{near.url}/inner?endpoint={s3}&{KEYS}")
    bucket.put("arraystore.json", b'{"format": 99, "store": "x"}')
    with pytest.raises(StoreTooNew, match="upgrade"):
        open_store(f"{near.url}?endpoint={s3}&{KEYS}")
    bucket.put("arraystore.json", b"{")
    with pytest.raises(NotAStore):
        open_store(f"{near.url}?endpoint={s3}&{KEYS}")


def test_a_read_only_store_refuses_every_write(near, s3_url):
    ref = near.put(noise(1), kind="frame")
    closed = open_store(s3_url, readonly=True)
    before = keys(near)
    for write in (
        lambda: closed.put(noise(1), kind="frame"),
        lambda: closed.put_records({"a": b"2"}),
        lambda: closed.delete_record("a"),
        lambda: closed.sweep(referenced=lambda d: False, grace=timedelta(0), dry_run=False),
    ):
        with pytest.raises(StoreReadOnly, match="readonly=False"):
            write()
    assert keys(near) == before
    assert closed.exists(ref)


@pytest.fixture
def refusing():
    """A server that answers reads as an empty bucket would and writes with a status of the test's choice."""

    class Handler(http.server.BaseHTTPRequestHandler):
        status, body = 403, b"<Error><Code>AccessDenied</Code></Error>"
        reads = 200

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_GET(self):
            listing = b"<ListBucketResult><Name>p</Name><IsTruncated>false</IsTruncated></ListBucketResult>"
            if self.reads != 200:
                self.answer(self.reads, self.body)
            elif "list-type" in self.path:
                self.answer(200, listing)
            else:
                self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

        def do_PUT(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.answer(self.status, self.body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Handler, f"s3://p/x?endpoint=http://127.0.0.1:{server.server_port}&max_retries=0&{KEYS}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (403, "AccessDenied", StoreReadOnly),
        (403, "SignatureDoesNotMatch", StoreUnreachable),
        (401, "Unauthorized", StoreUnreachable),
        (507, "InsufficientStorage", StoreFull),
        (400, "QuotaExceeded", StoreFull),
        (503, "SlowDown", StoreUnreachable),
        (500, "InternalError", StoreUnreachable),
    ],
)
def test_refusals_are_told_apart(refusing, status, code, error):
    handler, url = refusing
    handler.status, handler.body = status, f"<Error><Code>{code}</Code></Error>".encode()
    with pytest.raises(error) as caught:
        open_store(url)
    assert type(caught.value) is error


def test_a_bucket_that_may_only_be_read_takes_no_copy(refusing, files):
    _, url = refusing
    files.put(noise(1), kind="frame")
    with pytest.raises(StoreReadOnly, match="Ask for the right to write"):
        files.copy_to(url)


@pytest.mark.parametrize("code", ["ExpiredToken", "TokenRefreshRequired"])
def test_an_expired_token_is_named(refusing, code):
    handler, url = refusing
    handler.status, handler.body = 400, f"<Error><Code>{code}</Code><Message>It expired</Message></Error>".encode()
    with pytest.raises(StoreUnreachable, match=r"token has expired.*AWS_SESSION_TOKEN"):
        open_store(url)


def test_what_a_server_says_is_told_whole(refusing):
    handler, url = refusing
    text = "Please reduce your request rate, " + "and be patient " * 20
    handler.status, handler.body = 503, f"<Error><Code>SlowDown</Code><Message>{text}</Message></Error>".encode()
    with pytest.raises(StoreUnreachable, match=r"the server answered 503.*, SlowDown, Please reduce") as caught:
        open_store(url)
    assert text.strip() in str(caught.value)


def test_reads_that_are_refused_say_so(refusing):
    handler, url = refusing
    handler.reads = 403
    with pytest.raises(StoreUnreachable, match="Check the keys"):
        open_store(url, readonly=True)


def test_without_obstore_the_way_out_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "obstore"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(InvalidStoreURL, match=r"darkroom-archive\[s3\]"):
        open_store("s3://pixels/x")


def test_google_s_stores_go_the_same_way(refusing):
    """The XML interface of Google's stores: what differs is the header by which a put is conditional."""
    handler, url = refusing
    address = url.partition("endpoint=")[2].partition("&")[0]
    seen = {}
    put = handler.do_PUT
    handler.do_PUT = lambda self: (seen.update(self.headers), put(self))[1]
    with pytest.raises(StoreReadOnly):
        open_store(f"gs://p/x?base_url={address}&bearer_token=tell-nobody&max_retries=0")
    assert seen["x-goog-if-generation-match"] == "0"


# -- every request goes wrong once ---------------------------------------------------


@pytest.mark.patient
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("action", ["put", "put again", "sweep", "records"])
def test_every_request_is_cut_once(s3, line, monkeypatch, action, when):
    """Without any second try of the client's: an error or none, and the next try reaches the same keys."""
    picture = np.arange(3000, dtype="u2").reshape(50, 60)
    actions = {
        "put": lambda store: store.put(picture, kind="frame"),
        "put again": lambda store: store.put(picture, kind="frame"),
        "sweep": lambda store: store.sweep(referenced=lambda d: False, grace=timedelta(0), dry_run=False),
        "records": lambda store: store.put_records({"a/b": b"one", "c": b"two"}),
    }
    line.when, end = when, set()
    for k in range(60):
        prefix = f"s3://pixels/{uuid.uuid4().hex}"
        store = open_store(f"{prefix}?endpoint={s3}&{KEYS}")
        if action in ("put again", "sweep"):
            store.put(picture, kind="frame")
        hasty = open_store(f"{prefix}?endpoint={line.url}&{KEYS}&max_retries=0")
        line.skip, line.cut = k, 1
        with contextlib.suppress(StoreUnreachable):
            actions[action](hasty)
        done, line.cut, line.skip = line.cut == 1, 0, 0
        for found in store.objects():
            assert store.verify(store.describe(found.digest), "decode") == []
        actions[action](store)
        end.add((*(found.digest for found in store.objects()), *(record.key for record in store.records())))
        assert len(end) == 1
        with monkeypatch.context() as later:  # the garbage, if any, is found and goes in time
            now = time.time()
            later.setattr(time, "time", lambda now=now: now + 3600)
            store.sweep(referenced=lambda d: True, grace=timedelta(minutes=30), dry_run=False)
        assert len(keys(store)) == 1 + 3 * len(list(store.objects())) + len(list(store.records()))
        if done:
            break
    assert 2 <= k < 59
