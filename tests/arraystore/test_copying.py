"""A store brought to a bucket, from there to another, and back to a folder: the same bytes, over lines that break."""

import uuid

import numpy as np
import pytest

from arraystore import ArrayDamaged, NotAStore, StoreUnreachable, open_store

KEYS = "access_key_id=AKIDEXAMPLE&secret_access_key=tell-nobody&region=us-east-1"


@pytest.fixture
def full(files):
    """A store in a folder with frames, ramps, a large shard, zeros and records."""
    rng = np.random.default_rng(3)
    files.put(rng.integers(0, 65536, (40, 30)).astype("u2"), kind="frame")
    files.put(rng.integers(0, 65536, (5 * 512, 1024)).astype("u2"), kind="frame")
    files.put(np.zeros((3, 4), "u2"), kind="frame")
    files.put(rng.normal(900, 9, (1, 2, 64, 128)).astype("u2"), kind="ramp")
    files.put_records({"documents/a/b": b"one", "documents/a~b/ß": b"two", "c": b""})
    return files


def bytes_of(store):
    backend = store._backend
    paths = [entry.path for part in ("objects", "records") for entry in backend.walk(part)]
    return {path: backend.read(path) for path in paths}


def there_and_back(store, url, folder):
    copy = store.copy_to(url)
    done = copy.once()
    assert done.damaged == ()
    assert copy.once().written == 0
    copy.finish()
    far = open_store(url, readonly=True)
    assert far.id == store.id
    back = far.copy_to(folder)
    back.once()
    back.finish()
    return far, open_store(folder, create=False), done


def test_to_a_bucket_and_back(full, s3, tmp_path):
    url = f"s3://pixels/{uuid.uuid4().hex}?endpoint={s3}&{KEYS}"
    far, back, done = there_and_back(full, url, tmp_path / "back")
    assert (done.objects, done.records, done.written) == (4, 3, 7)
    assert bytes_of(full) == bytes_of(far) == bytes_of(back)
    left = {entry.path.partition("/")[0] for entry in far._backend.bucket.list()}
    assert left == {"arraystore.json", "objects", "records"}
    assert "tell-nobody" not in (tmp_path / "back/arraystore.json").read_text() + repr(done) + far.url


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_line_that_breaks_is_gone_on_over(full, servers, s3, when):
    line = servers.Line(s3)
    try:
        url = f"s3://pixels/{uuid.uuid4().hex}?endpoint={line.url}&{KEYS}&max_retries=0"
        line.when = when
        for skip in range(2, 400, 13):
            line.skip, line.cut = skip, 1
            try:
                copy = full.copy_to(url)
                while copy.once().written:
                    pass
                copy.finish()
            except StoreUnreachable:
                continue
            break
        line.skip = line.cut = 0
        assert bytes_of(open_store(url)) == bytes_of(full)
    finally:
        line.close()


def test_an_unfinished_copy_in_a_bucket_is_no_store(full, s3):
    url = f"s3://pixels/{uuid.uuid4().hex}?endpoint={s3}&{KEYS}"
    copy = full.copy_to(url)
    with pytest.raises(StoreUnreachable, match="unfinished copy"):
        open_store(url)
    copy.once()
    with pytest.raises(StoreUnreachable, match="unfinished copy"):
        open_store(url)
    copy.finish()
    assert open_store(url).id == full.id
    with pytest.raises(NotAStore, match="another store"):
        open_store("memory://other").copy_to(url)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3://no-such-bucket/x?endpoint={s3}&" + KEYS, "no such bucket"),
        ("s3://pixels/x?endpoint=http://127.0.0.1:1&max_retries=0&" + KEYS, "network"),
        (
            "s3://pixels/x?endpoint={s3}&region=us-east-1&access_key_id=AKIDEXAMPLE&max_retries=0",
            "options it was given",
        ),
    ],
)
def test_a_bucket_that_cannot_be_used_is_said_and_no_key_is_shown(full, s3, url, says):
    with pytest.raises(Exception, match=says) as caught:
        full.copy_to(url.format(s3=s3))
    assert "tell-nobody" not in str(caught.value)


def test_a_store_that_is_there_is_added_to_and_nothing_in_it_is_replaced(full, tmp_path):
    copy = full.copy_to(tmp_path / "other")
    copy.once()
    copy.finish()
    other = open_store(tmp_path / "other")
    other.put(np.ones((3, 4), "u2"), kind="frame")
    full.put(np.full((3, 4), 2, "u2"), kind="frame")
    full.put_records({"new": b"1"})
    again = full.copy_to(tmp_path / "other")
    assert again.lacking().written == 2
    assert (again.once().written, again.once().removed) == (2, 0)
    assert len(list(other.objects())) == 6
    other.put_records({"c": b"mine"})
    full.put_records({"c": b"theirs"})
    with pytest.raises(ArrayDamaged, match="both were used since"):
        full.copy_to(tmp_path / "other").once()
    assert other.get_record("c") == b"mine"


def test_what_the_source_has_no_more_is_removed_from_an_unfinished_copy(full, tmp_path):
    copy = full.copy_to(tmp_path / "other")
    copy.once()
    digest = next(full.objects()).digest
    full.withdraw(digest)
    full.delete_record("c")
    full.put_records({"documents/a/b": b"another"})
    found = copy.once()
    assert (found.written, found.removed) == (1, 2)
    copy.finish()
    assert bytes_of(open_store(tmp_path / "other")) == bytes_of(full)
