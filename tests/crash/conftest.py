"""Where archives are killed: in memory, where there is such a folder."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")


@pytest.fixture
def tmp_path(tmp_path):
    """A folder in memory: it is processes that die here, never the machine, and forcing to disk only takes time."""
    if not (MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 1 << 30):
        yield tmp_path
        return
    place = Path(tempfile.mkdtemp(prefix="darkroom-", dir=MEMORY))
    yield place
    shutil.rmtree(place, ignore_errors=True)
