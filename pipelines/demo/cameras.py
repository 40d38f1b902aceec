"""The cameras of the simulated array, and what each of their pixels does with time and light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[np.uint16]
Plane = npt.NDArray[np.float32]

SATURATION = 65535


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera as it truly is.

    Attributes
    ----------
    unit
        Its folder, such as ``'Dragonfly101'``.
    serial
        Serial number of the sensor.
    bias
        Level without light and time, ADU.
    dark_rate
        Median dark current, ADU / s.
    read_noise
        Standard deviation of a read, ADU.
    gain
        Electrons per ADU.
    hot
        (row, column) of its hot pixels, from 0, in order.
    """

    unit: str
    serial: str
    bias: float
    dark_rate: float
    read_noise: float
    gain: float
    hot: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Sensor:
    """The pixels of a camera: what each adds, in ADU and ADU / s, and how each responds to light."""

    camera: Camera
    bias: Plane
    dark: Plane
    response: Plane

    def expose(
        self, rng: np.random.Generator, seconds: float, light: Plane | float = 0.0, *, warmer: float = 0.0
    ) -> Frame:
        """Take a frame, uint16, of `seconds` under `light`, ADU before the response of each pixel.

        A sensor that is `warmer` by some degrees than it should be has more dark current: twice as much
        for every six, as silicon has. The noise is that of the reads and of the electrons, normal for
        both; now and then a cosmic ray hits.
        """
        current = self.dark * np.float32(2 ** (warmer / 6))
        electrons = current * np.float32(seconds) + self.response * np.asarray(light, np.float32)
        camera = self.camera
        sigma = np.sqrt(np.float32(camera.read_noise**2) + electrons / np.float32(camera.gain))
        frame = self.bias + electrons + sigma * rng.standard_normal(electrons.shape, dtype=np.float32)
        hits = rng.poisson(2e-6 * seconds * frame.size)
        frame.flat[rng.integers(0, frame.size, hits)] += rng.gamma(2.0, 600.0, hits).astype(np.float32)
        counts: Frame = np.clip(np.rint(frame), 0, SATURATION).astype(np.uint16)
        return counts


def cameras(count: int, shape: tuple[int, int], *, seed: int) -> list[Sensor]:
    """Make the first `count` cameras of the array.

    Parameters
    ----------
    count
        1..48, on two mounts of 24.
    shape
        Rows and columns of a frame.
    seed
        Of the array; a camera's pixels depend on it, on the shape and on nothing else.

    Raises
    ------
    ValueError
        There are no so many cameras.
    """
    if not 1 <= count <= 48:
        raise ValueError(f"the array has 48 cameras, not {count}; ask for 1 to 48")
    return [_sensor(index, shape, seed) for index in range(count)]


def _sensor(index: int, shape: tuple[int, int], seed: int) -> Sensor:
    rng = np.random.default_rng((seed, index))
    pixels = shape[0] * shape[1]
    hot = np.sort(rng.choice(pixels, size=max(1, pixels // 2500), replace=False))
    rate = float(rng.uniform(0.15, 0.4))
    dark = np.float32(rate) * np.exp(np.float32(0.15) * rng.standard_normal(shape, dtype=np.float32))
    dark.flat[hot] += rng.uniform(30.0, 400.0, len(hot)).astype(np.float32)
    level = float(rng.uniform(950.0, 1100.0))
    rows, columns = (np.linspace(-1, 1, size, dtype=np.float32) for size in shape)
    vignetting = np.float32(1) - np.float32(0.18) * (rows[:, np.newaxis] ** 2 + columns**2) / np.float32(2)
    camera = Camera(
        # The second mount's units count from 201, as those of the array do.
        unit=f"Dragonfly{101 + index if index < 24 else 201 + index - 24}",
        serial=_serial(index),
        bias=level,
        dark_rate=rate,
        read_noise=float(rng.uniform(7.0, 12.0)),
        gain=float(rng.uniform(0.35, 0.45)),
        hot=tuple((int(place) // shape[1], int(place) % shape[1]) for place in hot),
    )
    return Sensor(
        camera,
        np.float32(level) + np.float32(2) * rng.standard_normal(shape, dtype=np.float32),
        dark,
        vignetting * (1 + np.float32(0.01) * rng.standard_normal(shape, dtype=np.float32)),
    )


def _serial(index: int) -> str:
    """Make a serial number in one of the two styles of the array's sensors."""
    if index % 4 == 3:
        return f"83F010{600 + 37 * index % 400:03d}"
    return f"T13{6 + index % 6:02d}0{400 + 59 * index % 300:03d}"


def field_of_stars(rng: np.random.Generator, shape: tuple[int, int], count: int, fwhm: float) -> Plane:
    """Make a picture of `count` stars, ADU, each a Gaussian of `fwhm` pixels, with fluxes of a power law."""
    reach = int(np.ceil(2 * fwhm))
    sky = np.zeros((shape[0] + 2 * reach, shape[1] + 2 * reach), np.float32)
    y, x = rng.uniform(0, shape[0] - 1, count), rng.uniform(0, shape[1] - 1, count)
    flux = 2e4 * (1 - rng.random(count)) ** -0.8
    steps = np.arange(-reach, reach + 1)
    sigma = fwhm / 2.3548
    row, column = np.rint(y).astype(int), np.rint(x).astype(int)

    def profile(places: Any, nearest: Any) -> Any:
        distance = steps[np.newaxis, :] + (nearest - places)[:, np.newaxis]
        return np.exp(-(distance**2) / (2 * sigma**2))

    stamps = profile(y, row)[:, :, np.newaxis] * profile(x, column)[:, np.newaxis, :]
    stamps *= (flux / (2 * np.pi * sigma**2))[:, np.newaxis, np.newaxis]
    # Row r of the picture is row r + reach of the padded one, so a stamp starts at r.
    at_rows = (row[:, np.newaxis] + steps + reach)[:, :, np.newaxis]
    at_columns = (column[:, np.newaxis] + steps + reach)[:, np.newaxis, :]
    np.add.at(sky, (at_rows, at_columns), stamps.astype(np.float32))
    return sky[reach:-reach, reach:-reach]
