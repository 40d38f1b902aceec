from __future__ import annotations

import uuid

import numpy as np
import pytest

from arraystore import open_store


@pytest.fixture(params=["file", "memory"])
def store(request, tmp_path):
    """An empty store of each sort."""
    if request.param == "memory":
        return open_store(f"memory://{uuid.uuid4().hex}")
    return open_store(tmp_path / "store")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def files(folder):
    """An empty store in `folder`."""
    return open_store(folder)


@pytest.fixture
def ramp():
    """A small ramp: a fixed pattern, slopes and noise."""
    rng = np.random.default_rng(7)
    pattern = rng.normal(10_000, 800, (70, 103)) + rng.normal(30, 5, (70, 103)) * np.arange(6)[:, None, None]
    return (pattern + rng.normal(0, 6, (2, 6, 70, 103))).round().astype("u2")
