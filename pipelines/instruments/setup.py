"""Setup: how the detector was read, from the tables of exposure, temperature, geometry and readout."""

from __future__ import annotations

import re
from typing import Any

from pipelines.instruments.dialects import exposure, geometry, readout, temperature
from pipelines.instruments.dialects.entry import Key
from pipelines.instruments.lookup import Found, Headers
from pipelines.instruments.values import measure, number, section, squeezed, whole

__all__ = ["Reading", "read_setup"]

_DIFFERENT = 0.01  # relative: EXPTIME is rounded where EXPOSURE is not
_SATURATES = {"uint8": 255, "int16": 32767, "uint16": 65535}
_MOST_E_PER_ADU = 20.0


class Reading:
    """Fields of an observation as they are read: values, sources and flags.

    Attributes
    ----------
    values, sources
        By field.
    flags
        What is missing, or doubtful.
    """

    def __init__(self, headers: Headers, extra: dict[str, tuple[Key, ...]]) -> None:
        self.headers = headers
        self.values: dict[str, Any] = {}
        self.sources: dict[str, str] = {}
        self.flags: list[str] = []
        self._extra = extra

    def keys(self, name: str, table: tuple[Key, ...]) -> tuple[Key, ...]:
        """Return the keywords of a field: those of the profile before those of the table."""
        return (*self._extra[name], *table) if name in self._extra else table

    def put(self, name: str, value: Any, source: str) -> None:
        """Keep a field; None is no value."""
        if value is not None:
            self.values[name] = value
            self.sources[name] = source

    def numeric(
        self, name: str, table: tuple[Key, ...], *, least: float = float("-inf"), above: float | None = None
    ) -> None:
        """Keep the first number of a table that is at least, or above, a limit."""
        for found in self.headers.each(self.keys(name, table), pixels=True):
            value = number(found.value)
            if value is not None and value >= least and (above is None or value > above):
                self.put(name, value, found.source)
                return


def read_setup(reading: Reading, *, window: dict[str, int] | None = None) -> None:
    """Read exposure, temperature, binning, window, mode, gain, offset, noise, saturation, coadds, bayer.

    Parameters
    ----------
    window
        The window that the profile has worked out already.
    """
    _exposure(reading)
    _temperatures(reading)
    _binning(reading)
    _window(reading, window)
    _mode(reading)
    _gain(reading)
    reading.numeric("offset_setting", readout.OFFSETS)
    reading.numeric("read_noise", readout.READ_NOISE, above=0.0)
    _saturation(reading)
    _bayer(reading)


def seconds(found: Found, unit: str) -> float | None:
    """Return a time in seconds: by the unit beside the number, the keyword's, else the one given."""
    read = measure(found.value)
    if read is None:
        return None
    factor = exposure.TIME_UNITS.get((read[1] or found.key.unit or unit).lower())
    return None if factor is None or read[0] < 0 else read[0] * factor


def _exposure(reading: Reading) -> None:
    headers = reading.headers
    unit_found = headers.find(exposure.EXPOSURE_UNIT[:1])
    unit = str(unit_found.value).lower() if unit_found is not None else ""
    times = [(found, seconds(found, unit)) for found in headers.each(reading.keys("exptime", exposure.EXPTIME))]
    read = [(found, value) for found, value in times if value is not None]
    if read:
        found, value = next(((f, v) for f, v in read if v > 0), read[0])
        reading.put("exptime", value, found.source)
        for other, seen in read:
            both = {found.key.name, other.key.name} == {"EXPTIME", "EXPOSURE"} and seen > 0
            if both and abs(seen - value) > _DIFFERENT * max(seen, value):
                reading.flags.append("exptime-doubtful")
    elif times:
        reading.flags.append("exptime-unreadable")
    dark = headers.find(reading.keys("darktime", exposure.DARKTIME))
    if dark is not None:
        reading.put("darktime", seconds(dark, unit), dark.source)
    for found in headers.each(reading.keys("coadds", exposure.COADDS)):
        count = whole(found.value)
        if count is not None and count >= 1:
            reading.put("coadds", count, found.source)
            break


def _temperatures(reading: Reading) -> None:
    for name, table in (("set_temperature", temperature.SET), ("temperature", temperature.MEASURED)):
        for found in reading.headers.each(reading.keys(name, table), pixels=True):
            celsius = _celsius(found)
            if celsius is not None:
                reading.put(name, celsius, found.source)
                break


def _celsius(found: Found) -> float | None:
    read = measure(found.value)
    if read is None:
        return None
    value, unit = read[0], (read[1] or found.key.unit).upper()
    if unit == "F":
        value = (value - 32) / 1.8
    elif unit == "K" or value >= temperature.KELVIN_FROM:
        value -= 273.15
    return round(value, 4) if -274 < value < temperature.KELVIN_FROM else None


def _binning(reading: Reading) -> None:
    headers = reading.headers
    x = headers.find(reading.keys("binning_x", geometry.BINNING_X), pixels=True)
    y = headers.find(reading.keys("binning_y", geometry.BINNING_Y), pixels=True)
    first = whole(x.value) if x is not None else None
    second = whole(y.value) if y is not None else None
    if x is not None and first is not None and first > 0:
        # ESO writes BINX alone where both are the same.
        reading.put("binning", [first, second if second is not None and second > 0 else first], x.source)
        return
    for found in headers.each(reading.keys("binning", geometry.BINNING_BOTH), pixels=True):
        numbers = [int(text) for text in re.findall(r"[0-9]+", str(found.value))][:2]
        if numbers and min(numbers) > 0:
            reading.put("binning", [numbers[0], numbers[-1]], found.source)
            return


def _window(reading: Reading, known: dict[str, int] | None) -> None:
    headers = reading.headers
    if known is not None:
        reading.put("window", {name: known[name] for name in ("x", "y", "nx", "ny")}, "profile")
        return
    if headers.image is None or len(headers.image.shape) < 2:
        return
    ny, nx = headers.image.shape[-2:]
    corner = []
    for table in (geometry.CORNER_X, geometry.CORNER_Y):
        found = headers.find(table, pixels=True)
        value = whole(found.value) if found is not None else None
        if found is None or value is None:
            break
        corner.append((value + (found.key.unit == "from 0"), found.source))
    if len(corner) == 2:
        reading.put("window", {"x": corner[0][0], "y": corner[1][0], "nx": nx, "ny": ny}, corner[0][1])
        return
    for found in headers.each(reading.keys("window", geometry.WINDOW_SECTIONS), pixels=True):
        window = _of_section(found)
        if window is not None:
            reading.put("window", window, found.source)
            return


def _of_section(found: Found) -> dict[str, int] | None:
    text = section(found.value)
    numbers = [int(part) for part in re.findall(r"[0-9]+", text or str(found.value))]
    if len(numbers) != 4 or (text is None and found.key.name not in ("SUBRECT", "IMGRECT")):
        return None
    x1, x2 = sorted(numbers[:2])
    y1, y2 = sorted(numbers[2:])
    return {"x": x1, "y": y1, "nx": x2 - x1 + 1, "ny": y2 - y1 + 1}


def _mode(reading: Reading) -> None:
    found = list(reading.headers.each(reading.keys("mode", readout.MODES), pixels=True))
    said = {item.key.name: _word(item.value) for item in found}
    if said:
        source = ", ".join(item.source for item in found)
        reading.put("mode", "; ".join(f"{name} {value}" for name, value in said.items()), source)


def _word(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return " ".join(str(value).split())


def _gain(reading: Reading) -> None:
    """Read the camera's setting, and electrons per ADU: GAIN is either, by its value and what stands beside it."""
    headers = reading.headers
    setting = next(iter(headers.each(reading.keys("gain_setting", readout.GAIN_SETTINGS), pixels=True)), None)
    if setting is not None:
        value = number(setting.value)
        reading.put("gain_setting", _word(setting.value) if value is None else value, setting.source)
    reading.numeric("gain", readout.E_PER_ADU, above=0.0)
    if "gain" in reading.values:
        return
    for found in headers.each(readout.ADU_PER_E, pixels=True):
        value = number(found.value)
        if value is not None and value > 0:
            reading.put("gain", round(1 / value, 6), f"1/{found.source}")
            return
    plain_gain = headers.find((readout.GAIN,), pixels=True)
    if plain_gain is not None and _is_physical(reading, plain_gain):
        reading.put("gain", number(plain_gain.value), plain_gain.source)


def _is_physical(reading: Reading, gain: Found) -> bool:
    """Tell whether GAIN is in electrons per ADU."""
    value = number(gain.value)
    if value is None or not 0 < value <= _MOST_E_PER_ADU:
        return False
    headers = reading.headers
    for found in headers.each(readout.WRITERS):
        if any(name in str(found.value).lower() for name in readout.SETTING_WRITERS):
            return False
    if headers.find(readout.OFFSETS, pixels=True) is not None:
        return False  # a gain beside an offset is a setting of the same driver
    # Beside a read noise it is a property of the detector; else a whole number is more likely a setting.
    return headers.find(readout.READ_NOISE, pixels=True) is not None or value != int(value)


def _saturation(reading: Reading) -> None:
    headers = reading.headers
    for found in headers.each(reading.keys("saturation", readout.SATURATION), pixels=True):
        value = number(found.value)
        if value is None or value <= 0:
            continue
        if found.key.unit == "e-":
            if "gain" not in reading.values:
                continue
            value = round(value / reading.values["gain"], 1)
        reading.put("saturation", value, found.source)
        return
    limit = _SATURATES.get(headers.image.dtype or "") if headers.image is not None else None
    if limit is not None:
        reading.put("saturation", float(limit), "BITPIX")


def _bayer(reading: Reading) -> None:
    headers = reading.headers
    for found in headers.each(reading.keys("bayer", readout.BAYER), pixels=True):
        text = str(found.value).strip().upper()
        if squeezed(text) in ("0", "mono", "grayscale", "greyscale", "false", "no"):
            continue
        shifts = [whole(item.value) for item in headers.each(readout.BAYER_SHIFT)]
        moved = "".join(f"{shift:+d}" for shift in shifts if shift is not None) if any(shifts) else ""
        reading.put("bayer", text + moved, found.source)
        return
