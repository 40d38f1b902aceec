"""The page of a night: what happened stands on it, nothing on it is obeyed, and it is whole or not there."""

from html.parser import HTMLParser

import pytest

from pipelines import UsageError
from pipelines.pages import Page, night_page, write_folder

NIGHT = "2024-02-20"
SCRIPT = "<script>alert('M31')</script>"


class Outline(HTMLParser):
    """What a reader without eyes is told, and whether every element that is opened is closed."""

    VOID = frozenset({"meta", "img", "br", "link"})

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.alts, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "img":
            self.alts.append(dict(attrs).get("alt"))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data)


@pytest.fixture(scope="module")
def page(night):
    return night_page(night, NIGHT)


@pytest.fixture(scope="module")
def outline(page):
    outline = Outline()
    outline.feed(page.html)
    return outline


def test_the_page_is_well_formed_and_has_landmarks(outline):
    assert outline.open == []
    assert {"header", "nav", "main", "footer", "h1"} <= set(outline.tags)
    assert outline.tags.count("script") == 1
    assert all(outline.alts)


def test_what_needs_attention_comes_before_all_tables(page):
    assert page.attention >= 1
    assert page.html.index('class="problems"') < page.html.index("<table")
    assert "1 file in quarantine" in page.html


def test_every_frame_has_a_status_and_a_limit(outline, night):
    text = " ".join(outline.text)
    for document in night.headers.find({"date": NIGHT}):
        assert document["_id"].rpartition("/")[2] in text
        reasons = [one["reason"] for one in document["qc"].get("checks", []) if one["verdict"] == "doubtful"]
        assert all(reason in text for reason in reasons)
        assert document["qc"].get("verdict", "not checked") in text


def test_a_picture_without_data_says_so(outline):
    assert any("no data" in str(alt) or "has no value" in str(alt) for alt in outline.alts)


def test_nothing_of_a_header_or_a_file_name_is_obeyed(page, outline):
    assert "<script>alert" not in page.html
    assert "<b>light" not in page.html
    assert SCRIPT in " ".join(outline.text)
    assert "default-src 'none'" in page.html
    assert "http://" not in page.html
    assert "https://" not in page.html


def test_a_night_with_nothing_has_a_page_that_says_so(night):
    page = night_page(night, "2019-01-01")
    assert "there is no file of 2019-01-01" in page.html
    with pytest.raises(UsageError):
        night_page(night, "yesterday")


def test_a_page_is_not_written_over_unasked(tmp_path):
    page = Page("t", "<p>new</p>")
    target = page.save(tmp_path / "a.html")
    with pytest.raises(UsageError, match="is there already"):
        Page("t", "other").save(target)
    Page("t", "other").save(target, overwrite=True)
    assert target.read_text() == "other"
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]
    with pytest.raises(UsageError, match="no folder"):
        page.save(tmp_path / "none" / "a.html")


def test_the_index_links_the_nights_that_have_a_page(night, tmp_path):
    written = write_folder(night, tmp_path / "pages", [NIGHT])
    assert [path.name for path in written] == [f"{NIGHT}.html", "index.html"]
    index = written[-1].read_text()
    assert f'<a href="{NIGHT}.html">' in index
    assert 'href="index.html"' in written[0].read_text()
    (tmp_path / "own").mkdir()
    (tmp_path / "own/index.html").write_text("<h1>my own page</h1>")
    with pytest.raises(UsageError, match="no page of Darkroom"):
        write_folder(night, tmp_path / "own", [NIGHT])
    assert "my own page" in (tmp_path / "own/index.html").read_text()


def test_nightly_keeps_the_pages_of_its_nights(tmp_path, monkeypatch):
    """Again and again with --watch: a frame that comes later is on the page after the next look."""
    import threading

    import numpy as np
    from astropy.io import fits

    from pipelines.cli import main

    def write(number):
        hdu = fits.PrimaryHDU(np.full((8, 9), number, np.uint16))
        hdu.header.update(
            {"IMAGETYP": "dark", "EXPTIME": 5.0, "SERIALNO": "A", "DATE-OBS": f"2024-02-20T03:0{number}:00"}
        )
        hdu.writeto(tmp_path / "raw" / f"frame{number}.fits")

    (tmp_path / "raw").mkdir()
    write(1)
    page = tmp_path / "pages" / "2024-02-20.html"
    later = threading.Timer(1.0, write, [2])
    later.start()
    monkeypatch.chdir(tmp_path)
    told = "--home home nightly raw --settle 0s --watch 1s --time-limit 4s --report pages"
    monkeypatch.setattr("sys.argv", ["darkroom", *told.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    later.join()
    assert ended.value.code == 0
    assert "frame1.fits" in page.read_text()
    assert "frame2.fits" in page.read_text()
    assert "2024-02-20" in (tmp_path / "pages" / "index.html").read_text()
