"""A stand-in for an HDU, so that profiles are tested on headers and shapes alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest


@dataclass(frozen=True)
class StandIn:
    """What a profile looks at in an HDU."""

    index: int = 0
    name: str = "PRIMARY"
    ver: int = 1
    kind: str = "primary"
    shape: tuple[int, ...] = ()
    dtype: str | None = None
    header: Mapping[str, Any] = field(default_factory=dict)
    table: None = None


@pytest.fixture
def hdu():
    """An HDU of a header and a shape: the first in the file, or an extension by its index."""

    def make(header=None, shape=(), *, index=0, name=None, ver=1, dtype=None, kind=None):
        return StandIn(
            index=index,
            name=name if name is not None else "PRIMARY" if index == 0 else "",
            ver=ver,
            kind=kind or ("primary" if index == 0 else "image"),
            shape=shape,
            dtype=dtype or ("uint16" if shape else None),
            header=header or {},
        )

    return make
