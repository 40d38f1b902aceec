"""What a FITS file is made of, part by part, so that it can be made again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.fits.limits import BLOCK
from pipelines.fits.source import ByteSource

__all__ = ["Part", "Span", "plan_parts"]

Part = dict[str, int]

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Span:
    """Where an HDU lies, in bytes.

    Attributes
    ----------
    header, data
        Where each begins.
    pixels
        How many bytes at the beginning of the data are pixels.
    size
        How many bytes of data there are, without padding.
    """

    header: int
    data: int
    pixels: int
    size: int


def plan_parts(source: ByteSource, spans: Sequence[Span]) -> tuple[list[Part], list[tuple[int, int]]]:
    """Return the parts of a file in order, and the ranges that are residue.

    Parameters
    ----------
    source
        The file.
    spans
        Its HDUs.

    Returns
    -------
    tuple
        The parts as :meth:`FitsFile.parts` describes them, and ``(offset, count)`` of each
        range of residue.
    """
    plan = _Plan(source)
    extent = source.extent()
    end = 0
    for index, span in enumerate(spans):
        plan.parts.append({"cards": index})
        if span.pixels:
            plan.parts.append({"pixels": index})
        plan.residue(span.data + span.pixels, span.size - span.pixels)
        stop = span.data + span.size
        end = span.data + -(-span.size // BLOCK) * BLOCK
        plan.filling(stop, min(end, extent) - stop)
    plan.filling(end, extent - end)
    return plan.parts, plan.ranges


class _Plan:
    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self.parts: list[Part] = []
        self.ranges: list[tuple[int, int]] = []

    def residue(self, offset: int, count: int) -> None:
        """Add bytes that have to be kept."""
        if count <= 0:
            return
        self._extend("residue", count)
        if self.ranges and sum(self.ranges[-1]) == offset:
            offset, before = self.ranges.pop()
            count += before
        self.ranges.append((offset, count))

    def filling(self, offset: int, count: int) -> None:
        """Add bytes that need only be counted when all are zero."""
        if count <= 0:
            return
        if self._all_zero(offset, count):
            self._extend("zeros", count)
        else:
            self.residue(offset, count)

    def _extend(self, kind: str, count: int) -> None:
        if self.parts and kind in self.parts[-1]:
            self.parts[-1] = {kind: self.parts[-1][kind] + count}
        else:
            self.parts.append({kind: count})

    def _all_zero(self, offset: int, count: int) -> bool:
        while count > 0:
            data = self._source.read(offset, min(count, _CHUNK))
            if not data or data.count(0) != len(data):
                return False
            offset += len(data)
            count -= len(data)
        return True
