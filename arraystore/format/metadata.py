"""Zarr v3 metadata: the `zarr.json` by which any Zarr reader finds its way."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from arraystore.format.layouts import Layout

__all__ = ["zarr_json"]


@lru_cache(maxsize=256)  # the arrays of a night have few layouts
def zarr_json(layout: Layout) -> bytes:
    """The metadata document of an array with this layout, in stored axis order.

    See the Zarr core specification version 3, and its codec ``sharding_indexed``. An
    array without axes has one chunk, and no shard: zarr cannot read an index of it.
    """
    codecs = [*layout.codec.documents(layout.dtype.itemsize), {"name": "crc32c"}]
    grid_shape = [n * c for n, c in zip(layout.grid, layout.chunk, strict=True)]
    if layout.shape:
        codecs = [_sharding(layout, codecs)]
    document: dict[str, Any] = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(layout.stored_shape),
        "data_type": layout.dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": grid_shape}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
        "fill_value": _fill(layout.dtype.kind),
        "codecs": codecs,
        "attributes": {"darkroom": {"layout": layout.name, "axes": list(layout.dims)}},
        "dimension_names": [layout.dims[axis] for axis in layout.order],
    }
    return json.dumps(document, indent=1).encode("ascii")


def _sharding(layout: Layout, codecs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": "sharding_indexed",
        "configuration": {
            "chunk_shape": list(layout.chunk),
            "codecs": codecs,
            "index_codecs": [
                {"name": "bytes", "configuration": {"endian": "little"}},
                {"name": "crc32c"},
            ],
            "index_location": "end",
        },
    }


def _fill(kind: str) -> Any:
    return {"b": False, "f": 0.0, "c": [0.0, 0.0]}.get(kind, 0)
