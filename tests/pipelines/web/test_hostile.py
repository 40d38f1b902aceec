"""Requests of every kind that nobody means well: never a fault, never what was not asked for, never a change."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from pipelines import open_archive
from pipelines.web import application
from pipelines.web.app import VIEWS
from pipelines.web.conditions import FIELDS, OPERATORS
from tests.pipelines.web.conftest import NIGHT, digest

ALLOWED = {200, 303, 304, 400, 404, 410, 413, 414, 421}
"""What a request may be answered with where nothing is wrong with the archive."""

NASTY = [
    *(
        "..",
        "../../etc/passwd",
        "%2e%2e/%2e%2e/etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "/etc/passwd",
        "file:///etc/passwd",
    ),
    *(
        "$where",
        "{$gt: 0}",
        '{"$ne": null}',
        "a.$b",
        "header.EXPTIME",
        "cards",
        "__proto__",
        "%00",
        "\x00",
        "\ud7ff",
        "a\nb",
    ),
    *(
        "NaN",
        "Infinity",
        "-1",
        "1e999",
        "9" * 400,
        "0x10",
        "١٢٣",
        "½",
        "",
        " ",
        "null",
        "true",
        "(" * 50,
        "a{1,99999}b",
        "[[",
    ),
    *(
        "<script>",
        "'; DROP TABLE d1; --",
        "{{7*7}}",
        "{% raw %}",
        "../app.py",
        "page.css/../web.js",
        "\\..\\x",
        "?",
        "#",
        "🔭",
    ),
    *(
        NIGHT,
        f"raw/{NIGHT}/dark0.fits",
        f"raw/{NIGHT}/gone.fits",
        "sci",
        "residue",
        "dark",
        "Cam A1",
        "MIRIMAGE",
        "masters/",
    ),
]
WORDS = (
    *(
        "id",
        "array",
        "x0",
        "y0",
        "x1",
        "y1",
        "size",
        "mask",
        "hdu",
        "card",
        "column",
        "row",
        "do",
        "at.x",
        "at.y",
        "page",
    ),
    *(
        "kind",
        "night",
        "camera",
        "status",
        "x",
        "y",
        "image",
        "from",
        "to",
        "word",
        "is",
        "value",
        "at",
        "after",
        "format",
    ),
    *("target", "filter", "token", "$where", "nothing", ""),
)
HEADERS = ("accept", "cookie", "authorization", "if-none-match", "range", "x-forwarded-for", "x-original-url")

text = st.one_of(
    st.sampled_from(NASTY),
    st.text(max_size=20),
    st.integers(-(10**12), 10**12).map(str),
    st.sampled_from([*FIELDS, *OPERATORS, "EXPTIME", "json", "html", "0", "5", "40"]),
)
requests = st.tuples(
    st.sampled_from([*VIEWS, "static", "nothing"]),
    st.one_of(st.just(""), text),
    st.lists(st.tuples(st.sampled_from(WORDS), text), max_size=8),
    st.dictionaries(st.sampled_from(HEADERS), st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)),
)


@settings(max_examples=max(200, settings.get_profile(settings._current_profile).max_examples))
@given(requests)
@example(("search", "", [("word", "$where"), ("is", "equals"), ("value", "1")], {}))
@example(("frame", "../../home/catalog.db", [], {}))
@example(("click", f"raw/{NIGHT}/dark0.fits", [("at.x", "5"), ("at.y", "-99999"), ("x0", "319"), ("size", "16")], {}))
def test_no_request_is_a_fault_of_the_program(client, asked):
    view, name, words, headers = asked
    from urllib.parse import quote, urlencode

    path = f"/{view}" + (f"/{quote(name, safe='/.%', errors='replace')}" if name else "")
    query = urlencode(words, errors="replace")
    answer = client.get(f"http://localhost{path}?{query}", headers=headers)
    assert answer.status_code in ALLOWED, (path, query, answer.text)
    assert "root:" not in answer.text
    assert "Traceback" not in answer.text
    assert b"SQLite format" not in answer.content
    assert "no-referrer" in answer.headers["referrer-policy"]


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/static/../app.py",
            "/static/%2e%2e/app.py",
            "/static/..%2fapp.py",
            "/static/night.html",
            "/static/",
            "/static",
        ),
        *(
            "/frame/../../etc/passwd",
            "/picture/%2fetc%2fpasswd",
            "/frame/home/catalog.db",
            "/frame/catalog.db",
            "/.git/config",
        ),
        *(
            "/frame/20240221T000000Z-000000",
            "/master/raw/2024-02-20/dark0.fits",
            "/frame/masters/none",
            "/frame/fits:broken",
        ),
    ],
)
def test_nothing_is_served_but_documents_of_the_archive(client, path):
    assert client.get(f"http://localhost{path}").status_code == 404


@pytest.mark.parametrize("word", ["$where", "header.EXPTIME", "ingest.run", "a.b", "file.sha256", "é", "A" * 21])
def test_no_path_of_an_address_reaches_the_catalog(client, word):
    answer = client.get("/search", params={"word": word, "is": "equals", "value": "1"})
    assert answer.status_code == 400
    plain = client.get("/search", params={"word": "cards", "is": "exists", "value": "", "format": "json"})
    assert plain.json()["rows"] == []  # the keyword CARDS, and never the field
    for operator in ("$gt", "regex", "in"):
        assert client.get("/search", params={"word": "EXPTIME", "is": operator, "value": "1"}).status_code == 400


def test_a_pattern_is_taken_by_its_letters(client):
    answer = client.get("/search", params={"word": "name", "is": "contains", "value": "dark.*", "format": "json"})
    assert answer.json()["rows"] == []


def test_nothing_is_changed_by_looking(folder, client):
    """Every address, by ten tabs at once, as often as one looks in an hour."""
    before = digest(folder)
    paths = [
        *(
            "/",
            "/nights",
            f"/night/{NIGHT}",
            "/search?kind=dark",
            "/groups",
            "/masters",
            "/pixel?camera=Cam+A1&x=21&y=11",
        ),
        *(f"/frame/raw/{NIGHT}/dark0.fits", f"/picture/raw/{NIGHT}/dark1.fits?size=64", "/nothing"),
    ]
    with ThreadPoolExecutor(10) as tabs:
        statuses = list(tabs.map(lambda path: client.get(path).status_code, paths * 10))
    assert set(statuses) <= {200, 404, 503}
    assert statuses.count(200) > 60
    assert digest(folder) == before


def test_too_much_at_once_is_sent_away_and_told_when_to_come_back(archive):
    from pipelines.web.lanes import Lane

    app = application(archive)
    site = app._app.routes[0].endpoint.__self__
    site.quick = Lane("few", workers=1, waiting=1, seconds=0.3)
    go = threading.Event()
    with TestClient(app, base_url="http://localhost") as client, ThreadPoolExecutor(4) as tabs:
        site.quick._pool.submit(go.wait)
        some = list(tabs.map(lambda _: client.get("/masters"), range(4)))
        assert {answer.status_code for answer in some} == {503}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in some)
        said = {answer.text.partition("<main><p>")[2].partition("<")[0][:20] for answer in some}
        assert len(said) == 2  # no room; and too long
        go.set()
        site.quick.seconds = 20.0
        assert client.get("/masters").status_code == 200


def test_an_archive_that_is_swept_or_taken_away_is_said(folder, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(folder / "home", home)
    name = f"raw/{NIGHT}/hole.fits"
    with (
        open_archive(home, readonly=True) as archive,
        TestClient(application(archive), base_url="http://localhost") as client,
    ):
        digest_ = archive.headers.find_one({"_id": name})["arrays"]["sci"]["digest"]
        assert client.get(f"/frame/{name}").status_code == 200
        with open_archive(home) as writer:
            writer.delete(name, why="while it is served")
        assert client.get(f"/frame/{name}").status_code == 410
        with open_archive(home) as writer:
            writer.restore(name)
        assert client.get(f"/frame/{name}").status_code == 200
        for path in (home / "store").rglob(f"*{digest_}*"):
            shutil.rmtree(path)
        answer = client.get(f"/picture/{name}?size=33")
        assert answer.status_code == 410
        page = client.get(f"/frame/{name}?size=34")
        assert (page.status_code, "No picture:" in page.text) == (200, True)
        assert "not read" in client.get("/pixel?camera=Cam+B2&x=2&y=2").text
        shutil.rmtree(home / "store")
        assert client.get(f"/picture/raw/{NIGHT}/dark3.fits?size=33").status_code in (410, 503)
        (home / "catalog.db").rename(tmp_path / "away.db")
        for path in ("/nights", f"/frame/{name}", f"/night/{NIGHT}"):
            away = client.get(path)
            assert away.status_code == 503
            assert "taken away" in away.text
        (tmp_path / "away.db").rename(home / "catalog.db")
        assert client.get("/nights").status_code == 200
