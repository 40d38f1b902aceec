"""Files made to break a reader: each is refused with its code, at once and in little memory."""

import bz2
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.fits import FitsError, Limits, open_fits
from pipelines.fits.errors import CODES


def cards(*texts):
    block = b"".join(text if isinstance(text, bytes) else text.encode("latin-1").ljust(80) for text in texts)
    return block + b" " * (-len(block) % 2880)


def header(*texts, naxis=0):
    return cards("SIMPLE  = T", "BITPIX  = 8", f"NAXIS   = {naxis}", *texts, "END")


def refusal(path, limits=None):
    with pytest.raises(FitsError) as caught:
        open_fits(path, limits=limits).close()
    error = caught.value
    assert error.code in CODES
    assert error.hint
    assert str(path) in str(error)
    return error.code


TWO_AXES = ("NAXIS1  = 100", "NAXIS2  = 100")
CONTENTS = {
    "nothing": (b"", "empty-file"),
    "text": (b"not a FITS file\n" * 400, "not-fits"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(5000), "not-fits"),
    "only the beginning": (b"SIMPLE", "not-fits"),
    "zip": (b"PK\x03\x04" + bytes(5000), "bad-compression"),
    "xz": (b"\xfd7zXZ\x00" + bytes(5000), "bad-compression"),
    "gzip of text": (gzip.compress(b"text" * 3000), "not-fits"),
    "gzip, damaged": (gzip.compress(os.urandom(0) + header())[:-4] + b"abcd", "bad-compression"),
    "gzip, cut": (gzip.compress(header())[:-6], "truncated"),
    "bzip2, damaged": (bz2.compress(header())[:-9] + b"damaged!!", "bad-compression"),
    "bzip2, cut": (bz2.compress(header())[:-9], "truncated"),
    "no END": (header().replace(b"END", b"ENE"), "no-end"),
    "no END before pixels": (header().replace(b"END", b"ENE") + bytes(4_000_000), "no-end"),
    "END not at a card": (header().replace(b"END", b" END")[:2880], "no-end"),
    "100,000 cards": (header(*[f"K{n:07d}= {n}" for n in range(100_000)]), "header-too-large"),
    "36,001 cards": (header(*[f"K{n:07d}= {n}" for n in range(35_997)]), "header-too-large"),
    "giant axes": (header("NAXIS1  = 10000", "NAXIS2  = 10000", "NAXIS3  = 100000", naxis=3), "truncated"),
    "axes beyond counting": (header(*[f"NAXIS{n}  = 999999999" for n in range(1, 10)], naxis=9), "bad-structure"),
    "80 digits": (header("NAXIS1  = " + "9" * 70, naxis=1), "bad-structure"),
    "negative axis": (header("NAXIS1  = -5", naxis=1), "bad-structure"),
    "negative count of axes": (header(naxis=-1), "bad-structure"),
    "an axis of text": (header("NAXIS1  = '5'", naxis=1), "bad-structure"),
    "an axis of truth": (header("NAXIS1  = T", naxis=1), "bad-structure"),
    "a real axis": (header("NAXIS1  = 5.0", naxis=1), "bad-structure"),
    "an axis undefined": (header("NAXIS1  =", naxis=1), "bad-structure"),
    "an axis missing": (header("NAXIS1  = 5", naxis=2), "bad-structure"),
    "999 axes": (header(*[f"NAXIS{n:<3}= 1" for n in range(1, 1000)], naxis=999), "bad-structure"),
    "bits unknown": (cards("SIMPLE  = T", "BITPIX  = 12", "NAXIS   = 1", "NAXIS1  = 5", "END"), "bad-structure"),
    "an axis twice": (header(*TWO_AXES, "NAXIS1  = 7", naxis=2) + bytes(11520), "bad-structure"),
    "negative PCOUNT": (header(*TWO_AXES, "PCOUNT  = -99", naxis=2) + bytes(11520), "bad-structure"),
    "no data": (header(*TWO_AXES, naxis=2), "truncated"),
    "one byte short": (header(*TWO_AXES, naxis=2) + bytes(9_999), "truncated"),
    "an extension without END": (header() + b"XTENSION= 'IMAGE   '".ljust(2880), "no-end"),
    "an extension cut": (
        header() + cards("XTENSION= 'IMAGE'", "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = 9999", "END") + b"few",
        "truncated",
    ),
}


@pytest.mark.parametrize("case", CONTENTS)
def test_content_that_cannot_be_read_is_refused(tmp_path, case):
    content, code = CONTENTS[case]
    path = tmp_path / "a.fits"
    path.write_bytes(content)
    assert refusal(path) == code


@pytest.mark.parametrize(
    ("start", "named"),
    [
        (b"#ASDF 1.0.0\n", "an ASDF file, as the pipeline of Roman"),
        (b"XISF0100", "an XISF file"),
        (b"\x89HDF\r\n", "an HDF5 file"),
        (b"II*\0", "a TIFF file"),
        (b"<!doctype html>", "a web page"),
    ],
)
def test_another_format_is_named_by_what_it_begins_with(tmp_path, start, named):
    path = tmp_path / "a.fits"
    for content in (start + bytes(5000), gzip.compress(start + bytes(5000))):
        path.write_bytes(content)
        with pytest.raises(FitsError, match=f"{named}.*not FITS: only FITS files") as caught:
            open_fits(path)
        assert caught.value.code == "not-fits"


def test_36_000_cards_are_read(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(header(*[f"K{n:07d}= {n}" for n in range(35_996)]))
    with open_fits(path) as file:
        assert len(file.hdus[0].cards) == 35_999


def test_a_file_cut_at_any_block_is_refused_or_ends_between_hdus(tmp_path):
    image = cards("XTENSION= 'IMAGE'", "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = 6000", "END")
    content = header(*[f"K{n:07d}= {n}" for n in range(50)]) + image + bytes(8640)
    path = tmp_path / "a.fits"
    outcomes = []
    for size in range(2880, len(content), 2880):
        path.write_bytes(content[:size])
        try:
            open_fits(path).close()
            outcomes.append("read")
        except FitsError as error:
            outcomes.append(error.code)
    assert outcomes == ["no-end", "read", "truncated", "truncated", "truncated"]


def test_many_headers_together_are_capped(tmp_path):
    extension = cards("XTENSION= 'IMAGE'", "BITPIX  = 8", "NAXIS   = 0", "END")
    path = tmp_path / "a.fits"
    path.write_bytes(header() + extension * 20)
    assert refusal(path, Limits(headers=2880 * 20)) == "header-too-large"
    with open_fits(path, limits=Limits(headers=2880 * 21)) as file:
        assert len(file.hdus) == 21


def test_pixels_over_the_cap_are_refused(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(header(*TWO_AXES, naxis=2) + bytes(11_520))
    assert refusal(path, Limits(pixels=9_999)) == "too-large"


def test_names_that_lead_to_no_file(tmp_path):
    link = tmp_path / "link.fits"
    link.symlink_to(tmp_path / "gone.fits")
    loop = tmp_path / "loop.fits"
    loop.symlink_to(loop)
    pipe = tmp_path / "pipe.fits"
    os.mkfifo(pipe)
    assert refusal(link) == "broken-symlink"
    assert refusal(loop) == "broken-symlink"
    assert refusal(tmp_path / "missing.fits") == "not-found"
    assert refusal(tmp_path) == "unreadable"
    assert refusal(pipe) == "unreadable"
    assert refusal(tmp_path / ("long" * 100)) == "unreadable"
    with pytest.raises(FitsError, match="no file can have this name"):
        open_fits("a\0b.fits")


def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(header())
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root reads everything: be nobody for a moment
    try:
        assert refusal(path) == "unreadable"
    finally:
        os.seteuid(user)


def test_keywords_are_text_and_nothing_more(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(
        header("$where  = 'sleep(1000)'", "HIERARCH a.b $c = 1", b"NON\xffASCI= 5".ljust(80), "__CLASS_= 1")
    )
    with open_fits(path) as file:
        values = file.hdus[0].header
    assert values["$WHERE"] == "sleep(1000)"
    assert values["a.b $c"] == 1
    assert values["NONÿASCI"] == 5
    assert values["__CLASS_"] == 1


PROBE = """
import json, sys, time
from pipelines.fits import FitsError, open_fits
started = time.perf_counter()
try:
    with open_fits(sys.argv[1]) as file:
        code = "read"
except FitsError as error:
    code = error.code
seconds = time.perf_counter() - started
# Not getrusage: what it says of a new process counts the one that started it.
peak = int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) / 1024
print(json.dumps([code, seconds, peak]))
"""


def zeros(count, chunk=1 << 24):
    while count > 0:
        yield bytes(min(count, chunk))
        count -= chunk


def write_gzip(path, start, count, opener=gzip.open):
    with opener(path, "wb", 6) as file:
        file.write(start)
        for piece in zeros(count):
            file.write(piece)


def bomb_tiles(path):
    table = cards(
        *("XTENSION= 'BINTABLE'", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 8", "NAXIS2  = 1", "PCOUNT  = 0"),
        *("GCOUNT  = 1", "TFIELDS = 1", "TTYPE1  = 'COMPRESSED_DATA'", "TFORM1  = '1PB(0)'", "ZIMAGE  = T"),
        *("ZCMPTYPE= 'RICE_1'", "ZBITPIX = 16", "ZNAXIS  = 2", "ZNAXIS1 = 300000", "ZNAXIS2 = 300000", "END"),
    )
    path.write_bytes(header() + table + bytes(2880))


def bomb_gzip(path):
    write_gzip(path, header("NAXIS1  = 1073741824", naxis=1), 1 << 30)


def bomb_gzip_tail(path):
    write_gzip(path, header(), 1 << 28)


def bomb_bzip2(path):
    with bz2.open(path, "wb") as file:
        file.write(header("NAXIS1  = 268435456", naxis=1))
        for piece in zeros(1 << 28):
            file.write(piece)


def bomb_comments(path):
    with path.open("wb") as file:
        file.write(header()[: 3 * 80])
        for _ in range(80):
            file.write(b"COMMENT all work and no play".ljust(80) * 12_500)


def bomb_nonsense(path):
    path.write_bytes(header(*["key = - 5 'x' (1,".ljust(80)] * 35_990))


def bomb_chain(path):
    texts = ["A       = 'x" + " " * 60 + "&'"] + ["CONTINUE  '" + " " * 66 + "&'"] * 35_990
    path.write_bytes(header(*texts))


BOMBS = {
    bomb_tiles: "too-large",
    bomb_gzip: "too-large",
    bomb_gzip_tail: "too-large",
    bomb_bzip2: "too-large",
    bomb_comments: "header-too-large",
    bomb_chain: "read",
}


@pytest.mark.patient
@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb.__name__)
def test_a_bomb_is_refused_at_once_and_in_little_memory(tmp_path, bomb):
    path = tmp_path / "bomb.fits"
    bomb(path)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(Path.cwd()), *sys.path]))}
    answers = []
    for _ in range(2):  # the better of two: the machine may be busy
        done = subprocess.run(
            [sys.executable, "-c", PROBE, str(path)], env=environment, capture_output=True, check=True, timeout=50
        )
        answers.append(json.loads(done.stdout))
    code, seconds, megabytes = min(answers, key=lambda answer: answer[1])
    assert code == BOMBS[bomb]
    assert seconds < 1
    assert megabytes < 200


def test_tens_of_thousands_of_odd_cards_take_seconds_not_hours(tmp_path):
    path = tmp_path / "a.fits"
    bomb_nonsense(path)
    with open_fits(path) as file:
        assert len(file.hdus[0].cards) == 35_993
