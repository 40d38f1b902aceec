"""All that goes into a combination, and how a band of rows of it is worked out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.combine.frames import Stack, read_rows
from pipelines.combine.methods import Method
from pipelines.combine.network import sort_rows
from pipelines.combine.noise import NoiseModel
from pipelines.combine.pixels import Results, equal_samples
from pipelines.combine.power import power_factor, rejection_power
from pipelines.combine.result import DQ
from pipelines.combine.samples import Keep, Plane, Samples
from pipelines.combine.unequal import Unequal, unequal_samples

#: Samples of a block: they and what is worked out from them stay in the cache of a core.
_BLOCK = 10 << 16

#: Pixels of a block (None for all of it), what came out (None without data), and their valid samples.
Part = tuple[NDArray[np.intp] | None, Results | None, int]


@dataclass(frozen=True, slots=True)
class Band:
    """Some rows of every frame, flat, and of what goes with them."""

    frames: list[NDArray[Any]]
    bad: list[Keep | None]
    offsets: list[Any] | None
    variances: list[Any] | None


@dataclass(frozen=True, slots=True)
class CombineRecipe:
    """A stack and all that goes with it, checked; `stack.combine` says what each is."""

    stack: Stack
    method: Method
    noise: NoiseModel | None
    masks: tuple[Any, ...] | None
    variances: tuple[Any, ...] | None
    weights: tuple[float, ...] | None
    inverse: bool
    scale: tuple[float, ...] | None
    offsets: tuple[Any, ...] | None
    saturation: float | None
    clipped_out: bool = False

    @property
    def moved(self) -> bool:
        """Whether samples are not used as they are read."""
        return self.scale is not None or self.offsets is not None

    @property
    def equal(self) -> bool:
        """Whether all samples have one weight and one noise."""
        plain = self.weights is None and not self.inverse and self.variances is None
        return plain and not (self.moved and (self.noise is not None or self.saturation is not None))

    def work(self, start: int, stop: int, made: dict[str, NDArray[Any]]) -> None:
        """Combine rows `start` to `stop` into the planes."""
        band = self._read(start, stop)
        targets = {name: plane[start:stop].reshape(-1) for name, plane in made.items()}
        size = (stop - start) * self.stack.shape[1]
        step = max(1024, min(1 << 15, _BLOCK // len(self.stack)) // 1024 * 1024)
        for low in range(0, size, step):
            part = slice(low, min(low + step, size))
            block = {name: plane[part] for name, plane in targets.items()}
            for pixels, results, count in self._block(band, part):
                self._write(block, slice(None) if pixels is None else pixels, results, count)
            if self.clipped_out and "dq" in block:
                for rows in band.frames:
                    block["dq"][rows[part] >= self.saturation] |= np.uint8(DQ.SATURATED)

    def _read(self, start: int, stop: int) -> Band:
        frames: list[NDArray[Any]] = []
        bad: list[Keep | None] = []
        for number in range(len(self.stack)):
            rows = self.stack.read(number, start, stop)
            wrong = np.ma.getmaskarray(rows).reshape(-1).copy() if isinstance(rows, np.ma.MaskedArray) else None
            if self.masks is not None and self.masks[number] is not None:
                mask = _flat(self.masks[number], start, stop) != 0
                wrong = mask if wrong is None else wrong | mask
            frames.append(np.ascontiguousarray(np.ma.getdata(rows)).reshape(-1))
            if self.clipped_out:
                clipped = frames[-1] >= self.saturation
                wrong = clipped if wrong is None else wrong | clipped
            bad.append(wrong)
        offsets = None if self.offsets is None else [_flat(plane, start, stop) for plane in self.offsets]
        variances = None if self.variances is None else [_flat(plane, start, stop) for plane in self.variances]
        return Band(frames, bad, offsets, variances)

    def _block(self, band: Band, part: slice) -> Iterator[Part]:
        """Results of the pixels of a block, by how many valid samples they have."""
        values, valid = self._samples(band, part)
        if not self.equal:
            yield from self._unequal(band, part, values, np.ones(values.shape, bool) if valid is None else valid)
            return
        variance_at = None if self.noise is None else self.noise.variance
        if valid is None:
            samples = Samples(sort_rows(values), variance_at=variance_at)
            yield None, equal_samples(samples, self.method), len(self.stack)
            return
        # What is not valid sorts behind all that is; an equal valid sample may take its place.
        values[~valid] = np.iinfo(values.dtype).max if values.dtype.kind in "iu" else np.inf
        rows, counts = sort_rows(values), valid.sum(axis=0)
        for count in np.unique(counts).tolist():
            pixels = np.flatnonzero(counts == count)
            samples = Samples([row[pixels] for row in rows[:count]], variance_at=variance_at)
            yield pixels, equal_samples(samples, self.method) if count else None, count

    def _samples(self, band: Band, part: slice) -> tuple[NDArray[Any], Keep | None]:
        """Samples of a block, (frames, pixels), and which are valid; None where all are."""
        dtype = np.dtype(np.float64) if self.moved or not self.equal else self.stack.working
        values = np.empty((len(self.stack), part.stop - part.start), dtype)
        for number, (out, rows) in enumerate(zip(values, band.frames, strict=True)):
            out[:] = rows[part]
            if band.offsets is not None:
                out -= _piece(band.offsets[number], part)
            if self.scale is not None:
                out *= self.scale[number]
        valid = np.isfinite(values) if self.moved or self.stack.dtype.kind == "f" else None
        for number, bad in enumerate(band.bad):
            if bad is not None:
                valid = np.ones(values.shape, bool) if valid is None else valid
                valid[number] &= ~bad[part]
        return values, None if valid is None or valid.all() else valid

    def _unequal(self, band: Band, part: slice, values: NDArray[Any], valid: Keep) -> Iterator[Part]:
        given = None
        if band.variances is not None:
            given = np.array([np.broadcast_to(_piece(v, part), values.shape[1]) for v in band.variances], np.float64)
            # A sample whose variance is no number says nothing.
            valid &= np.isfinite(given) & (given > 0)
            if self.scale is not None:
                given *= np.square(self.scale)[:, np.newaxis]
        values[~valid] = 0.0
        offsets = None if band.offsets is None else [_piece(plane, part) for plane in band.offsets]

        def modelled(level: Plane, pixels: NDArray[np.intp]) -> NDArray[np.float64]:
            return self._modelled(level, [o if np.ndim(o) == 0 else o[pixels] for o in offsets or ()])

        block = Unequal(
            values=values,
            valid=valid,
            modelled=None if self.noise is None else modelled,
            given=given,
            raw=np.array([rows[part] for rows in band.frames]),
            weights=None if self.weights is None else np.array(self.weights)[:, np.newaxis],
            inverse=self.inverse,
        )
        results = unequal_samples(block, self.method)
        counts = valid.sum(axis=0)
        for count in np.unique(counts).tolist():
            pixels = np.flatnonzero(counts == count)
            yield pixels, results.of(pixels) if count else None, count

    def _modelled(self, level: Plane, offsets: list[Any]) -> NDArray[np.float64]:
        """Variances, (frames, pixels), of samples whose true value is `level` after offset and scale."""
        assert self.noise is not None  # noqa: S101  (asked for only where there is one)
        variances = np.empty((len(self.stack), len(level)))
        for number, out in enumerate(variances):
            factor = 1.0 if self.scale is None else self.scale[number]
            read = level / factor
            if offsets:
                read += offsets[number]
            np.multiply(self.noise.variance(read), factor * factor, out=out)
        return variances

    def _write(self, block: dict[str, NDArray[Any]], pixels: Any, results: Results | None, count: int) -> None:
        if results is None:
            for name, plane in block.items():
                plane[pixels] = 0 if name == "count" else DQ.NO_DATA | DQ.NO_REJECTION_POWER if name == "dq" else np.nan
            return
        results.value += 0.0  # -0.0 becomes 0.0, whichever of the two came first
        block["value"][pixels] = results.value
        if "variance_model" in block:
            block["variance_model"][pixels] = results.model
        if "variance_scatter" in block:
            block["variance_scatter"][pixels] = results.scatter
        if "count" in block:
            block["count"][pixels] = results.count
        if "dq" in block:
            block["dq"][pixels] = self._flags(results, count)
        if "rejection_power" in block:
            sigma = np.sqrt(results.noise)
            block["rejection_power"][pixels] = rejection_power(self.method, count, sigma=sigma, value=results.value)

    def _flags(self, results: Results, count: int) -> NDArray[np.uint8]:
        flags = np.zeros(len(results.value), np.uint8)
        if power_factor(self.method, count) == np.inf:
            flags |= np.uint8(DQ.NO_REJECTION_POWER)
        flags[results.disagree] |= np.uint8(DQ.DISAGREEMENT)
        if self.saturation is not None:
            flags[results.top >= self.saturation] |= np.uint8(DQ.SATURATED)
        return flags


def _flat(plane: Any, start: int, stop: int) -> Any:
    """Rows of a plane, flat; a number as it is."""
    return (
        float(plane)
        if np.ndim(plane) == 0 and not hasattr(plane, "shape")
        else read_rows(plane, start, stop).reshape(-1)
    )


def _piece(rows: Any, part: slice) -> Any:
    return rows[part] if np.ndim(rows) else rows
