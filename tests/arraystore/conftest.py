from __future__ import annotations

import importlib.util
import uuid
from pathlib import Path

import numpy as np
import pytest

from arraystore import open_store

KEYS = "access_key_id=AKIDEXAMPLE&secret_access_key=tell-nobody&region=us-east-1"


@pytest.fixture(scope="session")
def servers():
    """The module that has the S3 server: the tests are no package to import it from."""
    spec = importlib.util.spec_from_file_location("servers", Path(__file__).with_name("servers.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def s3(servers):
    """Address of an S3 server."""
    pytest.importorskip("obstore")
    pytest.importorskip("moto")
    with servers.s3_server() as url:
        yield url


@pytest.fixture
def s3_url(s3):
    """Address of a place for a store on the S3 server."""
    return f"s3://pixels/{uuid.uuid4().hex}/a store?endpoint={s3}&{KEYS}"


@pytest.fixture(params=["file", "memory"])
def make_local(request, tmp_path):
    """Makes an empty backend of this machine."""
    if request.param == "memory":
        return lambda: open_store(f"memory://{uuid.uuid4().hex}")._backend
    return lambda: open_store(tmp_path / uuid.uuid4().hex)._backend


@pytest.fixture
def s3_make(s3):
    """Makes an empty backend on the S3 server."""
    return lambda: open_store(f"s3://pixels/{uuid.uuid4().hex}?endpoint={s3}&{KEYS}")._backend


@pytest.fixture(params=["file", "memory"])
def local(request, tmp_path):
    """An empty store whose objects the test can make old."""
    return open_store(f"memory://{uuid.uuid4().hex}" if request.param == "memory" else tmp_path / "store")


@pytest.fixture(params=["file", "memory", "s3"])
def store(request, tmp_path):
    """An empty store of each sort."""
    if request.param == "memory":
        return open_store(f"memory://{uuid.uuid4().hex}")
    if request.param == "s3":
        return open_store(request.getfixturevalue("s3_url"))
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
