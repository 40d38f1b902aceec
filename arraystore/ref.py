"""ArrayRef: the plain value by which a document names an array in a store."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arraystore.errors import InvalidRef

__all__ = ["ArrayRef", "Scale", "check_digest", "object_path"]

#: No array, stored or referred to, is larger than this many bytes.
MAX_NBYTES = 2**40
#: numpy's own limit on dimensions is 64; FITS allows 999; nothing real has more than this.
MAX_NDIM = 8

_HEX = re.compile(r"[0-9a-f]{64}")


def check_digest(digest: object) -> str:
    """Return `digest` if it is 64 lower-case hexadecimal digits.

    Raises
    ------
    InvalidRef
        Anything else, so that no reference can name a path outside the store.
    """
    if not isinstance(digest, str) or not _HEX.fullmatch(digest):
        raise InvalidRef(f"{digest!r:.80} is not a digest: 64 hexadecimal digits are expected.")
    return digest


def object_path(digest: str) -> str:
    """The folder of an object, relative to the root of its store."""
    return f"objects/{digest[:2]}/{digest}"


@dataclass(frozen=True, slots=True)
class Scale:
    """How stored numbers become physical values: ``stored * slope + zero``.

    Attributes
    ----------
    slope, zero : float
        As BSCALE and BZERO of the FITS standard 4.0, section 4.4.2.
    blank : int or None
        The stored value that stands for "undefined"; it becomes NaN.
    dtype : str
        The floating-point type of the values.
    """

    slope: float = 1.0
    zero: float = 0.0
    blank: int | None = None
    dtype: str = "float32"

    def to_dict(self) -> dict[str, Any]:
        """The scale as a plain document."""
        return {"slope": self.slope, "zero": self.zero, "blank": self.blank, "dtype": self.dtype}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Scale:
        """Read a scale back from its document; `InvalidRef` if it is not one."""
        try:
            slope, zero = float(document["slope"]), float(document["zero"])
            blank = None if document.get("blank") is None else int(document["blank"])
            dtype = str(document["dtype"])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidRef(f"not a scale (slope, zero, blank, dtype): {document!r:.200}") from error
        if dtype not in ("float32", "float64"):
            raise InvalidRef(f"a scale gives float32 or float64, not {dtype!r:.40}.")
        return cls(slope, zero, blank, dtype)


@dataclass(frozen=True, slots=True)
class ArrayRef:
    """A reference to one immutable array: all that is needed to open it.

    Attributes
    ----------
    store : str
        Identity of the store that made the reference.
    path : str
        Folder of the object, relative to the root of the store.
    digest : str
        Identity of the object: pixels and layout.
    pixels : str
        Identity of the pixels alone: values, type and shape, however they are laid out.
    shape, dtype : tuple of int, str
        Of the stored array in its natural axis order; `dtype` is numpy's name.
    kind : str
        What the array is (see `arraystore.format.layouts.KINDS`).
    nbytes, stored : int
        Bytes of the pixels; bytes of the files that hold them.
    layout : str
        Name and version of the layout, e.g. ``'ramp/1'``.
    shard : int
        Bytes of the shard file; 0 if every byte of the array is zero and there is none.
    scale : Scale or None
        How stored values become physical ones.
    """

    store: str
    path: str
    digest: str
    pixels: str
    shape: tuple[int, ...]
    dtype: str
    kind: str
    nbytes: int
    stored: int
    layout: str
    shard: int
    scale: Scale | None = None

    def to_dict(self) -> dict[str, Any]:
        """The reference as a plain document (str, int, float, list, dict, None)."""
        document: dict[str, Any] = {name: getattr(self, name) for name in _FIELDS}
        document["shape"] = list(self.shape)
        if self.scale is not None:
            document["scale"] = self.scale.to_dict()
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> ArrayRef:
        """Read a reference back from its document.

        Raises
        ------
        InvalidRef
            A field is missing or impossible: a digest that is not one, a path other than
            the digest's own, a size over the cap.
        """
        try:
            shape = tuple(int(n) for n in document["shape"])
            scale = document.get("scale")
            texts = [str(document[name]) for name in _TEXTS]
            nbytes, stored, shard = [int(document[name]) for name in _COUNTS]
            store, path, digest, pixels, dtype, kind, layout = texts
            scale = None if scale is None else Scale.from_dict(scale)
            ref = cls(store, path, digest, pixels, shape, dtype, kind, nbytes, stored, layout, shard, scale)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, InvalidRef):
                raise
            raise InvalidRef(
                f"not a reference to an array ({error!r:.80}); pass what put() returned, or its to_dict()."
            ) from error
        _check(ref)
        return ref


_TEXTS = ("store", "path", "digest", "pixels", "dtype", "kind", "layout")
_COUNTS = ("nbytes", "stored", "shard")
_FIELDS = _TEXTS + _COUNTS


def _check(ref: ArrayRef) -> None:
    check_digest(ref.digest)
    check_digest(ref.pixels)
    if ref.path != object_path(ref.digest):
        raise InvalidRef(f"the path {ref.path!r:.120} is not that of object {ref.digest}.")
    if len(ref.shape) > MAX_NDIM or min(ref.shape, default=0) < 0:
        raise InvalidRef(f"{ref.shape!r:.80} is not the shape of a stored array.")
    if min(ref.shard, ref.stored, ref.nbytes) < 0:
        raise InvalidRef(f"the sizes in the reference to {ref.digest} are impossible.")
    # The item size is checked where the type is known; one byte is the least it can be.
    if math.prod(ref.shape) > MAX_NBYTES or ref.nbytes > MAX_NBYTES:
        raise InvalidRef(f"an array of shape {ref.shape} is over the cap of {MAX_NBYTES} bytes.")
