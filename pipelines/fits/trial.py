"""Decompression tried in a process of its own, where the decompressor cannot be trusted with damaged data.

The C code behind HCOMPRESS reads, and at times writes, outside its buffers when the
stream is damaged: it may end the process it runs in. One trial for each such image keeps
that from happening here.
"""

from __future__ import annotations

import subprocess
import sys

from pipelines.fits.errors import FitsError
from pipelines.fits.plan import Span
from pipelines.fits.source import ByteSource, DiskSource
from pipelines.processes import interpreter

__all__ = ["try_image"]

_SECONDS = 60
_BYTES_A_SECOND = 1 << 20
_BAND_BYTES = 1 << 25


def try_image(source: ByteSource, span: Span, pixel_bytes: int) -> None:
    """Decompress an image in another process, and return when that went well.

    Parameters
    ----------
    source, span
        Where the image is.
    pixel_bytes
        What it decompresses to; it is given a second for each megabyte, and a minute.

    Raises
    ------
    FitsError
        ``bad-compression`` when the process crashes, or takes too long.
    """
    disk = source.disk()
    arguments = (disk.descriptor, disk.size, span.header)
    try:
        child = subprocess.run(
            interpreter.command("pipelines.fits.trial", *arguments),
            pass_fds=[disk.descriptor],
            env=interpreter.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_SECONDS + pixel_bytes // _BYTES_A_SECOND,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _failed("does not end") from error
    if child.returncode < 0:
        raise _failed(f"was ended by signal {-child.returncode}")
    if child.returncode:
        lines = child.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise _failed(f"failed: {lines[-1]}", "report it, with the file")


def _main() -> None:
    """Decompress the image named by descriptor, size and offset in the arguments, and keep nothing.

    Damage that is noticed is no failure here: who asked will notice it, too.
    """
    from pipelines.fits.cards import first_values, read_cards
    from pipelines.fits.headers import read_header
    from pipelines.fits.limits import Limits
    from pipelines.fits.structure import examine
    from pipelines.fits.tiles import TiledImage

    descriptor, size, offset = map(int, sys.argv[1:4])
    source = DiskSource(descriptor, size)
    believed = Limits(expanded=1 << 62, ratio=1 << 62)  # the caller has checked
    try:
        block, end = read_header(source, offset, index=1, limits=believed)
        cards = read_cards(block[:end])
        header = first_values(cards)
        structure = examine(1, cards, header)
        start = offset + len(block)
        span = Span(offset, start, 0, structure.size or 0)
        image = TiledImage(source, span, structure, header, believed, tried=True)
        axis = max(0, len(image.shape) - 2)
        row = image.dtype.itemsize
        for number, length in enumerate(image.shape):
            row *= 1 if number == axis else length
        rows = max(1, _BAND_BYTES // row)
        for first in range(0, image.shape[axis], rows):
            image.read(first, min(image.shape[axis], first + rows))
    except FitsError:
        return


def _failed(what: str, hint: str = "the file is damaged; copy it again from where it came") -> FitsError:
    return FitsError(
        "bad-compression",
        f"the tile-compressed image cannot be decompressed (a trial {what})",
        hint,
    )


if __name__ == "__main__":
    _main()
