"""Digests of pixels and objects: the identities by which arrays are stored once.

The pixel digest is a sha256 over the type, the shape and a list of leaf digests. Leaf
``k`` is the sha256 of the little-endian C-order bytes of rows ``32 k`` to ``32 (k + 1)``
along axis -2 (of a 1-D array, of 2**20 elements; a 0-d array is one leaf). It does not
depend on how an array is chunked or compressed, it can be computed band by band, and
bands can be computed by several threads.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arraystore.format.zeros import is_zero, sha256_of_zeros

__all__ = [
    "LEAF_ELEMENTS",
    "LEAF_ROWS",
    "canonical",
    "leaf_digests",
    "leaf_rows",
    "object_digest",
    "pixel_digest",
]

LEAF_ROWS = 32
LEAF_ELEMENTS = 2**20


def leaf_rows(ndim: int) -> int:
    """Rows (of a 1-D array, elements) in one leaf."""
    return LEAF_ELEMENTS if ndim < 2 else LEAF_ROWS


def canonical(document: Any) -> bytes:
    """The one JSON text of a plain document: sorted keys, no spaces, ASCII."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def leaf_digests(band: NDArray[Any]) -> list[bytes]:
    """Digests of the leaves of a little-endian band that starts on a leaf boundary."""
    rows = leaf_rows(band.ndim)
    if band.ndim == 0:
        return [hashlib.sha256(band.tobytes()).digest()]
    if band.ndim == 1:
        leaves = (band[k : k + rows] for k in range(0, band.shape[0], rows))
    else:
        leaves = (band[..., k : k + rows, :] for k in range(0, band.shape[-2], rows))
    return [_leaf(leaf) for leaf in leaves]


def _leaf(leaf: NDArray[Any]) -> bytes:
    if leaf.flags.c_contiguous and is_zero(leaf):
        return sha256_of_zeros(leaf.nbytes)
    digest = hashlib.sha256()
    if leaf.flags.c_contiguous:
        digest.update(leaf.reshape(-1).view("u1").data)
        return digest.digest()
    # Planes of a band are usually contiguous although the band is not: no copy is needed then.
    for plane in leaf.reshape((-1, *leaf.shape[-2:])):
        digest.update(np.ascontiguousarray(plane).reshape(-1).view("u1").data)
    return digest.digest()


def pixel_digest(shape: tuple[int, ...], dtype: str, leaves: Iterable[bytes]) -> str:
    """The digest of pixels of this shape and type (numpy's name) from their leaves."""
    head = canonical({"dtype": dtype, "shape": list(shape)})
    return hashlib.sha256(b"pixels 1\n" + head + b"\n" + b"".join(leaves)).hexdigest()


def object_digest(pixels: str, layout: dict[str, Any]) -> str:
    """The digest of an object from that of its pixels and its layout's document."""
    return hashlib.sha256(b"object 1\n" + pixels.encode() + b"\n" + canonical(layout)).hexdigest()
