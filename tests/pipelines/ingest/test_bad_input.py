"""Bad input, as an observatory meets it: a clear code for each file, and the others unharmed."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

BLOCK = 2880


def cards(*extra: bytes, end: bool = True, naxis: bytes = b"0") -> bytes:
    lines = [
        b"SIMPLE  =                    T",
        b"BITPIX  =                   16",
        b"NAXIS   = " + naxis.rjust(20),
    ]
    lines += [*extra, *([b"END"] if end else [])]
    text = b"".join(line.ljust(80) for line in lines)
    return text.ljust(-(-len(text) // BLOCK) * BLOCK)


def axes(*sizes: int) -> list[bytes]:
    return [b"NAXIS%d  = %20d" % (i + 1, size) for i, size in enumerate(sizes)]


REFUSED = {
    "not-fits": b"this is a note about the night, not a frame",
    "empty-file": b"",
    "truncated": cards(*axes(100, 100), naxis=b"2") + bytes(BLOCK),
    "no-end": cards(end=False) * 3,
    "header-too-large": cards(*(b"COMMENT %d" % i for i in range(100_000))),
    "bad-structure": cards(*axes(-5, 4), naxis=b"2") + bytes(BLOCK),
}


@pytest.mark.parametrize("code", REFUSED)
def test_a_bad_file_is_quarantined_and_its_neighbour_taken(archive, raw, write_frame, code):
    write_frame()
    (raw / "bad.fits").write_bytes(REFUSED[code])
    report = archive.ingest(raw)
    assert report.new == 1
    (refusal,) = report.refused
    assert refusal.code == code
    assert refusal.message
    assert refusal.hint
    entry = archive.quarantine.find_one()
    assert (entry["path"], entry["code"], entry["size"]) == ("bad.fits", code, len(REFUSED[code]))


def test_giant_axes_are_refused_before_anything_is_allocated(archive, raw):
    (raw / "giant.fits").write_bytes(cards(*axes(100_000, 100_000, 1000), naxis=b"3"))
    assert [r.code for r in archive.ingest(raw).refused] == ["truncated"]


def test_odd_cards_cost_their_value_and_nothing_else(archive, raw):
    path = raw / "odd.fits"
    odd = [
        b"NANVALUE=                  NAN",
        b"HUGEINT =  1208925819614629174706176",
        b"COMPLEX =           (1.0, -2.5)",
        b"BADVALUE= what is this",
        b"SAME    =                    1",
        b"SAME    =                    2",
        b"HIERARCH ESO DET.CHIP1 ID = 7 / with a dot and spaces",
        b"$where  = 'this.x'",
        b"LATIN   = 'caf\xe9'",
        b"UNDEF   =",
    ]
    data = np.arange(12, dtype=">i2").reshape(3, 4)
    path.write_bytes(cards(*axes(4, 3), *odd, naxis=b"2") + data.tobytes().ljust(BLOCK, b"\0"))
    report = archive.ingest(raw)
    assert report.refused == []
    document = archive.headers.find_one()
    header = document["header"]
    assert header["SAME"] == 1
    assert header["HUGEINT"] == "1208925819614629174706176"
    assert header["UNDEF"] is None
    assert header["ESO DET%2ECHIP1 ID"] == 7
    assert not any(key.startswith("$") or "." in key for key in header)
    assert {"header-bigint", "header-complex", "header-unparsable"} <= set(document["qc"]["flags"])
    np.testing.assert_array_equal(archive.cube(document)[...], data)
    out = raw.parent / "out.fits"
    archive.export(document["_id"], out, overwrite=True)
    assert out.read_bytes() == path.read_bytes()


@pytest.mark.patient
def test_a_document_over_16_megabytes_is_quarantined(archive, raw, write_frame):
    write_frame()
    table = [fits.PrimaryHDU()]
    long = "x" * 60
    for number in range(40):
        hdu = fits.ImageHDU(np.zeros((1, 1), np.uint8), name=f"E{number}")
        hdu.header.extend([(f"K{i:07d}", long) for i in range(8000)], end=True)
        table.append(hdu)
    with open(raw / "many.fits", "wb") as file:
        for hdu in table:
            file.write(hdu.header.tostring().encode())
            if hdu.data is not None:
                file.write(hdu.data.tobytes().ljust(BLOCK, b"\0"))
    report = archive.ingest(raw)
    assert (report.new, [r.code for r in report.refused]) == (1, ["document-too-large"])


def test_a_frame_without_date_keeps_its_night_from_the_path(archive, raw, write_frame):
    write_frame("Dragonfly101/2024-02-20/T1_1_flat.fits", DATE=None)
    archive.ingest(raw)
    document = archive.headers.find_one()
    assert (document["date"], document["timestamp"], document.get("flat_time")) == ("2024-02-20", None, None)
    assert any("date" in flag for flag in document["qc"]["flags"])


def test_a_file_that_cannot_be_read(archive, raw, write_frame):
    path = write_frame()
    closed = raw / "closed.fits"
    closed.write_bytes(path.read_bytes())
    closed.chmod(0)
    if os.access(closed, os.R_OK):
        pytest.skip("this user may read everything")
    assert [r.code for r in archive.ingest(raw).refused] == ["unreadable"]


def test_a_folder_named_like_a_file_and_a_pipe(archive, raw, write_frame):
    write_frame()
    (raw / "folder.fits").mkdir()
    os.mkfifo(raw / "pipe.fits")
    report = archive.ingest(raw)
    assert (report.new, [r.code for r in report.refused]) == (1, ["not-a-file"])


def test_every_simulated_fault(archive, tmp_path):
    from pipelines.demo.simulate import FAULTS, simulate_night

    night = simulate_night(tmp_path / "night", units=2, shape=(32, 40), lights=1, faults=tuple(FAULTS))
    report = archive.ingest(night.folder)
    codes = {Path(r.file).name: r.code for r in report.refused}
    expected = {"truncated": "truncated", "not-fits": "not-fits", "empty": "empty-file", "no-end": "no-end"}
    assert codes == {Path(night.faults[fault]).name: code for fault, code in expected.items()}
    for fault in set(FAULTS) - set(expected):
        assert archive.headers.find_one({"_id": night.faults[fault]}) is not None, fault
    assert archive.headers.count_documents({}) == len(night.frames) + len(set(FAULTS) - set(expected))
