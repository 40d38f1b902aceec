"""Reversible transforms that make several arrays of one HDU, band by band, and join them again exactly.

A split moves pixels and changes none. It works on row bands, so an exposure of any
size is split in bounded memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pipelines.detectors import irs2
from pipelines.instruments.errors import ProfileError

Array = npt.NDArray[Any]

BUDGET = 64 * 2**20
"""Bytes of reference output held at a time."""


class SplitSource(Protocol):
    """Pixels that are read in bands of rows: ``read(start, stop)`` is ``a[..., start:stop, :]``."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the whole."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values, in native byte order."""

    def read(self, start: int, stop: int) -> Array:
        """Read rows `start` to `stop`, counted along the last axis but one."""


class Split(Protocol):
    """A reversible transform of one array into several."""

    def split(self, source: SplitSource, header: Mapping[str, Any]) -> dict[str, SplitSource]:
        """Return the parts, by name. `header` is that of the source's HDU."""

    def join(self, arrays: Mapping[str, Array], header: Mapping[str, Any]) -> Array:
        """Return the array that `split` was given, bit for bit."""


class MiriGround:
    """A ground-test MIRI exposure, (nint * ngroup, 1.25 ny, nx), as SCI and REFOUT.

    The last fifth of each frame's rows holds the reference output: read row by row and cut
    in runs of ny values, run k is column k of REFOUT, (nint, ngroup, ny, nx / 4). The rows
    before it are SCI, (nint, ngroup, ny, nx).
    """

    def split(self, source: SplitSource, header: Mapping[str, Any]) -> dict[str, SplitSource]:
        """SCI and REFOUT of a ground-test exposure.

        Raises
        ------
        ProfileError
            As `ground_ramp_shape`.
        """
        nint, ngroup, ny, nx = ground_ramp_shape(source.shape, header)
        return {
            "sci": _Science(source, (nint, ngroup, ny, nx)),
            "refout": _Reference(source, (nint, ngroup, ny, nx // 4)),
        }

    def join(self, arrays: Mapping[str, Array], header: Mapping[str, Any]) -> Array:
        """Put the frames together as they were, (nint * ngroup, 1.25 ny, nx)."""
        sci, refout = arrays["sci"], arrays["refout"]
        nint, ngroup, ny, nx = sci.shape
        frames = np.empty((nint * ngroup, ny + ny // 4, nx), dtype=sci.dtype)
        frames[:, :ny] = sci.reshape(-1, ny, nx)
        runs = refout.reshape(-1, ny, nx // 4).transpose(0, 2, 1)
        frames[:, ny:] = runs.reshape(-1, ny // 4, nx)
        return frames


class NirspecIrs2:
    """A raw NIRSpec ramp in IRS2 readout, (nints, ngroups, 3200, 2048), as pixels and references.

    ``sci`` is (nints, ngroups, 2048, 2048), so that a raw pixel is where the calibrated one is; ``reference`` is
    (nints, ngroups, 1152, 2048): the other rows in the order of the file (`pipelines.detectors.irs2`).

    Parameters
    ----------
    detector
        ``NRS1`` or ``NRS2``, whose rows run the other way.
    """

    def __init__(self, detector: str) -> None:
        self._detector = detector

    def split(self, source: SplitSource, header: Mapping[str, Any]) -> dict[str, SplitSource]:
        """Pixels and references of an IRS2 ramp.

        Raises
        ------
        ProfileError
            ``shape-mismatch``: the frames do not have the rows that IRS2 readout gives.
        """
        science, reference = self._rows()
        if len(source.shape) != 4 or source.shape[2] != science.size + reference.size:
            raise ProfileError(
                "shape-mismatch",
                f"an array of shape {source.shape} is no IRS2 ramp of {science.size + reference.size} rows",
                "if it is another kind of file, ingest it with the generic profile",
            )
        return {"sci": _Rows(source, science), "reference": _Rows(source, reference)}

    def join(self, arrays: Mapping[str, Array], header: Mapping[str, Any]) -> Array:
        """Put the rows together as they were, (nints, ngroups, 3200, 2048)."""
        science, reference = self._rows()
        sci = arrays["sci"]
        frames = np.empty((*sci.shape[:2], science.size + reference.size, sci.shape[3]), dtype=sci.dtype)
        frames[:, :, science] = sci
        frames[:, :, reference] = arrays["reference"]
        return frames

    def _rows(self) -> tuple[irs2.Rows, irs2.Rows]:
        return irs2.science_rows(self._detector), irs2.reference_rows(self._detector)


SPLITS: Mapping[str, Split] = MappingProxyType(
    {
        "miri-ground": MiriGround(),
        "nirspec-irs2-nrs1": NirspecIrs2("NRS1"),
        "nirspec-irs2-nrs2": NirspecIrs2("NRS2"),
    }
)
"""Every split, by the name that a document keeps."""


def split(name: str, source: SplitSource, header: Mapping[str, Any]) -> dict[str, SplitSource]:
    """Return the arrays that the split `name` makes of an HDU's pixels, by their names.

    Raises
    ------
    ProfileError
        ``profile-unknown``: there is no such split; ``header-mismatch`` or ``shape-mismatch``: the
        pixels are not of its form.
    """
    return _find(name).split(source, header)


def join(name: str, arrays: Mapping[str, Array], header: Mapping[str, Any]) -> Array:
    """Return the pixels that the split `name` was given, bit for bit, of the arrays it made.

    Raises
    ------
    ProfileError
        ``profile-unknown``: there is no such split.
    """
    return _find(name).join(arrays, header)


def _find(name: str) -> Split:
    try:
        return SPLITS[name]
    except KeyError:
        raise ProfileError(
            "profile-unknown",
            f"there is no split {name!r}; known are {', '.join(sorted(SPLITS))}",
            "the document may be of a newer version; upgrade",
        ) from None


def ground_ramp_shape(shape: tuple[int, ...], header: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Return (nint, ngroup, ny, nx) of the ramps in ground-test frames of `shape`, (frames, 1.25 ny, nx).

    Raises
    ------
    ProfileError
        ``header-mismatch``: no NINT or NGROUPS; ``shape-mismatch``: the frames are not
        NINT * NGROUPS of them, or cannot hold a reference output.
    """
    nint, ngroup = _count(header, "NINT"), _count(header, "NGROUPS", "NGROUP")
    if len(shape) != 3 or shape[1] % 5 or shape[2] % 4 or 0 in shape:
        raise ProfileError(
            "shape-mismatch",
            f"an array of shape {shape} is not a cube of ground-test frames: (frames, rows, columns) "
            "with rows in fives, a fifth of them the reference output, and columns in fours",
            "if it is another kind of file, ingest it with the generic profile",
        )
    if shape[0] != nint * ngroup:
        raise ProfileError(
            "shape-mismatch",
            f"the header promises {nint} integrations of {ngroup} groups, {nint * ngroup} frames, "
            f"and the file holds {shape[0]}",
            "the exposure is incomplete or its header wrong; compare it with the original",
        )
    return nint, ngroup, shape[1] // 5 * 4, shape[2]


class _Science:
    """Bands of the science rows."""

    def __init__(self, source: SplitSource, shape: tuple[int, int, int, int]) -> None:
        self._source = source
        self.shape: tuple[int, ...] = shape
        self.dtype = source.dtype

    def read(self, start: int, stop: int) -> Array:
        nint, ngroup, ny, nx = self.shape
        stop = min(stop, ny)
        return self._source.read(start, stop).reshape(nint, ngroup, max(stop - start, 0), nx)


class _Rows:
    """Bands of some rows of the source, in a given order that runs one way."""

    def __init__(self, source: SplitSource, rows: irs2.Rows) -> None:
        self._source = source
        self._rows = rows
        self.shape: tuple[int, ...] = (*source.shape[:-2], rows.size, source.shape[-1])
        self.dtype = source.dtype

    def read(self, start: int, stop: int) -> Array:
        wanted = self._rows[start:stop]
        if not wanted.size:
            return np.empty((*self.shape[:-2], 0, self.shape[-1]), dtype=self.dtype)
        first = int(wanted[0])
        return self._source.read(first, int(wanted[-1]) + 1)[..., wanted - first, :]


class _Reference:
    """Bands of the reference output.

    A band of REFOUT rows is scattered over the whole block of reference rows, so each pass
    over the block gathers as many rows as the budget allows and the next bands are cut
    from them.
    """

    def __init__(self, source: SplitSource, shape: tuple[int, int, int, int]) -> None:
        self._source = source
        self.shape: tuple[int, ...] = shape
        self.dtype = source.dtype
        # First row and rows gathered; replaced as one, so that threads only ever see a whole one.
        self._gathered: tuple[int, Array] = (0, np.empty((*shape[:2], 0, shape[3]), dtype=source.dtype))

    def read(self, start: int, stop: int) -> Array:
        first, rows = self._gathered
        stop = min(stop, self.shape[2])
        if not first <= start <= stop <= first + rows.shape[2]:
            a_row = self.shape[0] * self.shape[1] * self.shape[3] * self.dtype.itemsize
            first, end = start, min(max(stop, start + BUDGET // a_row), self.shape[2])
            rows = self._gather(first, end)
            self._gathered = (first, rows)
        return rows[:, :, start - first : stop - first].copy()

    def _gather(self, start: int, stop: int) -> Array:
        nint, ngroup, ny, columns = self.shape
        frames, nx = nint * ngroup, columns * 4
        step = max(1, BUDGET // (frames * nx * self.dtype.itemsize))
        if stop - start == ny and step >= ny // 4:
            runs = self._source.read(ny, ny + ny // 4).reshape(nint, ngroup, columns, ny)
            return np.ascontiguousarray(runs.swapaxes(2, 3))
        rows = np.empty((frames, max(stop - start, 0), columns), dtype=self.dtype)
        for row in range(0, ny // 4, step):
            end = min(row + step, ny // 4)
            values = self._source.read(ny + row, ny + end).reshape(frames, (end - row) * nx)
            # Value v of the block, counted row by row, is REFOUT[v % ny, v // ny].
            y, k = np.arange(row * nx, end * nx) % ny, np.arange(row * nx, end * nx) // ny
            wanted = (y >= start) & (y < stop)
            rows[:, y[wanted] - start, k[wanted]] = values[:, wanted]
        return rows.reshape(nint, ngroup, rows.shape[1], columns)


def _count(header: Mapping[str, Any], *keywords: str) -> int:
    """Return the first keyword's positive whole number."""
    for keyword in keywords:
        value = header.get(keyword)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    raise ProfileError(
        "header-mismatch",
        f"no positive whole number in {' or '.join(keywords)}, so frames cannot be told apart",
        "correct the header, or ingest the file with the generic profile",
    )
