"""What the package shows, what it imports, and that its errors say what to do."""

import pickle
import subprocess
import sys

import pytest

import pipelines.fits
from pipelines.fits import FitsError
from pipelines.fits.errors import CODES


def test_it_shows_these_names():
    assert pipelines.fits.__all__ == ["FitsError", "FitsFile", "Hdu", "Limits", "open_fits", "rebuild_file"]


def test_ordinary_headers_are_read_without_astropy(tmp_path):
    path = tmp_path / "a.fits"
    texts = ["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0", "HIERARCH A B = 'long'", "COMMENT text", "END"]
    path.write_bytes(b"".join(text.encode().ljust(80) for text in texts).ljust(2880))
    script = (
        "import sys; from pipelines.fits import open_fits\n"
        f"with open_fits({str(path)!r}) as file: assert file.hdus[0].header['A B'] == 'long'\n"
        "assert not {'astropy', 'catalog.embedded', 'zarr', 'pandas'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_error_says_what_where_and_what_next():
    error = FitsError("no-end", "the header has no END", "copy it again").at("/a.fits")
    assert str(error) == "/a.fits: the header has no END: copy it again"
    again = pickle.loads(pickle.dumps(error))
    assert (again.code, again.message, again.hint, again.path) == (
        "no-end",
        "the header has no END",
        "copy it again",
        "/a.fits",
    )


def test_codes_are_a_closed_list():
    with pytest.raises(ValueError, match="not a code"):
        FitsError("odd", "")
    assert all(CODES.values())
