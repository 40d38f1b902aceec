"""Make a golden archive: what a release writes, for every later release to read.

Run once by each release, from a checkout of it, and commit what it writes::

    python -m tests.golden.make tests/golden/0.1.0

writes ``archive.tar.xz`` (catalog and store) and ``expected.json`` (what must be found in it). Older
golden archives are never made again: they are what that release wrote.
"""

import bz2
import gzip
import hashlib
import platform
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
from astropy.io import fits
from bson import json_util

NIGHT = "2024-02-20"


def frame(path: Path, pixels: np.ndarray, *, blocks: int = 0, **cards: object) -> Path:
    """Write one frame as a telephoto camera does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = fits.Header()
    serial, _, kind = path.name.partition(".")[0].split("_")
    values = {"DATE": "2024-02-21T01:43:11", "EXPTIME": 9.0, "IMAGETYP": kind, "SERIALNO": serial, "FILTER": "G"}
    for key, value in {**values, "TEMPERAT": -10.0, **cards}.items():
        header[key] = value
    header["HIERARCH ESO DET.CHIP1 NAME"] = "one dot"
    header.add_comment("first comment")
    header.add_history("made for the golden archive")
    fits.PrimaryHDU(pixels, header).writeto(path, overwrite=True)
    if blocks:
        with path.open("ab") as file:
            file.write(b"\x01" * 2880 * blocks)
    return path


def night(raw: Path) -> None:
    """Write a night of odd and ordinary files."""
    rng = np.random.default_rng(20240220)
    noise = rng.normal(1000, 10, (8, 24, 32)).astype(np.uint16)
    for unit in (101, 102, 103):
        folder = raw / f"Dragonfly{unit}" / NIGHT
        for number in (1, 2):
            frame(folder / f"T{unit}_{number}_dark.fits", noise[number])
        frame(
            folder / f"T{unit}_3_flat.fits",
            noise[3] * 20,
            DATE="2024-02-21T12:40:00" if unit == 103 else "2024-02-21T00:40:00",
        )
        frame(folder / f"T{unit}_4_light.fits", noise[unit - 99], BIG=2**53)
    odd = raw / "Dragonfly101" / NIGHT
    frame(odd / "T101_5_light.fits", noise[6].astype(">f4"), blocks=1)
    whole = (odd / "T101_1_dark.fits").read_bytes()
    (odd / "T101_6_dark.fits.gz").write_bytes(gzip.compress(whole, mtime=0))
    (odd / "T101_7_dark.fits.bz2").write_bytes(bz2.compress(whole))
    (odd / "T101_8_light.fits").write_bytes(whole[:4000])  # cut short: quarantine
    ramp = rng.normal(10000, 100, (2, 5, 16, 20)).astype(np.int16)
    table = fits.BinTableHDU.from_columns(
        [fits.Column("x", "J", array=np.arange(7)), fits.Column("s", "5A", array=["a"] * 7)]
    )
    scaled = fits.ImageHDU(noise[0].astype(np.int16), name="SCALED")
    scaled.header["BSCALE"], scaled.header["BZERO"] = 0.5, 100.0
    extensions = [fits.PrimaryHDU(), fits.ImageHDU(ramp, name="SCI"), scaled, table]
    target = raw / "lab" / "bench" / "ramp_1_uncal.fits"
    target.parent.mkdir(parents=True)
    fits.HDUList(extensions).writeto(target, output_verify="silentfix")
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(noise[7].astype(np.int16))]).writeto(
        target.with_name("tile_1_x.fits")
    )


def make(out: Path) -> None:
    """Make the golden archive of this checkout."""
    from pipelines import open_archive
    from pipelines.calibration.masters.step import MasterOptions
    from pipelines.version import __version__

    top = Path(tempfile.gettempdir()) / "golden"
    shutil.rmtree(top, ignore_errors=True)
    raw, home = top / "raw", top / "archive"
    raw.mkdir(parents=True)
    night(raw)
    with (
        mock.patch.object(platform, "node", return_value="observatory"),
        mock.patch("getpass.getuser", return_value="astronomer"),
        open_archive(home) as archive,
    ):
        archive.ingest(raw, jobs=1, progress=False)
        frame(raw / f"Dragonfly102/{NIGHT}/T102_4_light.fits", np.full((24, 32), 7, np.uint16))
        archive.ingest(raw, jobs=1, progress=False)  # a revision
        archive.delete(f"Dragonfly103/{NIGHT}/T103_2_dark.fits", why="shutter stuck")
        archive.delete(f"Dragonfly103/{NIGHT}/T103_4_light.fits", why="by mistake")
        archive.restore(f"Dragonfly103/{NIGHT}/T103_4_light.fits")
        archive.upkeep.change(f"Dragonfly101/{NIGHT}/T101_3_flat.fits", {"qc.verdict": "bad"}, why="a moth")
        archive.calibration.make_masters(NIGHT, kinds=("dark",), options=MasterOptions(minimum=2), progress=False)
        expected = {
            "release": __version__,
            "sha256": {doc["_id"]: doc["file"]["sha256"] for doc in archive.headers.find().sort("_id", 1)},
            "headers": {doc["_id"]: doc["header"] for doc in archive.headers.find().sort("_id", 1)},
            "pixels": {
                f"{doc['_id']} {name}": hashlib.sha256(archive.store.open(ref)[...].tobytes()).hexdigest()
                for doc in archive.headers.find().sort("_id", 1)
                for name, ref in sorted(doc["arrays"].items())
            },
            "masters": {
                f"{doc['_id']} {name}": hashlib.sha256(archive.store.open(ref)[...].tobytes()).hexdigest()
                for doc in archive.masters.find().sort("_id", 1)
                for name, ref in sorted(doc["arrays"].items())
            },
            "trash": sorted(entry["_id"] for entry in archive.catalog.trash.find()),
            "history": sorted(entry["_id"] for entry in archive.history.find()),
            "quarantine": sorted(entry["code"] for entry in archive.quarantine.find()),
        }
    shutil.rmtree(home / "store" / ".staging", ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    with tarfile.open(out / "archive.tar.xz", "w:xz") as tar:
        tar.add(home, "archive", filter=_anonymous)
    (out / "expected.json").write_text(json_util.dumps(expected, indent=1, sort_keys=True) + "\n")


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    make(Path(sys.argv[1]))
