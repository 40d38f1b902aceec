"""Odd files on the command line: nothing breaks, nothing steers the screen, nothing wrong is shown."""

import numpy as np
import pytest
from astropy.io import fits

NIGHT = "2024-02-21"


@pytest.fixture
def odd(darkroom, tmp_path):
    """Ingest a header that tries to steer the screen, one of 100 kB, pictures without a value, groups of one frame."""
    folder = tmp_path / "raw" / NIGHT
    folder.mkdir(parents=True)

    def write(name, pixels, **cards):
        hdu = fits.PrimaryHDU(pixels)
        hdu.header.update({"IMAGETYP": "Light", "EXPTIME": 60.0, "DATE-OBS": f"{NIGHT}T05:00:00", "SERIALNO": "1"})
        hdu.header.update(cards)
        hdu.writeto(folder / f"{name}.fits")

    write("steering", np.ones((20, 30), np.int16), OBJECT="X" * 20)
    path = folder / "steering.fits"
    path.write_bytes(path.read_bytes().replace(b"X" * 20, b"\x1b[31mRED\x07\x1b]0;hi\x07 \n\r "))
    write("long", np.ones((5, 5), np.int16), LONGTEXT="word " * 20_000)
    write("nothing", np.full((20, 30), np.nan, np.float32), OBJECT="M 31")
    for kind in ("Dark", "Flat", "Bias"):
        write(kind.lower(), np.full((20, 30), 500, np.uint16), IMAGETYP=kind, FILTER="r")
    home = f"--home {tmp_path / 'home'}"
    assert darkroom(f"ingest {folder.parent} {home}").exit_code == 0
    return lambda line: darkroom(f"{line} {home}")


def test_odd_files_break_nothing_and_steer_no_screen(odd, tmp_path):
    lines = {
        f"header raw/{NIGHT}/steering.fits": "RED", f"header raw/{NIGHT}/long.fits": "LONGTEXT", "targets": "RED",
        "query {}": "6 documents", "query {} --collection headers --csv": "steering", "status": "documents   6",
        f"show raw/{NIGHT}/nothing.fits --out {tmp_path / 'a.png'}": "no data: no pixel has a finite value",
        f"show raw/{NIGHT}/steering.fits --out {tmp_path / 'b.png'}": "RED",
        f"show {NIGHT} --out {tmp_path / 'c.png'}": "6 files", f"frames {NIGHT}": "not checked",
        "groups dark": "too few: 1 of 3", "groups flat": "too few: 1 of 5", f"masters make {NIGHT}": "3 not made",
    }  # fmt: skip
    for line, said in lines.items():
        done = odd(line)
        assert done.exit_code in (0, 1)
        assert said in done.output
        assert not {"\x1b", "\x07"} & set(done.output + done.errors)
    for command in ("frames", "darks", "flats", "show", "needs"):
        done = odd(f"{command} 2030-01-01")
        assert done.exit_code == 1
        assert "there is no file of 2030-01-01; the nearest night with files is 2024-02-21" in done.errors + done.output
