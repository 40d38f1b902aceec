"""Several detectors: the ramps of the same pixels in each, read side by side by the workers of a scheduler."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipelines.errors import UsageError
from pipelines.pixels.coordinates import PixelCoordinates
from pipelines.pixels.exposures import Observed
from pipelines.pixels.reading import Ramps, read_ramps
from pipelines.pixels.selection import PixelSelection, pixel
from pipelines.progress import Progress
from pipelines.schedulers.workers import SharedStore
from pipelines.session import Session
from pipelines.table import Row

__all__ = ["read_several"]

TOGETHER = 32  # exposures of a detector in one piece of work

_Piece = tuple[str, list[Observed], PixelCoordinates]
_Read = tuple[tuple[Ramps, ...], tuple[Row, ...]]


def read_several(
    session: Session, detectors: Iterable[str], *, progress: Progress | None = None, **which: Any
) -> dict[str, PixelSelection]:
    """Select the same pixels of several detectors, and read their ramps.

    Parameters
    ----------
    which
        As of `pipelines.pixels.selection.pixel`.

    Raises
    ------
    UsageError
        One of them is a camera, which has no ramps; or as of `pixel`.
    """
    if isinstance(detectors, str):
        raise UsageError(f"several detectors are a list; of one, archive.pixel({detectors!r}, ...) reads the ramps")
    chosen: dict[str, PixelSelection] = {}
    for name in dict.fromkeys(detectors):
        found = pixel(session, name, **which)
        if not isinstance(found, PixelSelection):
            raise UsageError(f"{name} is a camera, which has no ramps: archive.pixel({name!r}, ...) reads its frames")
        chosen[name] = found
    if session.workers is None:
        for done, selection in enumerate(chosen.values(), 1):
            selection.read()
            if progress is not None:
                progress(done, len(chosen))
        return chosen
    pieces: list[_Piece] = []
    for name, selection in chosen.items():
        observed = list(selection.observed)
        pieces += [
            (name, observed[first : first + TOGETHER], selection.places) for first in range(0, len(observed), TOGETHER)
        ]
    parts: dict[str, list[_Read]] = {name: [] for name in chosen}
    for one in session.workers.in_order(_read, pieces):
        parts[one.piece[0]].append(one.require(f"reading ramps of {one.piece[0]}"))
        if progress is not None:
            progress(one.number + 1, len(pieces))
    for name, selection in chosen.items():
        ramps = tuple(ramp for read, _ in parts[name] for ramp in read)
        selection.take_ramps(ramps, tuple(row for _, unread in parts[name] for row in unread))
    return chosen


def _read(shared: SharedStore, piece: _Piece) -> _Read:
    return read_ramps(shared.store, piece[1], piece[2])
