"""The process in which a decompression is tried: `pipelines.fits.trial` starts it."""

from __future__ import annotations

import sys

from pipelines.fits.cards import first_values, read_cards
from pipelines.fits.errors import FitsError
from pipelines.fits.headers import read_header
from pipelines.fits.limits import Limits
from pipelines.fits.plan import Span
from pipelines.fits.source import DiskSource
from pipelines.fits.structure import examine
from pipelines.fits.tiles import TiledImage

_BAND_BYTES = 1 << 25


def _main() -> None:
    """Decompress the image named by descriptor, size and offset in the arguments, and keep nothing.

    Damage that is noticed is no failure here: who asked will notice it, too.
    """
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


if __name__ == "__main__":
    _main()
