"""Cube: a stored array as a numpy-like object that reads what is asked of it.

Axes are in natural order, (integration, group, y, x), whatever the order on disk, and
count from zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from arraystore.backends.protocol import Backend
from arraystore.errors import InvalidRef, NotInstalled
from arraystore.format.layouts import Layout, layout_named
from arraystore.indexes import Indexes
from arraystore.quicklook import quicklook_reader
from arraystore.reading import ChunkReader
from arraystore.ref import ArrayRef, Scale
from arraystore.selections import Axis, dotted, parse
from arraystore.writing import chunk_rows

if TYPE_CHECKING:
    import dask.array
    import xarray

__all__ = ["Cube"]


class Cube:
    """One array of a store.

    Slicing gives ndarrays: ``cube[:, :, y, x]`` is the ramp of a pixel, ``cube[i, g]``
    an image. Integers and slices of any step select; `numpy.asarray` reads it whole.

    Parameters
    ----------
    backend : Backend
        Where the bytes are.
    ref : ArrayRef
        Which array; nothing else is read to open it.
    threads : int
        Workers for large selections.
    preview : callable, optional
        Makes the HTML that a notebook shows below shape and size; this package draws nothing.
    indexes : Indexes, optional
        The indexes that the store has read.
    """

    __slots__ = ("_backend", "_indexes", "_layout", "_preview", "_reader", "_scale", "_threads", "ref")

    def __init__(
        self,
        backend: Backend,
        ref: ArrayRef,
        *,
        threads: int = 1,
        preview: Callable[[Cube], str] | None = None,
        indexes: Indexes | None = None,
    ) -> None:
        self._backend = backend
        self._layout: Layout = layout_named(ref.layout, ref.shape, ref.dtype)
        if self._layout.nbytes != ref.nbytes:
            raise InvalidRef(f"the reference to {ref.digest} has {ref.nbytes} bytes for shape {ref.shape}.")
        self._reader = ChunkReader(backend, ref, self._layout, threads=threads, indexes=indexes)
        self._indexes = indexes
        self._threads = threads
        self._preview = preview
        self._scale: Scale | None = ref.scale
        self.ref = ref

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self.ref.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.ref.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values as they are read."""
        return np.dtype(self._scale.dtype if self._scale else self.ref.dtype)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the values when read."""
        return self.size * self.dtype.itemsize

    @property
    def kind(self) -> str:
        """What the array is: 'ramp', 'slope', 'frame' ..."""
        return self.ref.kind

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the axes."""
        return self._layout.dims

    @property
    def stored(self) -> Cube:
        """The same array without its scale: the values as they are in the file."""
        cube = Cube(self._backend, self.ref, threads=self._threads, indexes=self._indexes)
        cube._scale = None
        return cube

    def __reduce__(self) -> tuple[Any, ...]:
        # For another process: what a notebook shows below an array stays here.
        return _again, (self._backend, self.ref, self._threads, self._scale)

    def __getitem__(self, key: object) -> Any:
        axes = parse(key, self.shape)
        return self._selected(self._reader.read(axes), axes, scalar=not dotted(key))

    def read_into(self, out: NDArray[Any], key: object = ...) -> NDArray[Any]:
        """Decode ``cube[key]`` into an array of the caller's and no other, and return that array.

        Parameters
        ----------
        out : ndarray
            Where the values go: of the shape and type of ``cube[key]``, in either byte order, and contiguous or not.
        key : object
            What is wanted, as in ``cube[key]``; everything by default.

        Raises
        ------
        ValueError
            `out` is not of that shape and type, or may not be written.
        Lost, ArrayDamaged
            As for ``cube[key]``; `out` is then filled in part.

        Examples
        --------
        >>> import numpy as np
        >>> from arraystore import open_store
        >>> store = open_store("memory://out")
        >>> cube = store.open(store.put(np.arange(12, dtype="u2").reshape(3, 4), kind="frame"))
        >>> wide = np.zeros((3, 8), "u2")
        >>> _ = cube.read_into(wide[:, 4:])
        >>> wide[1].tolist()
        [0, 0, 0, 0, 4, 5, 6, 7]
        """
        axes = parse(key, self.shape)
        shape = tuple(axis.size for axis in axes if not axis.drop)
        if out.shape != shape or out.dtype.newbyteorder("=") != self.dtype:
            raise ValueError(
                f"these values are {self.dtype}{list(shape)}; the array for them is {out.dtype}{list(out.shape)}."
            )
        if not out.flags.writeable:
            raise ValueError("the array for the values may not be written.")
        if self._scale is not None or not axes:
            out[...] = self[key]
        else:
            # A view with the axes that were dropped, each from its start: what is written is in the caller's array.
            places = [None if a.drop else slice(None, None, -1 if a.backwards else 1) for a in axes]
            self._reader.read(axes, out[tuple(places)])
        return out

    def steps(self, axes: tuple[Axis, ...], *, scalar: bool) -> Generator[None, None, Any]:
        """Read parsed axes, stopping twice where bytes are awaited; see `arraystore.reading.ChunkReader.steps`."""
        values = yield from self._reader.steps(axes)
        return self._selected(values, axes, scalar=scalar)

    def select(self, axes: tuple[Axis, ...], *, scalar: bool) -> Any:
        """Read parsed axes, so that a key is parsed once for many cubes of a shape."""
        return self._selected(self._reader.read(axes), axes, scalar=scalar)

    def _selected(self, values: NDArray[Any], axes: tuple[Axis, ...], *, scalar: bool) -> Any:
        if any(axis.drop or axis.backwards for axis in axes):
            values = values[tuple(0 if a.drop else slice(None, None, -1) if a.backwards else slice(None) for a in axes)]
        values = self._presented(np.asarray(values))
        # Every axis given by an integer: a scalar, as numpy has it; "..." keeps the array.
        return values[()] if scalar and not values.ndim else values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a cube is read from its store: it cannot become an array without a copy.")
        values: NDArray[Any] = self[...]
        return values if dtype is None else values.astype(dtype, copy=False)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a cube without axes")
        return self.shape[0]

    def quicklook(self, key: object = ...) -> NDArray[Any]:
        """Return a picture of a ramp, (y, x): the last group of its first integration.

        The same values as ``cube[0, -1]``, from the copy that a big ramp has of them.

        Parameters
        ----------
        key
            Which of its rows and columns, as in a subscript; only their chunks are read.

        Raises
        ------
        ValueError
            The array has no groups.
        Lost, ArrayDamaged
            The copy is not there, or is not what was written.
        """
        if self.dims[-3:-2] != ("group",):
            raise ValueError(f"a quick look is of a ramp; this is {self!r}.")
        layout = self._layout.quicklook
        if layout is None:
            inner = key if isinstance(key, tuple) else (key,)
            picture: NDArray[Any] = self[(0,) * (self.ndim - 3) + (-1, *inner)]
            return picture
        reader = quicklook_reader(self._backend, self.ref, layout)
        return self._presented(reader.read(parse(key, layout.shape)))

    def _presented(self, values: NDArray[Any]) -> NDArray[Any]:
        """Stored values as the user wants them: scaled, in the byte order of the machine."""
        if self._scale is not None:
            return scaled(values, self._scale)
        return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))

    def bands(self, rows: int | None = None) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Read the array a band of rows at a time; by default each chunk once.

        Parameters
        ----------
        rows : int, optional
            Rows of axis -2 (of a 1-D array, elements) in a band; what suits the layout
            by default.

        Yields
        ------
        slice, ndarray
            Which rows, and their values over every other axis.
        """
        if not self.shape:
            yield slice(0, 1), self[...]
            return
        axis = self._layout.row_axis
        step = chunk_rows(self._layout) if rows is None else rows
        for start in range(0, self.shape[axis], step):
            part = slice(start, min(start + step, self.shape[axis]))
            yield part, self[(slice(None),) * axis + (part,)]

    def to_xarray(self) -> xarray.DataArray:
        """The array read whole, with named dimensions that count from zero."""
        library = _library("xarray")
        coords = {name: np.arange(n) for name, n in zip(self.dims, self.shape, strict=True)}
        made: xarray.DataArray = library.DataArray(np.asarray(self), dims=self.dims, coords=coords, name=self.kind)
        return made

    def to_dask(self) -> dask.array.Array:
        """The array as dask blocks that hold whole chunks; nothing is read yet.

        Workers of a cluster read the blocks from the store, which they open as this process has; keys that stand in
        the address of a bucket go to them, those of the environment do not.
        """
        arrays = _library("dask.array")
        lengths = list(self.shape)
        if self.shape:
            lengths[self._layout.row_axis] = min(self.shape[self._layout.row_axis], chunk_rows(self._layout))
        lengths = [max(1, n) for n in lengths]
        return arrays.from_array(self, chunks=tuple(lengths), name=f"cube-{self.ref.digest}", asarray=False)

    def previewed(self, preview: Callable[[Cube], str]) -> Cube:
        """Return the same array, shown in a notebook with the HTML that `preview` makes of it."""
        cube = Cube(self._backend, self.ref, threads=self._threads, preview=preview, indexes=self._indexes)
        cube._scale = self._scale
        return cube

    def _repr_html_(self) -> str:
        ratio = f", {self.nbytes / self.ref.stored:.1f} times smaller than in memory" if self.ref.stored else ""
        text = f"{self!r}: {_bytes(self.nbytes)}, {_bytes(self.ref.stored)} stored{ratio}"
        return f"<pre>{escape(text)}</pre>" + (self._preview(self) if self._preview is not None else "")

    def __repr__(self) -> str:
        axes = ", ".join(f"{name} {n}" for name, n in zip(self.dims, self.shape, strict=True))
        return f"<Cube {self.kind} ({axes}) {self.dtype} {self.ref.digest[:12]}>"


def _again(backend: Backend, ref: ArrayRef, threads: int, scale: Scale | None) -> Cube:
    """Return a cube that was sent from another process."""
    cube = Cube(backend, ref, threads=threads)
    cube._scale = scale
    return cube


def _bytes(count: int) -> str:
    """Return a number of bytes in the unit that suits it."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def _library(name: str) -> Any:
    """Import a library that not everybody has.

    Raises
    ------
    NotInstalled
        It is not there; the message says what to install.
    """
    try:
        return import_module(name)
    except ImportError as error:
        extra = name.partition(".")[0]
        raise NotInstalled(f"this needs {extra}: pip install 'darkroom-archive[{extra}]'") from error


def scaled(stored: NDArray[Any], scale: Scale) -> NDArray[Any]:
    """Physical values of stored numbers, by the same steps as astropy takes them.

    Convert to `scale.dtype`, multiply by the slope unless it is 1, add the zero unless
    it is 0, and set what was blank to NaN.
    """
    values = np.array(stored, dtype=scale.dtype)
    if scale.slope != 1:
        np.multiply(values, scale.slope, values)
    if scale.zero != 0:
        values += scale.zero
    if scale.blank is not None:
        values[np.asarray(stored == scale.blank)] = np.nan
    return values
