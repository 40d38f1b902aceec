"""Makes mutants of FITS files by number, and takes them: run as a worker, ``python -m tests.hostile.mutants``."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import random
import resource
import shutil
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np

BLOCK, CARD = 2880, 80
STRUCTURE = [
    "SIMPLE",
    "XTENSION",
    "BITPIX",
    "NAXIS",
    "NAXIS1",
    "NAXIS2",
    "NAXIS3",
    "PCOUNT",
    "GCOUNT",
    "GROUPS",
    "EXTEND",
]
PIXELS = ["BSCALE", "BZERO", "BLANK", "ZIMAGE", "ZNAXIS1", "ZTILE1", "ZCMPTYPE", "ZBITPIX", "TFORM1", "TFORM2", "THEAP"]
OTHERS = ["END", "TFIELDS", "CONTINUE", "HIERARCH", "COMMENT", "EXTNAME", "CHECKSUM", "DATE", "IMAGETYP", "EXPTIME"]
KEYWORDS = [*STRUCTURE, *PIXELS, *OTHERS, "SERIALNO", "$where", "a.b", "__proto", "_id"]
VALUES = (
    b"0", b"-1", b"1", b"T", b"F", b"8", b"16", b"-32", b"-64", b"999", b"1E5", b"'x'", b"", b"9" * 30, b"2147483648",
    b"64", b"NaN", b"1.0E999", b"(1, 2)", b"'open", b"''''", b"\xff\xfe", b"1.5D3", b"-0", b"'2024-13-45T99:00:00'",
    b"'PE(9999999999)'", b"'1PB(0)'", b"'RICE_1'", b"'../../etc'", b"{'$gt': ''}",
)  # fmt: skip


def originals() -> list[bytes]:
    """Small files of every structure there is."""
    from astropy.io import fits

    rng = np.random.default_rng(1)
    image = rng.integers(-99, 99, (20, 30)).astype("i2")
    scaled = fits.Header({"BSCALE": 2.0, "BZERO": 10.0, "BLANK": -1, "OBJECT": "O'Brien", "LONGTEXT": "long " * 30})
    dark = fits.Header({"IMAGETYP": "dark", "SERIALNO": "T1", "EXPTIME": 9.0, "DATE": "2024-02-21T01:43:11"})
    table = fits.BinTableHDU.from_columns(
        [fits.Column("A", "J", array=np.arange(5)), fits.Column("B", "PE()", array=np.ones((5, 3), "f4"))]
    )
    text = fits.TableHDU.from_columns([fits.Column("A", "I6", array=np.arange(4)), fits.Column("B", "F8.3")])
    cube = rng.normal(size=(2, 3, 8, 9)).astype(">f4")
    groups = fits.Header({"SIMPLE": True, "BITPIX": -32, "NAXIS": 3, "NAXIS1": 0, "NAXIS2": 3, "NAXIS3": 2})
    groups.update({"GROUPS": True, "PCOUNT": 2, "GCOUNT": 4, "PTYPE1": "U", "PTYPE2": "V"})
    plain = _written(fits.PrimaryHDU(image, dark), fits.ImageHDU(image.astype("u4"), name="SCI", ver=2), table)
    return [
        plain,
        _written(fits.PrimaryHDU(image, scaled)),
        _written(fits.PrimaryHDU()),
        _written(fits.PrimaryHDU(header=dark), fits.ImageHDU(cube, name="SCI"), fits.ImageHDU(image.astype("u1"))),
        _written(fits.PrimaryHDU(), text, table),
        groups.tostring().encode() + np.arange(32, dtype=">f4").tobytes().ljust(BLOCK, b"\0"),
        _written(fits.PrimaryHDU(), fits.CompImageHDU(image, compression_type="GZIP_1")),
        _written(fits.PrimaryHDU(), fits.CompImageHDU(image, compression_type="RICE_1", name="SCI")),
        gzip.compress(plain, mtime=0),
        bz2.compress(plain),
        plain + b"something more",
    ]


def _written(*hdus: object) -> bytes:
    from astropy.io import fits

    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits.HDUList(list(hdus)).writeto(buffer, checksum=True)
    return buffer.getvalue()


def flip_bits(data: bytes, rng: random.Random) -> bytes:
    """Flip a few bits anywhere, or a burst of them in one place."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 60))):
        at = rng.randrange(len(changed))
        changed[at] ^= 1 << rng.randrange(8)
    return bytes(changed)


def flip_header_bits(data: bytes, rng: random.Random) -> bytes:
    """Flip bits in the first cards, where they matter most."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 4))):
        changed[rng.randrange(min(len(changed), 12 * CARD))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def cut_at_block(data: bytes, rng: random.Random) -> bytes:
    """Cut at a block, or a little beside it."""
    blocks = max(1, len(data) // BLOCK)
    return data[: max(0, rng.randrange(blocks + 1) * BLOCK + rng.choice((0, 0, -1, 1, 7)))]


def edit_cards(data: bytes, rng: random.Random) -> bytes:
    """Write over cards with others, valid and absurd."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(max(1, min(len(changed), 3 * BLOCK) // CARD)) * CARD
        card = rng.choice(KEYWORDS).ljust(8).encode() + rng.choice((b"= ", b"= ", b"  ", b"=")) + rng.choice(VALUES)
        changed[at : at + CARD] = card.ljust(CARD)[: len(changed) - at]
    return bytes(changed)


def swap_cards(data: bytes, rng: random.Random) -> bytes:
    """Exchange, repeat or take out a card."""
    cards = [data[n : n + CARD] for n in range(0, min(len(data), BLOCK), CARD)]
    rest = data[len(cards) * CARD :]
    one, two = rng.randrange(len(cards)), rng.randrange(len(cards))
    kind = rng.randrange(3)
    if kind == 0:
        cards[one], cards[two] = cards[two], cards[one]
    elif kind == 1:
        cards[one] = cards[two]
    else:
        cards.pop(one)
        cards.append(b" " * CARD)
    return b"".join(cards) + rest


def shuffle_blocks(data: bytes, rng: random.Random) -> bytes:
    """Exchange, repeat or leave out whole blocks: HDUs in other orders, data without headers."""
    blocks = [data[n : n + BLOCK] for n in range(0, len(data), BLOCK)]
    one, two = rng.randrange(len(blocks)), rng.randrange(len(blocks))
    kind = rng.randrange(4)
    if kind == 0:
        blocks[one], blocks[two] = blocks[two], blocks[one]
    elif kind == 1:
        blocks.insert(one, blocks[two])
    elif kind == 2:
        blocks.pop(one)
    else:
        rng.shuffle(blocks)
    return b"".join(blocks)


def insert_bytes(data: bytes, rng: random.Random) -> bytes:
    """Put junk in, over, or after."""
    at, junk = rng.randrange(len(data) + 1), rng.randbytes(rng.choice((1, 80, 500, 2880)))
    return data[:at] + junk + data[at + len(junk) * rng.randrange(2) :]


def join_files(data: bytes, rng: random.Random) -> bytes:
    """Two files one after the other: the second begins with SIMPLE where an extension is due."""
    return data + data[: rng.choice((len(data), BLOCK, 100))]


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flip_bits,
    flip_header_bits,
    cut_at_block,
    edit_cards,
    edit_cards,
    swap_cards,
    shuffle_blocks,
    insert_bytes,
    join_files,
)


def mutant(number: int, sources: list[bytes]) -> bytes:
    """The mutant of that number, always the same."""
    rng = random.Random(number)
    data = sources[number % len(sources)]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if data:
            data = rng.choice(MUTATIONS)(data, rng)
    return data


def peak() -> int:
    """The most bytes this process has held; not getrusage, which counts the process that started it."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) << 10


def tried(first: int, count: int, folder: Path) -> dict[str, object]:
    """Ingest mutants, export those that were taken, and hold them against what went in."""
    from pipelines import open_archive
    from pipelines.upkeep.check import check

    sources = originals()
    codes: Counter[str] = Counter()
    wrong: list[str] = []
    slowest, resident = 0.0, 0
    out = folder / "out.fits"
    for start in range(first, first + count, 50):
        raw = folder / f"raw{start}"
        raw.mkdir()
        numbers = range(start, min(start + 50, first + count))
        digests = {}
        for number in numbers:
            data = mutant(number, sources)
            suffix = (".fits", ".fits", ".fit", ".fits.gz", ".fz")[number % 5]
            name = f"{number}{suffix}"
            (raw / name).write_bytes(data)
            digests[name] = hashlib.sha256(data).hexdigest()
        print(f"at {start}", flush=True)
        signal.alarm(60)
        began = time.monotonic()
        with open_archive(catalog=str(folder / f"{start}.db"), store=f"memory://mutants{start}") as archive:
            archive.ingest(raw, jobs=1, progress=False)
            slowest = max(slowest, (time.monotonic() - began) / len(numbers))
            documents = {doc["path"]: doc for doc in archive.headers.find()}
            refusals = {entry["path"]: entry for entry in archive.quarantine.find()}
            for name, digest in digests.items():
                if (name in documents) == (name in refusals):
                    wrong.append(f"{name}: in both places or in neither")
                elif name in refusals:
                    codes[refusals[name]["code"]] += 1
                    if refusals[name]["code"] == "internal-error":
                        wrong.append(f"{name}: {refusals[name]['reason']}")
                elif archive.export(documents[name]["_id"], out, overwrite=True).exported != digest:
                    wrong.append(f"{name}: given back otherwise")
            if not (found := check(archive.session, grace=timedelta(0))).clean:
                wrong.append(f"{start}: {found!r}")
        signal.alarm(0)
        resident = max(resident, peak())
        shutil.rmtree(raw)
        (folder / f"{start}.db").unlink()
    refused = sum(codes.values())
    return {
        "taken": count - refused, "refused": refused, "codes": dict(codes), "wrong": wrong[:5], "slowest": slowest,
        "resident": resident,
    }  # fmt: skip


if __name__ == "__main__":
    # numpy, numcodecs and pcodec map a good deal that they never touch.
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    print(json.dumps(tried(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))))
