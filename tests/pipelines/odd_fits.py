"""Valid FITS files, each odd in its own way, by number: always the same file for the same number."""

from __future__ import annotations

import bz2
import gzip
import io
import random
import warnings

import numpy as np

BLOCK, CARD = 2880, 80
ODD_CARDS = (
    b"OBJECT  = 'O''Brien''s   '           / quotes in quotes",
    b"EMPTY   = ''",
    b"BLANKS  = '        '",
    b"UNDEF   =                      / no value",
    b"TIGHT   =1/no space at all",
    b"LOWER   =    1.5e-3",
    b"DOUBLE  =  1.5D+03 / the letter of Fortran",
    b"PLUS    =        +7",
    b"FAR     =" + b"42 / far to the right".rjust(70),
    b"LOGICAL = F",
    b"COMPLEX = (1.0, -2.5)",
    b"HUGEINT = 123456789012345678901234567890",
    b"NEGZERO = -0.0",
    b"SAME    = 1",
    b"SAME    = 2",
    b"SAME    = 'three'",
    b"COMMENT a comment with / a slash and 'a quote",
    b"COMMENT",
    b"HISTORY reduced by nobody in particular",
    b"        a blank keyword with text",
    b"",
    b"HIERARCH ESO DET CHIP1 ID = 'CCD-44 ' / a long name",
    b"HIERARCH a.b.c = 1",
    b"NOVALUE indicator is missing here",
    b"A_B-C   = 3",
    b"DATE-OBS= '2024-02-21T01:43:11.123'",
    b"DATE    = '31/12/99'",
    b"MIXED   = 'text' and more",
    b"LATIN   = 'caf\xe9'             / a byte beyond ASCII",
    b"NANVALUE= NaN",
    b"TABBED  = 'a\tb'",
)
LONG = (
    b"LONG    = 'a string that goes on &'",
    b"CONTINUE  'and on &'",
    b"CONTINUE  'to its end' / with a comment",
    b"CONTINUE  'after nothing'",
)
TYPES = {8: ">u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}


def odd_file(number: int) -> tuple[str, bytes]:
    """Return the name and the bytes of an odd file."""
    rng = random.Random(number)
    noise = np.random.default_rng(number)
    if number % 10 == 9:
        data = _tiled(rng, noise)
    else:
        parts = [_primary(rng, noise)]
        for _ in range(rng.choice((0, 0, 1, 1, 2, 3, 6)) if number % 50 else 60):
            parts.append(rng.choice(EXTENSIONS)(rng, noise))
        data = b"".join(parts)
        data += rng.choice((b"", b"", b"", b"x", b"\0" * BLOCK, b" " * 100, rng.randbytes(rng.randrange(1, 6000))))
    return _packed(number, data, rng)


def _packed(number: int, data: bytes, rng: random.Random) -> tuple[str, bytes]:
    how = number % 20
    if how == 3:
        return f"odd{number}.fits.gz", gzip.compress(data, rng.randrange(1, 10), mtime=rng.randrange(2**31))
    if how == 7:  # a member a piece, as pigz and concatenation make them
        cut = rng.randrange(1, len(data))
        return f"odd{number}.fits.gz", gzip.compress(data[:cut]) + gzip.compress(data[cut:])
    if how == 11:
        return f"odd{number}.fits.bz2", bz2.compress(data, rng.randrange(1, 10))
    if how == 13:
        return f"odd{number}.fz", data
    return f"odd{number}{rng.choice(('.fits', '.fits', '.fit', '.FTS'))}", data


def _header(cards: list[bytes], rng: random.Random) -> bytes:
    """Cards, some odd ones, END, blanks to the end of a block; at times END is the block's last card."""
    for _ in range(rng.choice((0, 1, 3, 8, 40))):
        cards = [*cards, *(LONG[: rng.randrange(1, 5)] if rng.random() < 0.1 else [rng.choice(ODD_CARDS)])]
    if rng.random() < 0.2:
        cards += [b"FILL    = 1"] * (-(len(cards) + 1) % 36)
    if rng.random() < 0.1:
        cards += [b""] * rng.randrange(1, 80)
    assert all(len(card) <= CARD for card in cards)
    text = b"".join(card.ljust(CARD) for card in [*cards, b"END"])
    return text.ljust(-(-len(text) // BLOCK) * BLOCK)


def _filled(data: bytes, rng: random.Random, fill: bytes = b"\0") -> bytes:
    """Data to the end of a block; now and then what fills it is not what the standard asks for."""
    short = -len(data) % BLOCK
    if rng.random() < 0.15:
        fill = rng.choice((b" ", b"\xff", b"\0"))
    return data + (rng.randbytes(short) if rng.random() < 0.1 else fill * short)


def _axes(shape: tuple[int, ...]) -> list[bytes]:
    return [b"NAXIS   = %d" % len(shape)] + [b"NAXIS%-3d= %20d" % (n + 1, size) for n, size in enumerate(shape)]


def _values(bitpix: int, count: int, noise: np.random.Generator) -> bytes:
    kind = noise.integers(6)
    dtype = np.dtype(TYPES[bitpix])
    if kind == 0:
        return bytes(count * dtype.itemsize)
    if kind == 1:
        return b"\xff" * (count * dtype.itemsize)  # NaN with all its bits, or -1
    if kind == 2:
        return noise.bytes(count * dtype.itemsize)  # any bits: payloads of NaN, denormals
    if kind == 3:
        return np.arange(count).astype(dtype).tobytes()
    return (noise.normal(100, 9, count)).astype(dtype).tobytes()


def _image(rng: random.Random, noise: np.random.Generator) -> tuple[list[bytes], bytes]:
    bitpix = rng.choice(list(TYPES))
    shape = tuple(rng.choice((1, 2, 3, 7, 20)) for _ in range(rng.choice((0, 1, 2, 2, 2, 3, 4, 5))))
    if shape and rng.random() < 0.1:
        shape = (0, *shape[1:])
    cards = [b"BITPIX  = %20d" % bitpix, *_axes(shape)]
    scale: list[bytes] = []
    if rng.random() < 0.3:
        scale = [
            b"BSCALE  = %s" % rng.choice((b"1", b"0.5", b"2.0")),
            b"BZERO   = %d" % rng.choice((0, 10, 32768, 2147483648)),
        ]
    if bitpix > 0 and rng.random() < 0.3:
        scale.append(b"BLANK   = %d" % rng.choice((-1, 0, 255)))
    count = int(np.prod(shape)) if shape else 0
    return cards + scale, _filled(_values(bitpix, count, noise), rng) if count else b""


def _primary(rng: random.Random, noise: np.random.Generator) -> bytes:
    if rng.random() < 0.08:
        return _groups(rng, noise)
    cards, data = _image(rng, noise)
    split = next(n for n, card in enumerate([*cards, b"X"]) if not card.startswith((b"BITPIX", b"NAXIS")))
    extend = [b"EXTEND  =                    T"] if rng.random() < 0.8 else []
    return _header([b"SIMPLE  =                    T", *cards[:split], *extend, *cards[split:]], rng) + data


def _groups(rng: random.Random, noise: np.random.Generator) -> bytes:
    gcount, pcount = rng.randrange(1, 5), rng.randrange(0, 4)
    cards = [
        b"SIMPLE  = T", b"BITPIX  = -32", b"NAXIS   = 3", b"NAXIS1  = 0", b"NAXIS2  = 3", b"NAXIS3  = 2",
        b"GROUPS  = T", b"PCOUNT  = %d" % pcount, b"GCOUNT  = %d" % gcount,
        *(b"PTYPE%-3d= 'P%d'" % (n + 1, n) for n in range(pcount)),
    ]  # fmt: skip
    return _header(cards, rng) + _filled(noise.bytes(4 * gcount * (pcount + 6)), rng)


def _extension(kind: bytes, cards: list[bytes], pcount: int, rng: random.Random, more: list[bytes]) -> bytes:
    name = [b"EXTNAME = 'E%d'" % rng.randrange(5)] if rng.random() < 0.6 else []
    version = [b"EXTVER  = %d" % rng.randrange(1, 4)] if rng.random() < 0.3 else []
    fixed = [b"XTENSION= '%s'" % kind.ljust(8), *cards, b"PCOUNT  = %d" % pcount, b"GCOUNT  = 1"]
    return _header([*fixed, *more, *name, *version], rng)


def _image_extension(rng: random.Random, noise: np.random.Generator) -> bytes:
    cards, data = _image(rng, noise)
    split = next(n for n, card in enumerate([*cards, b"X"]) if not card.startswith((b"BITPIX", b"NAXIS")))
    return _extension(b"IMAGE", cards[:split], 0, rng, cards[split:]) + data


def _table(rng: random.Random, noise: np.random.Generator) -> bytes:
    """A binary table with a heap behind it, and a gap before the heap."""
    rows, heap = rng.randrange(0, 6), rng.choice((0, 0, 40, 3000))
    gap = rng.choice((0, 8)) if heap else 0
    width = 8 + 8 + 3
    more = [b"TFIELDS = 3", b"TFORM1  = '1D'", b"TFORM2  = '1PB(%d)'" % heap, b"TFORM3  = '3A'", b"TTYPE1  = 'x'"]
    if gap:
        more.append(b"THEAP   = %d" % (rows * width + gap))
    cards = [b"BITPIX  = 8", *_axes((width, rows))]
    data = b"".join(noise.bytes(8) + int(heap).to_bytes(4, "big") + bytes(4) + b"abc" for _ in range(rows))
    whole = data + noise.bytes(gap + heap)
    return _extension(b"BINTABLE", cards, gap + heap, rng, more) + (_filled(whole, rng) if whole else b"")


def _asdf(rng: random.Random, noise: np.random.Generator) -> bytes:
    """A table of one row of bytes, as JWST keeps its ASDF in."""
    size = rng.randrange(1, 9000)
    text = b"#ASDF 1.0.0\n#ASDF_STANDARD 1.5.0\n%YAML 1.1\n--- !core/asdf-1.1.0\n" + noise.bytes(size)
    more = [b"TFIELDS = 1", b"TFORM1  = '%dB'" % len(text), b"TTYPE1  = 'ASDF_METADATA'"]
    return _extension(b"BINTABLE", [b"BITPIX  = 8", *_axes((len(text), 1))], 0, rng, more) + _filled(text, rng)


def _ascii_table(rng: random.Random, noise: np.random.Generator) -> bytes:
    rows = rng.randrange(1, 9)
    more = [b"TFIELDS = 1", b"TBCOL1  = 1", b"TFORM1  = 'I10'"]
    text = b"".join(b"%10d" % n for n in range(rows))
    return _extension(b"TABLE", [b"BITPIX  = 8", *_axes((10, rows))], 0, rng, more) + _filled(text, rng, b" ")


def _foreign(rng: random.Random, noise: np.random.Generator) -> bytes:
    """A conforming extension of a type nobody knows."""
    size = rng.randrange(1, 5000)
    return _extension(b"DUMP", [b"BITPIX  = 8", *_axes((size,))], 0, rng, []) + _filled(noise.bytes(size), rng)


EXTENSIONS = (_image_extension, _image_extension, _table, _asdf, _ascii_table, _foreign)


def _tiled(rng: random.Random, noise: np.random.Generator) -> bytes:
    """A tile-compressed image, of the kinds that fpack makes."""
    from astropy.io import fits

    kind = rng.choice(("RICE_1", "RICE_1", "GZIP_1", "GZIP_2", "GZIP_2", "PLIO_1", "HCOMPRESS_1"))
    floats = kind in ("RICE_1", "GZIP_2") and rng.random() < 0.3
    values = noise.normal(100, 9, (rng.randrange(4, 30), rng.randrange(4, 40)))
    image = values.astype("f4") if floats else values.astype("i2")
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # HCOMPRESS takes no tile of fewer than four rows, and astropy's choice may leave one.
        tiles = image.shape if kind == "HCOMPRESS_1" and image.shape[0] > 16 else None
        packed = fits.CompImageHDU(image, compression_type=kind, name=rng.choice(("SCI", "")), tile_shape=tiles)
        fits.HDUList([fits.PrimaryHDU(), packed, *([fits.ImageHDU(image)] * rng.randrange(2))]).writeto(buffer)
    return buffer.getvalue()
