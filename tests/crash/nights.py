"""Small nights on disk, written without a FITS library, and what is true of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

NIGHT = "2024-02-20"
BLOCK = 2880


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of one file: its bytes' digest, and its pixels."""

    sha256: str
    pixels: np.ndarray


@dataclass(frozen=True, slots=True)
class Night:
    """A folder of frames.

    Attributes
    ----------
    folder : Path
        Where they are.
    truth : dict
        By document id.
    broken : tuple of str
        Paths, relative to the folder, of files that nobody can take.
    """

    folder: Path
    truth: dict[str, Truth]
    broken: tuple[str, ...]


def frame(number: int, *, seed: int | None = None, shape: tuple[int, int] = (24, 32), tail: bytes = b"") -> bytes:
    """The bytes of one dark, pixels by seed, with whatever follows them."""
    pixels = frame_pixels(number if seed is None else seed, shape)
    cards = [
        "SIMPLE  =                    T",
        "BITPIX  =                   16",
        "NAXIS   =                    2",
        f"NAXIS1  = {shape[1]:20d}",
        f"NAXIS2  = {shape[0]:20d}",
        "DATE    = '2024-02-21T01:43:11'",
        "EXPTIME =                  9.0",
        "IMAGETYP= 'dark    '",
        "SERIALNO= 'T1      '",
        "FILTER  = 'G       '",
        "TEMPERAT=                -10.0",
        f"COMMENT frame {number} of seed {seed}",
        "END",
    ]
    head = "".join(card.ljust(80) for card in cards).encode()
    data = pixels.astype(">i2").tobytes()
    return head.ljust(BLOCK) + data.ljust(-(-len(data) // BLOCK) * BLOCK, b"\0") + tail


def frame_pixels(seed: int, shape: tuple[int, int] = (24, 32)) -> np.ndarray:
    """Pixels by seed, int16 (y, x)."""
    return np.random.default_rng(seed).integers(-2000, 2000, shape).astype(np.int16)


def document_id(number: int) -> str:
    """The id of a frame's document."""
    return f"Dragonfly101/{NIGHT}/T1_{number}_dark.fits"


def write_frame(folder: Path, number: int, *, seed: int | None = None, shape: tuple[int, int] = (24, 32)) -> Truth:
    """Write one frame; every third has bytes after its end, which go into a residue."""
    data = frame(number, seed=seed, shape=shape, tail=b"after the end" * (number % 3 == 0))
    path = folder / document_id(number)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return Truth(hashlib.sha256(data).hexdigest(), frame_pixels(number if seed is None else seed, shape))


def write_night(
    folder: Path, numbers: Iterable[int], *, shape: tuple[int, int] = (24, 32), broken: int = 1, twins: bool = True
) -> Night:
    """Write a night: frames, two of them with equal pixels, and some files that are broken."""
    listed = list(numbers)
    truth = {}
    for number in listed:
        seed = listed[0] if twins and number == listed[-1] else number
        truth[document_id(number)] = write_frame(folder, number, seed=seed, shape=shape)
    names = []
    for number in range(broken):
        name = document_id(9000 + number)
        (folder / name).write_bytes(frame(number)[: BLOCK + 100])
        names.append(name)
    return Night(folder, truth, tuple(names))
