"""Where the header of an HDU is: its exact blocks, and its END card."""

from __future__ import annotations

import re

from pipelines.fits.errors import FitsError
from pipelines.fits.limits import BLOCK, CARD, Limits
from pipelines.fits.source import ByteSource

__all__ = ["end_of", "read_header"]

# END, then anything a keyword could not go on with: junk after END is met in real files.
_END = re.compile(rb"END(?![A-Z0-9_-])")
_FIRST_READ = 2 * BLOCK
_MOST_READ = 100 * BLOCK


def read_header(source: ByteSource, offset: int, *, index: int, limits: Limits) -> tuple[bytes, int]:
    """Return the blocks of the header at `offset`, and the position of END in them.

    Returns
    -------
    tuple
        The exact bytes up to the end of the block that holds END (to the end of the file,
        if that comes first), and the offset of END in them, a multiple of 80.

    Raises
    ------
    FitsError
        ``no-end`` or ``header-too-large``.
    """
    data = source.read(offset, _FIRST_READ)
    asked, searched = _FIRST_READ, 0
    while (end := _find_end(data, searched)) < 0:
        if len(data) < asked:
            raise _no_end(index)
        if len(data) >= limits.header:
            raise _over_cap(index, data, limits)
        searched = len(data) // CARD * CARD
        more = min(len(data), _MOST_READ, limits.header - len(data))
        data += source.read(offset + len(data), more)
        asked += more
    length = -(-(end + CARD) // BLOCK) * BLOCK
    if length > len(data):
        data += source.read(offset + len(data), length - len(data))
    return data[:length], end


def _find_end(data: bytes, start: int) -> int:
    for found in _END.finditer(data, start):
        if found.start() % CARD == 0:
            return found.start()
    return -1


def _no_end(index: int) -> FitsError:
    return FitsError(
        "no-end",
        f"the header of HDU {index} has no END card before the file ends",
        "the file is cut short, or is not FITS; copy it again from where it came",
    )


def _over_cap(index: int, data: bytes, limits: Limits) -> FitsError:
    if not data.isascii() or b"\0" in data:
        return _no_end(index)
    return FitsError(
        "header-too-large",
        f"the header of HDU {index} has more than {limits.header // CARD:,} cards",
        "if they are meant, raise Limits(header=...)",
    )


def end_of(block: bytes) -> int:
    """Return the position of END in the blocks of a header.

    Raises
    ------
    ValueError
        There is no END.
    """
    end = _find_end(block, 0)
    if end < 0:
        raise ValueError("these header blocks have no END card")
    return end
