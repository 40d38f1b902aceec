"""What a notebook shows of an archive, and what each feature says whose library is not installed."""

import sys

import numpy as np
import pytest

from pipelines import UnknownDocument, open_archive

FRAME = "Dragonfly101/2024-02-20/T13080513_31_dark.fits"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    from astropy.io import fits

    place = tmp_path_factory.mktemp("notebook")
    path = place / "raw" / FRAME
    path.parent.mkdir(parents=True)
    pixels = np.random.default_rng(0).normal(1000, 10, (24, 32)).astype(np.uint16)
    header = fits.Header({"DATE": "2024-02-21T01:43:11", "EXPTIME": 9.0, "IMAGETYP": "dark", "SERIALNO": "T13080513"})
    fits.PrimaryHDU(pixels, header).writeto(path)
    with open_archive(place / "home") as opened:
        opened.ingest(place / "raw")
        yield opened


def test_archive_document_and_cube_show_themselves(archive):
    assert "<th>files</th><td>1</td>" in archive._repr_html_()
    for document in (archive.document(FRAME), archive.headers.find_one()):
        shown = document._repr_mimebundle_()
        assert "obs" in shown["text/plain"]
        assert "b'" not in shown["text/plain"]
    html = archive.cube(FRAME)._repr_html_()
    assert "&lt;Cube frame (y 24, x 32) uint16" in html
    assert "times smaller" in html
    assert 'alt="32 x 24 pixels; first row at the bottom; ZScale' in html
    assert "data:image/png;base64," in html


def test_a_cube_that_cannot_be_drawn_still_shows_itself(archive, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    html = archive.cube(FRAME)._repr_html_()
    assert "no picture: a picture needs Pillow: pip install" in html
    assert "Cube frame" in html


def test_what_is_wrong_ends_in_one_line(archive):
    with pytest.raises(UnknownDocument) as caught:
        archive.document(FRAME[:-1])
    assert caught.value._render_traceback_() == [f"UnknownDocument: {caught.value}"]


@pytest.mark.parametrize(
    ("module", "extra", "ask"),
    [
        ("pandas", "pandas", lambda archive: archive.dark_groups().to_pandas()),
        ("pandas", "pandas", lambda archive: archive.headers.find().to_pandas()),
        ("xarray", "xarray", lambda archive: archive.cube(FRAME).to_xarray()),
        ("dask.array", "dask", lambda archive: archive.cube(FRAME).to_dask()),
        ("PIL", "plot", lambda archive: archive.show(FRAME)),
        ("matplotlib", "plot", lambda archive: archive.calibration.plot_trends()),
        ("obstore", "s3", lambda archive: open_archive(archive.session.home, store="s3://nowhere/x").store),
    ],
)
def test_a_missing_extra_is_named(archive, monkeypatch, module, extra, ask):
    for name in [module, *(one for one in sys.modules if one.startswith(f"{module}."))]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(Exception, match=rf"pip install 'darkroom-archive\[{extra}\]'"):
        ask(archive)
