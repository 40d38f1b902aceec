"""Arrays of detector pixels: immutable, content-addressed, checksummed, plain Zarr v3.

>>> import numpy as np
>>> from arraystore import open_store
>>> store = open_store("memory://doctest")
>>> ref = store.put(np.zeros((2, 8, 64, 72), "uint16"), kind="ramp")
>>> store.open(ref.to_dict())[0, :, 10, 20].shape
(8,)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from arraystore.errors import (
    ArrayDamaged,
    InvalidArray,
    InvalidKey,
    InvalidRef,
    InvalidStoreURL,
    Lost,
    NotAStore,
    NotInstalled,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreTooNew,
    StoreUnreachable,
)
from arraystore.ref import ArrayRef, Scale
from arraystore.store import ArrayStore, open_store

if TYPE_CHECKING:
    from arraystore.backends.protocol import StoredObject
    from arraystore.cubes import Cube
    from arraystore.format.layouts import KINDS
    from arraystore.putting import Batch
    from arraystore.records import StoredRecord
    from arraystore.sources import PixelSource
    from arraystore.sweeping import SweepReport
    from arraystore.verifying import ArrayFault

__all__ = [
    "KINDS",
    "ArrayDamaged",
    "ArrayFault",
    "ArrayRef",
    "ArrayStore",
    "Batch",
    "Cube",
    "InvalidArray",
    "InvalidKey",
    "InvalidRef",
    "InvalidStoreURL",
    "Lost",
    "NotAStore",
    "NotInstalled",
    "PixelSource",
    "Scale",
    "StoreError",
    "StoreFull",
    "StoreReadOnly",
    "StoreTooNew",
    "StoreUnreachable",
    "StoredObject",
    "StoredRecord",
    "SweepReport",
    "open_store",
]

# numpy takes longer to import than all the rest: these come when they are asked for.
_LAZY = {
    "KINDS": "format.layouts",
    "Batch": "putting",
    "Cube": "cubes",
    "ArrayFault": "verifying",
    "PixelSource": "sources",
    "StoredObject": "backends.protocol",
    "StoredRecord": "records",
    "SweepReport": "sweeping",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
