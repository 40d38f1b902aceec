"""What each address shows, to people and as JSON; and that it is what the archive holds."""

import io
import json
from datetime import UTC, datetime
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image

from pipelines.table import FORMAT
from pipelines.web.chart import HEIGHT, WIDTH, Point, chart

NIGHT = "2024-02-20"
SCRIPT = "<script>alert('M31')</script>"
DARK = f"raw/{NIGHT}/dark0.fits"
LIGHT = f"raw/{NIGHT}/<b>light 1?&#.fits"


def with_words(path, **words):
    return path + ("&" if "?" in path else "?") + urlencode(words) if words else path


def said(client, path, **words):
    answer = client.get(with_words(path, **words, format="json"))
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found.pop("format") == FORMAT
    return found


def page(client, path, **words):
    answer = client.get(with_words(path, **words))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<script>alert" not in answer.text
    assert "<b>light" not in answer.text
    assert "<style" not in answer.text  # the policy lets only files of the package be style and script
    return answer.text


def links(html):
    from html.parser import HTMLParser

    found = []

    class Links(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.extend(value for name, value in attrs if name in ("href", "src", "action") and value)

    Links().feed(html)
    return found


def test_people_and_machines_ask_the_same_address(client):
    for path in ("/", "/nights", "/search", "/groups", "/masters"):
        html = client.get(path, headers={"accept": "text/html,application/json;q=0.9"})
        data = client.get(path, headers={"accept": "application/json"})
        assert html.headers["content-type"].startswith("text/html")
        assert data.json() == {**client.get(path, params={"format": "json"}).json(), **_times(data.json())}
        assert "accept" in html.headers["vary"]


def _times(found):
    return {name: found[name] for name in ("made",) if name in found}


def test_nights_are_counted(client, archive):
    (row,) = said(client, "/nights")["nights"]
    assert row["night"] == NIGHT
    assert row["files"] == archive.headers.count_documents({"date": NIGHT})
    assert (row["dark"], row["light"]) == (5, 7)
    assert "this is none of them" in page(client, "/nights", page=7)


def test_the_night_page_links_its_frames_and_masters(client, archive):
    html = page(client, f"/night/{NIGHT}")
    assert html.count('href="/frame/raw/') >= archive.headers.count_documents({"date": NIGHT})
    assert 'href="/master/masters/' in html
    found = said(client, f"/night/{NIGHT}")
    assert {row["name"] for row in found["frames"]} == set(archive.headers.distinct("_id"))
    assert found["quarantine"][0]["_id"].endswith("broken&.fits")


def test_every_link_of_every_page_leads_somewhere(client):
    seen, ahead = set(), ["/"]
    while ahead:
        path = ahead.pop()
        if path in seen or len(seen) > 80:
            continue
        seen.add(path)
        answer = client.get(path)
        assert answer.status_code in (200, 303), (path, answer.text)
        if answer.headers.get("content-type", "").startswith("text/html"):
            ahead += [
                one.partition("#")[0] if one.startswith("/") else path.partition("?")[0] + one.partition("#")[0]
                for one in links(answer.text)
                if one.startswith(("/", "?")) and not one.startswith("/click")
            ]
    assert any(path.startswith("/master/") for path in seen)
    assert any("x0=" in path for path in seen)


def test_a_frame_is_shown_with_its_header_and_where_each_fact_is_from(client, archive):
    html = page(client, "/frame", id=LIGHT)
    assert "EXPTIME@0" in html
    assert "SERIALNO" in html
    assert "&lt;script&gt;alert(&#39;M31&#39;)&lt;/script&gt;" in html
    found = said(client, "/frame", id=LIGHT)
    assert found["frame"]["header"] == archive.headers.find_one({"_id": LIGHT})["header"]
    assert [card.rstrip() for card in archive.cards(LIGHT)][: len(found["cards"])] == found["cards"]
    assert "cards" not in found["frame"]


def test_a_picture_is_that_of_the_pixels(client, archive):
    answer = client.get("/picture", params={"id": DARK, "x0": 15, "y0": 5, "x1": 31, "y1": 21, "size": 16})
    assert answer.headers["content-type"] == "image/png"
    points = np.asarray(Image.open(io.BytesIO(answer.content)))
    part = np.asarray(archive.cube(DARK))[5:21, 15:31]
    assert points.shape == (16, 16)
    assert np.unravel_index(points[::-1].argmax(), points.shape) == np.unravel_index(part.argmax(), part.shape)
    again = client.get(answer.url, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_click_follows_the_pixel_that_was_meant(client):
    # Column 20 and row 10 from 0: the top left of the picture is row 239.
    answer = client.get("/click", params={"id": DARK, "size": 320, "at.x": 20, "at.y": 229})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/pixel?camera=Cam+A1&x=21&y=11"
    found = said(client, answer.headers["location"])
    assert {row["value"] for row in found["rows"] if row["kind"] == "dark"} == {40_000.0}
    assert len(found["rows"]) == 10
    html = page(client, answer.headers["location"])
    assert html.count("<circle") == 10
    by_hand = page(client, "/frame", id=DARK, column=20, row=10)
    assert answer.headers["location"].replace("&", "&amp;") in by_hand
    nearer = client.get("/click", params={"id": DARK, "size": 320, "at.x": 20, "at.y": 229, "do": "closer"})
    assert nearer.headers["location"].endswith("x0=0&y0=0&x1=160&y1=120")
    assert page(client, nearer.headers["location"]).count("Farther") == 1


def test_the_pixel_says_what_it_left_out(client, monkeypatch):
    from pipelines.web import pixel

    monkeypatch.setattr(pixel, "AT_FIRST", 3)
    found = said(client, "/pixel", camera="Cam A1", x=21, y=11)
    assert (found["files"], found["of"]) == (10, 10)
    assert "latest 10 of 10 files" in page(client, "/pixel", camera="Cam A1", x=21, y=11)
    monkeypatch.setattr(pixel, "MOST", 3)
    refused = client.get("/pixel", params={"camera": "Cam A1", "x": 21, "y": 11, "from": NIGHT, "to": NIGHT})
    assert refused.status_code == 400
    assert "at most 3" in refused.text


def test_groups_and_masters_link_what_they_are_made_of(client, archive):
    (group,) = said(client, "/groups", kind="dark", night=NIGHT)["groups"]
    assert len(group["ids"]) == 5
    (row,) = said(client, "/masters")["masters"]
    html = page(client, f"/master/{row['master']}")
    assert html.count('<th scope="row"><a href="/frame/raw/') == 5
    assert row["reason"] in html
    found = said(client, f"/master/{row['master']}")["master"]
    assert found["pixels_digest"] == archive.masters.find_one({})["pixels_digest"]
    assert "Made of it" in page(client, "/frame", id=DARK)


@pytest.mark.parametrize(
    ("words", "query"),
    [
        ({"kind": "dark"}, {"kind": "dark"}),
        ({"word": "EXPTIME", "is": "at-least", "value": "60"}, {"header.EXPTIME": {"$gte": 60}}),
        ({"word": "serialno", "is": "equals", "value": "A1"}, {"header.SERIALNO": "A1"}),
        ({"word": "target", "is": "contains", "value": "<SCRIPT>"}, {"obs.object": SCRIPT}),
        ({"word": "BAYERPAT", "is": "exists", "value": ""}, {"header.BAYERPAT": {"$exists": True}}),
        ({"word": "BAYERPAT", "is": "missing", "value": ""}, {"header.BAYERPAT": {"$exists": False}}),
        ({"word": "SERIALNO", "is": "not", "value": "A1"}, {"header.SERIALNO": {"$ne": "A1"}}),
        ({"word": "name", "is": "begins", "value": "raw/2024-02-20/c"}, {"_id": f"raw/{NIGHT}/colour.fits"}),
        ({"night": NIGHT, "camera": "Cam B2"}, {"obs.camera": "Cam B2"}),
        ({"from": "2024-01-01", "to": "2024-01-31"}, {"_id": None}),
    ],
)
def test_a_search_finds_what_a_question_of_the_catalog_does(client, archive, words, query):
    found = said(client, "/search", **words)
    assert {row["id"] for row in found["rows"]} == {one["_id"] for one in archive.headers.find(query)}
    assert found["complete"]
    page(client, "/search", **words)


def test_a_search_goes_on_where_it_stopped(client, archive, monkeypatch):
    from pipelines.web import search

    monkeypatch.setattr(search, "ROWS", 3)
    rows, words = [], "?format=json"
    while words:
        found = client.get(f"/search{words}", headers={"accept": "application/json"}).json()
        rows += [row["id"] for row in found["rows"]]
        words = found["next"]
    assert rows == sorted(archive.headers.distinct("_id"))


def test_what_is_not_there_says_what_became_of_it(client):
    gone = client.get(f"/frame/raw/{NIGHT}/gone.fits")
    assert gone.status_code == 410
    assert "a bird" in gone.text
    assert client.get("/frame/raw/none.fits").status_code == 404
    assert client.get(f"/night/{NIGHT[:8]}99").status_code == 400
    wrong = client.get("/search", params={"wherre": "1", "format": "json"})
    assert wrong.status_code == 400
    assert "has no parameter 'wherre'" in json.loads(wrong.text)["error"]["reason"]


def test_a_chart_holds_every_point():
    times = [datetime(2024, 1, day, tzinfo=UTC) for day in (1, 5, 9)]
    drawn = chart([Point(when, value, "dark", "f") for when, value in zip(times, (3.0, 17.0, 5.0), strict=True)])
    assert all(0 <= mark.x <= WIDTH and 0 <= mark.y <= HEIGHT for mark in drawn.marks)
    assert drawn.marks[1].y < drawn.marks[2].y < drawn.marks[0].y
    assert [label for label, _ in drawn.values] == ["5", "10", "15"]
    assert chart([]) is None
    assert chart([Point(times[0], float("nan"), "dark", "f")]) is None
    assert len(chart([Point(times[0], 0.0, "odd", "f")]).marks) == 1
