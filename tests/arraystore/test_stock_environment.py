"""A Python that has zarr, numcodecs and pcodec, and has never heard of this project, reads every kind bit for bit."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import numpy as np
import pytest

from arraystore import KINDS, open_store

READER = """
import hashlib, importlib.util, json, sys, warnings
import numpy as np, zarr
warnings.filterwarnings("ignore", message="Numcodecs codecs are not in the Zarr version 3")
assert not any(importlib.util.find_spec(name) for name in ("arraystore", "catalog", "pipelines"))
answers = []
for folder in json.load(sys.stdin):
    array = zarr.open_array(folder, mode="r", zarr_format=3)
    names, natural = array.metadata.dimension_names, array.attrs["darkroom"]["axes"]
    values = np.asarray(array[...])
    values = values.transpose([names.index(name) for name in natural]) if natural else values
    raw = values.astype(values.dtype.newbyteorder("<")).tobytes()
    answers.append([list(values.shape), values.dtype.name, hashlib.sha256(raw).hexdigest()])
print(json.dumps([zarr.__version__, answers]))
"""

EXAMPLES = [
    ("ramp", (2, 6, 70, 103), "u2"),
    ("ramp", (2, 6, 70, 103), "f4"),
    ("ramp", (2, 40, 32, 48), "u2"),  # that rises: see `values`
    ("groupdq", (2, 6, 70, 103), "u1"),
    ("slope", (3, 130, 100), "f4"),
    ("plane", (130, 100), "f4"),
    ("dq", (3, 130, 200), "u4"),
    ("frame", (200, 1500), "u2"),
    ("master", (200, 1500), "f4"),
    ("bytes", (2_500_000,), "u1"),
    ("array", (), "f8"),
    ("array", (9, 8, 7), "c8"),
    ("array", (2, 2, 3, 70, 5), "i8"),
    ("array", (0, 4), "f4"),
    ("rates", (7, 70, 103), "f4"),
    ("rates-dq", (7, 70, 103), "u4"),
]


HERE = {name: importlib.metadata.version(name) for name in ("zarr", "numcodecs", "pcodec")}
PROJECT = tomllib.loads(Path(__file__).parents[2].joinpath("pyproject.toml").read_text())["project"]
OLDEST = {name: re.search(rf"^{name}>=([\d.]+)", "\n".join(PROJECT["dependencies"]), re.MULTILINE)[1] for name in HERE}


@pytest.fixture(
    scope="session",
    params=[pytest.param(HERE, id="versions that are here"), pytest.param(OLDEST, id="oldest", marks=pytest.mark.slow)],
)
def stock(request, tmp_path_factory):
    """A new environment with zarr, numcodecs and pcodec, and its version of zarr; skips without a registry."""
    folder = tmp_path_factory.mktemp("stock")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    wanted = [f"{name}=={version}" for name, version in request.param.items()]
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", *wanted]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"pip cannot make an environment without darkroom: {done.stderr.strip()[-200:]}")
    return python, request.param["zarr"]


def values(rng, shape):
    """Noise; of 40 groups, ramps of unlike slopes, which are stored by second differences."""
    noise = rng.normal(100, 60, shape)
    if len(shape) == 4 and shape[1] == 40:
        slopes = rng.uniform(0, 900, shape[-2:])
        noise += slopes * np.arange(1, 41)[:, None, None]
    return noise


@pytest.mark.patient
def test_a_stock_python_reads_every_kind(stock, tmp_path):
    python, wanted = stock
    assert {kind for kind, _, _ in EXAMPLES} == set(KINDS)
    store = open_store(tmp_path / "store")
    rng = np.random.default_rng(8)
    folders, expected = [], []
    for kind, shape, dtype in EXAMPLES:
        array = values(rng, shape).astype(dtype)
        if array.dtype.kind == "f" and array.size > 9:
            array.reshape(-1)[:3] = np.nan, -0.0, np.inf
        ref = store.put(array, kind=kind)
        folders.append(str(tmp_path / "store" / ref.path))
        raw = array.astype(array.dtype.newbyteorder("<")).tobytes()
        expected.append([list(array.shape), array.dtype.name, hashlib.sha256(raw).hexdigest()])
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(
        [python, "-I", "-c", READER],
        input=json.dumps(folders), capture_output=True, text=True, env=clean, cwd=Path(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    version, answers = json.loads(done.stdout)
    assert answers == expected
    assert f"{version}.".startswith(f"{wanted}.")
