"""Fixtures that several packages' tests share: small real FITS files, archives, hypothesis profiles."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# By default the same examples every run; `HYPOTHESIS_PROFILE=thorough` looks for new ones.
settings.register_profile(
    "default",
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.register_profile(
    "thorough", parent=settings.get_profile("default"), derandomize=False, max_examples=2000, database=None
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

WriteFrame = Callable[..., Path]

MEMORY = Path("/dev/shm")


def pytest_configure() -> None:
    """Keep the tests' folders in memory, where there is room; ``TMPDIR`` names another place.

    It is processes that die in the tests, never the machine: forcing to disk only takes time.
    """
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 << 30:
        os.environ.setdefault("TMPDIR", str(MEMORY))
        tempfile.tempdir = None  # asked for before, it would be the old one still


@pytest.fixture
def write_frame(tmp_path: Path) -> WriteFrame:
    """Write a small Dragonfly-like frame with astropy; keywords override cards."""
    from astropy.io import fits

    def write(
        name: str = "Dragonfly101/2024-02-20/T13080513_31_dark.fits",
        *,
        folder: Path | None = None,
        pixels: np.ndarray | None = None,
        seed: int = 0,
        **cards: object,
    ) -> Path:
        path = (folder or tmp_path / "raw") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if pixels is None:
            pixels = np.random.default_rng(seed).normal(1000, 10, (24, 32)).astype(np.uint16)
        serial, _, kind = path.stem.split("_") if path.stem.count("_") == 2 else ("T1", "0", "dark")
        header = fits.Header()
        values = {
            "DATE": "2024-02-21T01:43:11",
            "EXPTIME": 9.0,
            "IMAGETYP": kind,
            "SERIALNO": serial,
            "FILTER": "G",
            "TEMPERAT": -10.0,
            **cards,
        }
        for key, value in values.items():
            if value is not None:
                header[key] = value
        fits.PrimaryHDU(pixels, header).writeto(path, overwrite=True)
        return path

    return write


@pytest.fixture
def miri_exposure() -> Path:
    """The real MIRI ground-test exposure, where the environment says it is."""
    place = os.environ.get("DARKROOM_MIRI_EXPOSURE")
    if not place:
        pytest.skip("DARKROOM_MIRI_EXPOSURE does not name the real MIRI exposure (MIRI_5582_89_S_….fits)")
    return Path(place)


@pytest.fixture
def alone(monkeypatch):
    """Say that nobody else is at work: what looks wrong for a moment is not looked at again after a pause."""
    from pipelines.documents import strangers
    from pipelines.upkeep import doubles

    monkeypatch.setattr(strangers, "PATIENCE", 0.0)
    monkeypatch.setattr(doubles, "PATIENCE", 0.0)


@pytest.fixture(autouse=True)
def home_of_the_environment():
    """Put DARKROOM_HOME back: the command sets it for its own process, which here is that of the tests."""
    before = os.environ.get("DARKROOM_HOME")
    yield
    if before is None:
        os.environ.pop("DARKROOM_HOME", None)
    else:
        os.environ["DARKROOM_HOME"] = before
