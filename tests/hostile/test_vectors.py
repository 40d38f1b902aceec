"""Traversal and injection: whatever a name or a value looks like, it stays a name or a value, inside the roots."""

import shutil

import numpy as np
import pytest
from astropy.io import fits
from typer.testing import CliRunner

from arraystore import InvalidKey
from catalog import CatalogError, InvalidQuery
from pipelines import open_archive
from pipelines.cli import app
from pipelines.documents.lease import Lease, acquire
from pipelines.errors import UsageError
from pipelines.ingest.retry import forget
from pipelines.nightly.nights import wanted
from pipelines.nights.completeness import night

TRAVERSAL = (
    "../../../../etc/passwd",
    "..",
    "../",
    "/etc/passwd",
    "//etc/passwd",
    "./../secret",
    "a/../../secret",
    "....//....//secret",
    "..\\..\\secret",
    "C:\\windows\\system32",
    "\\\\server\\share",
    "file:///etc/passwd",
    "http://169.254.169.254/latest",
    "%2e%2e%2fsecret",
    "%252e%252e%252fsecret",
    "..%c0%af..%c0%afsecret",
    "~/.ssh/id_rsa",
    "$HOME/secret",
    "`touch secret`",
    "$(touch secret)",
    "; touch secret",
    "| cat /etc/passwd",
    "con.fits",
    "-rf",
    "--help",
)
INJECTION = (
    "$where",
    "$gt",
    '{"$gt": ""}',
    "{'$ne': null}",
    "$header.EXPTIME",
    "$$ROOT",
    "$$NOW",
    "__proto__",
    "constructor.prototype",
    "_id",
    "a.b",
    "a.$.b",
    "header.$[].x",
    "'; DROP TABLE headers; --",
    '" OR 1=1 --',
    "function() { return true }",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "<script>alert(1)</script>",
    "%s%s%s%n",
    "{0.__class__}",
    "(?:a+)+$",
    ".*",
    "null",
    "NaN",
    "=1+1",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An archive, a folder of files, and a secret beside them that nothing may touch or read."""
    top = tmp_path_factory.mktemp("hostile")
    (top / "raw").mkdir()
    frame(top / "secret" / "secret.fits", SECRET="yes")
    with open_archive(top / "home") as archive:
        yield top, archive


@pytest.fixture(autouse=True)
def nothing_outside(place):
    top, archive = place
    before = listing(top)
    roots = list(archive.catalog["roots"].find())
    collections = set(archive.catalog.collection_names())
    yield
    assert listing(top) == before
    shutil.rmtree(top / "raw")
    (top / "raw").mkdir()
    assert archive.headers.find_one({"header.SECRET": "yes"}) is None
    assert archive.catalog["roots"].count_documents({}) <= len(roots) + 1
    ours = {"headers", "runs", "quarantine", "roots", "leases", "pairing"}
    assert set(archive.catalog.collection_names()) - collections <= ours
    archive.session.headers.delete_many({})
    archive.quarantine.delete_many({})


def listing(top):
    return sorted(
        (str(path.relative_to(top)), path.lstat().st_size)
        for name in ("", "secret")
        for path in (top / name).iterdir()
        if path.name not in ("home", "raw")
    )


def frame(path, **cards):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = fits.Header()
    for keyword, value in cards.items():
        header[keyword] = value
    fits.PrimaryHDU(np.arange(6, dtype=np.int16).reshape(2, 3), header).writeto(path)
    return path


def only(archive):
    (document,) = archive.headers.find()
    return document


def safe(value):
    """Tell whether no key of a document can be taken for an operator or a path."""
    if isinstance(value, dict):
        return all(not key.startswith("$") and "." not in key and safe(inner) for key, inner in value.items())
    return all(map(safe, value)) if isinstance(value, list) else True


@pytest.mark.parametrize("text", TRAVERSAL + INJECTION)
def test_a_header_value_stays_a_value(place, text):
    top, archive = place
    cards = {
        "FILENAME": text,
        "OBJECT": text,
        "IMAGETYP": text,
        "SERIALNO": text,
        "INSTRUME": text,
        "EXTNAME": text,
        "DATE-OBS": text,
    }
    frame(top / "raw/x.fits", **cards)
    assert archive.ingest(top / "raw").new == 1
    document = only(archive)
    assert document["header"]["FILENAME"] == document["header"]["OBJECT"] == text
    assert document["path"] == "x.fits"
    assert safe(document)
    assert archive.headers.count_documents({"header.OBJECT": {"$eq": text}}) == 1
    list(archive.dark_groups())
    list(archive.flat_conflicts())
    np.testing.assert_array_equal(archive.cube(document)[...], np.arange(6).reshape(2, 3))


ODD = (
    "\u2025\u2025\u2215secret",
    "\uff0e\uff0e\uff0fsecret",
    "a\u202eb",
    "\u0301",
    "é",
    "a\nb",
    "a\x1b[31mb",
    "a\tb",
    " ",
)
NAMES = [text.replace("/", "_") for text in (*TRAVERSAL, *INJECTION, *ODD, "x" * 245)]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_name_stays_a_name(place, name):
    top, archive = place
    path = frame(top / "raw" / "q.fits").rename(top / "raw" / f"{name}.fits")
    archive.ingest(path if name.startswith("._") else top / "raw")  # in a folder such names are a Mac's, passed over
    document = only(archive)
    assert document["path"] == f"{name}.fits"
    assert archive.document(document["_id"])["_id"] == document["_id"]
    out = top / "home" / "out.fits"
    archive.export(document["_id"], out, overwrite=True)
    assert out.read_bytes() == path.read_bytes()
    out.unlink()


LINKS = ("/etc/passwd", "../secret/secret.fits", "../secret", "/dev/zero", "/proc/self/environ", "x.fits", "/")


@pytest.mark.parametrize("target", LINKS)
def test_a_link_leads_nowhere_outside(place, target):
    top, archive = place
    (top / "raw/x.fits").symlink_to(target)
    archive.ingest(top / "raw")
    assert archive.headers.count_documents({}) == 0
    entry = archive.quarantine.find_one()
    if not (top / "raw" / target).is_dir():  # a folder that is linked to is not looked into
        assert entry["code"] in ("outside-roots", "broken-symlink", "unreadable", "not-a-file")


KEYWORDS = ["$where", "a.b", "__proto__", "_id", "$set", "$", ".", "..", "%24where", "a.$.b", "constructor", "$[x].y"]


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_a_keyword_stays_a_keyword(place, keyword):
    top, archive = place
    cards = ("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0", f"HIERARCH {keyword} = 'value'", f"{keyword[:8]:8}= 5", "END")
    (top / "raw/x.fits").write_bytes("".join(card.ljust(80) for card in cards).ljust(2880).encode())
    archive.ingest(top / "raw")
    document = only(archive)
    assert safe(document["header"])
    assert document["_id"].endswith("raw/x.fits")
    out = top / "home" / "out.fits"
    archive.export(document["_id"], out, overwrite=True)
    assert out.read_bytes() == (top / "raw/x.fits").read_bytes()
    out.unlink()


KEYS = ["", ".", "..", "a/../b", "/a", "a//b", "a/", "../a", "a\0b", "\ud800", "x" * 1025, "a/."]


@pytest.mark.parametrize("key", [*KEYS, *TRAVERSAL, *INJECTION])
def test_a_record_stays_inside_the_store(place, key):
    top, archive = place
    try:
        archive.store.put_records({key: b"data"})
    except InvalidKey:
        return
    (record,) = [record for record in archive.store.records() if record.key == key]
    assert archive.store.get_record(key) == b"data"
    inside = top / "home/store/records"
    assert any(b"data" in path.read_bytes() for path in inside.rglob("*~"))
    archive.store.delete_record(record.key)


PIPELINES = [
    '{"$where": "sleep(1000)"}',
    '{"\\u0024where": "1"}',
    '{"$or": [{"a": 1}, {"$nor": [{"$where": "1"}]}]}',
    '{"a": {"$not": {"$elemMatch": {"$where": "1"}}}}',
    '{"$expr": {"$function": {"body": "1", "args": [], "lang": "js"}}}',
    '[{"$out": "headers"}]',
    '[{"$merge": {"into": "headers"}}]',
    '[{"$facet": {"a": [{"$out": "x"}]}}]',
    '[{"$facet": {"a": [{"$facet": {"b": [{"$merge": "x"}]}}]}}]',
    '[{"$lookup": {"from": "runs", "pipeline": [{"$match": {"$where": "1"}}], "as": "r"}}]',
    '[{"$unionWith": {"coll": "runs", "pipeline": [{"$out": "x"}]}}]',
    '[{"$group": {"_id": null, "x": {"$accumulator": {"init": "1"}}}}]',
    '[{"$project": {"x": {"$cond": [1, {"$function": {}}, 2]}}}]',
    '{"a": {"$in": [{"$where": "1"}]}}',
    "not json",
    "'; drop",
    "[" * 100_000,
    '{"a":' * 5_000 + "1" + "}" * 5_000,
    "5",
    '"headers"',
]


@pytest.mark.parametrize("question", PIPELINES, ids=range(len(PIPELINES)))
def test_a_question_that_runs_code_or_writes_is_refused(place, question):
    top, _ = place
    done = CliRunner().invoke(app, ["--home", str(top / "home"), "query", question])
    assert done.exit_code == 2, done.output


COLLECTIONS = ("system.users", "$cmd", "a$b", "..", "", "a..b", ".a", "a\0b", "x" * 300)


@pytest.mark.parametrize("name", COLLECTIONS)
def test_a_collection_of_another_name_is_refused_or_empty(place, name):
    top, _ = place
    done = CliRunner().invoke(app, ["--home", str(top / "home"), "query", "--collection", name])
    assert done.exit_code in (0, 2) or isinstance(done.exception, CatalogError), done.output
    assert "T1" not in done.output


@pytest.mark.parametrize("text", [*TRAVERSAL, *INJECTION])
def test_names_on_the_command_line_are_names(place, text):
    top, archive = place
    home = ["--home", str(top / "home")]
    for words in (["header", "--", text], ["export", "--", text, str(top / "out.fits")], ["night", "--", text]):
        done = CliRunner().invoke(app, [*home, *words])
        assert done.exit_code == 2 or isinstance(done.exception, UsageError), (words, done.output)
    frame(top / "raw/x.fits")
    with pytest.raises(UsageError, match="no instrument profile"):
        archive.ingest(top / "raw", profile=text)
    assert archive.ingest(top / "raw", campaign=text).new == 1
    assert archive.headers.count_documents({"campaign": {"$eq": text}}) == 1
    lease = acquire(archive.catalog["leases"], text, run=text)
    assert isinstance(lease, Lease)
    lease.release()
    with pytest.raises(UsageError):
        forget(archive.session, [text], force=True)


VALUES = ({"$gt": ""}, {"$ne": None}, ["2024-02-20"], {"$where": "1"}, 5, None, b"x")


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_that_is_no_text_is_no_filter(place, value):
    top, archive = place
    frame(top / "raw/x.fits")
    archive.ingest(top / "raw")
    (top / "raw/bad.fits").write_bytes(b"no")
    archive.ingest(top / "raw")
    with pytest.raises(UsageError):
        night(archive.session, value)
    if value is not None:
        with pytest.raises(UsageError):
            wanted("2024-02-20", value)
    with pytest.raises(UsageError):
        forget(archive.session, [value], force=True)
    with pytest.raises((UsageError, TypeError, InvalidQuery)):
        archive.delete([value])
    assert archive.headers.count_documents({}) == 1
    assert archive.quarantine.count_documents({}) == 1


def test_there_are_enough_of_them():
    texts = {*TRAVERSAL, *INJECTION, *NAMES, *KEYWORDS, *KEYS, *PIPELINES, *COLLECTIONS, *LINKS}
    assert len(texts) + len(VALUES) >= 120
