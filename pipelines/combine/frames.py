"""A stack of frames as it is given: cubes of a store, arrays, anything that reads rows; checked once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arraystore import ArrayDamaged, Lost
from pipelines.combine.errors import FramesUnfit, FrameUnreadable

#: Types that are sorted as they are; all others become float64, which holds them exactly or nearly so.
_NATIVE = frozenset(np.dtype(name) for name in ("u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"))


@dataclass(frozen=True, slots=True)
class Stack:
    """Frames of one shape and type.

    Attributes
    ----------
    frames : tuple
        Each has `shape` and `dtype`, and either ``read(start, stop)`` (rows; an
        `arraystore.PixelSource`) or slicing by rows (an `arraystore.Cube`, an ndarray, a Zarr array).
    names : tuple of str
        What to call each in errors.
    shape : tuple of int
        Rows and columns.
    dtype : numpy.dtype
        Of the frames.
    """

    frames: tuple[Any, ...]
    names: tuple[str, ...]
    shape: tuple[int, int]
    dtype: np.dtype[Any]

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def working(self) -> np.dtype[Any]:
        """Type in which samples are sorted."""
        native = self.dtype.newbyteorder("=")
        return native if native in _NATIVE else np.dtype(np.float64)

    def read(self, number: int, start: int, stop: int) -> NDArray[Any]:
        """Rows `start` to `stop` of a frame.

        Raises
        ------
        FrameUnreadable
            The frame is lost or damaged, or gives another number of rows than it has.
        """
        name = self.names[number]
        try:
            rows = read_rows(self.frames[number], start, stop)
        except (Lost, ArrayDamaged) as error:
            raise FrameUnreadable(
                f"{name} cannot be combined: {error} Or leave this frame out.", frame=number, name=name
            ) from error
        except Exception as error:
            error.add_note(f"while rows {start} to {stop} of {name} were read, to combine it with others")
            raise
        if rows.shape != (stop - start, self.shape[1]):
            raise FrameUnreadable(
                f"{name} gives rows of shape {rows.shape}, not {(stop - start, self.shape[1])}: it is not what its "
                "shape says. Check the frame, or leave it out.",
                frame=number,
                name=name,
            )
        return rows


def read_rows(frame: Any, start: int, stop: int) -> NDArray[Any]:
    """Rows of anything frame-like."""
    read = getattr(frame, "read", None)
    rows = read(start, stop) if callable(read) else frame[start:stop]
    return rows if isinstance(rows, np.ndarray) else np.asarray(rows)


def stack_of(frames: Sequence[Any], *, names: Sequence[str] | None = None) -> Stack:
    """Check frames against each other; nothing is read.

    Raises
    ------
    FramesUnfit
        There are none, or they differ in shape or type; the message names the first that differs.
    """
    frames = tuple(frames)
    if not frames:
        raise FramesUnfit("there are no frames to combine; give one at least.")
    if names is None:
        names = [f"frame {n} of {len(frames)}" for n in range(1, len(frames) + 1)]
    if len(names) != len(frames):
        raise FramesUnfit(f"{len(names)} names were given for {len(frames)} frames; give one each.")
    for frame, name in zip(frames, names, strict=True):
        if not hasattr(frame, "shape") or not hasattr(frame, "dtype"):
            raise FramesUnfit(
                f"{name} is a {type(frame).__name__}, which has no shape and dtype; give cubes or arrays."
            )
    shape, dtype = tuple(frames[0].shape), np.dtype(frames[0].dtype)
    if len(shape) != 2:
        raise FramesUnfit(f"{names[0]} has shape {shape}; frames have rows and columns. Give one plane of it.")
    if dtype.kind not in "iuf":
        raise FramesUnfit(f"{names[0]} is of type {dtype}, which has no mean; give integers or floats.")
    for frame, name in zip(frames, names, strict=True):
        if tuple(frame.shape) != shape:
            raise FramesUnfit(
                f"{name} has shape {tuple(frame.shape)}, and {names[0]} has {shape}; combine frames of one shape."
            )
        if np.dtype(frame.dtype).newbyteorder("=") != dtype.newbyteorder("="):
            raise FramesUnfit(
                f"{name} is of type {np.dtype(frame.dtype)}, and {names[0]} of {dtype}: they are scaled or processed "
                "differently. Combine them apart, or bring them to one type and unit first."
            )
    return Stack(frames, tuple(names), (int(shape[0]), int(shape[1])), dtype)


def companions(stack: Stack, given: Sequence[Any] | None, what: str) -> tuple[Any, ...] | None:
    """Check what goes with each frame (masks, variances, offsets): planes of its shape, numbers or None.

    Raises
    ------
    FramesUnfit
        Their number or the shape of one does not fit.
    """
    if given is None:
        return None
    if len(given) != len(stack):
        raise FramesUnfit(f"{len(given)} {what} were given for {len(stack)} frames; give one each, or None.")
    for plane, name in zip(given, stack.names, strict=True):
        shape = tuple(getattr(plane, "shape", ()))
        if shape not in ((), stack.shape):
            raise FramesUnfit(f"among the {what} that of {name} has shape {shape}, and the frame {stack.shape}.")
        if plane is not None and not shape and not np.isfinite(float(plane)):
            raise FramesUnfit(f"among the {what} that of {name} is {plane}; give finite numbers.")
    return tuple(given)


def factors(stack: Stack, given: Sequence[float] | None, what: str) -> tuple[float, ...] | None:
    """Check a positive number for each frame.

    Raises
    ------
    FramesUnfit
        One is missing, zero, negative or not finite.
    """
    if given is None:
        return None
    numbers = tuple(float(number) for number in given)
    if len(numbers) != len(stack):
        raise FramesUnfit(f"{len(numbers)} {what} were given for {len(stack)} frames; give one each.")
    for number, name in zip(numbers, stack.names, strict=True):
        if not (np.isfinite(number) and number > 0):
            raise FramesUnfit(f"among the {what} that of {name} is {number}; it must be finite and above 0.")
    return numbers
