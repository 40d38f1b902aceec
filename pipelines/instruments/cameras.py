"""Camera: which individual camera a frame is from, or which model, and never a guess."""

from __future__ import annotations

import re

from pipelines.instruments.dialects import cameras as tables
from pipelines.instruments.lookup import Found
from pipelines.instruments.moments import read_instant
from pipelines.instruments.setup import Reading

__all__ = ["individual", "read_camera"]

_NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]*")
_SHORTEST = 4
"""Characters from which a serial number stands alone; a shorter one may be another maker's too."""


def individual(reading: Reading) -> Found | None:
    """Return what tells the camera from every other: a serial number, an identifier; None without."""
    for found in reading.headers.each(reading.keys("camera", tables.INDIVIDUAL), pixels=True):
        if _is_name(found):
            return found
    return None


def model(reading: Reading) -> Found | None:
    """Return what names the model of a camera, or an observatory's instrument; None without."""
    for found in reading.headers.each(reading.keys("instrument", tables.MODEL)):
        text = str(found.value)
        # CAMERA is a focal length (INT/IDS: 235) or a place (HST: 2) where it is a number.
        if _NUMBER.fullmatch(text) is None and _is_name(found):
            return found
    return None


def read_camera(
    reading: Reading, *, camera: str | None, detector: str | None, instrument: str | None, unique: bool
) -> None:
    """Read telescope, instrument, camera and detector.

    Parameters
    ----------
    camera, detector, instrument
        What the profile says already; None: nothing.
    unique
        The profile is of one instrument, so its name, with the detector's, is an individual.
    """
    headers = reading.headers
    telescope = next((f for f in headers.each(reading.keys("telescope", tables.TELESCOPE)) if _is_name(f)), None)
    if telescope is not None:
        reading.put("telescope", str(telescope.value), telescope.source)
    named = model(reading)
    if instrument is not None:
        reading.put("instrument", instrument, "profile")
    elif named is not None:
        reading.put("instrument", str(named.value), named.source)
    if detector is not None:
        reading.put("detector", detector, "profile")
    else:
        chip = next(
            (f for f in headers.each(reading.keys("detector", tables.DETECTOR), pixels=True) if _is_name(f)), None
        )
        if chip is not None:
            reading.put("detector", str(chip.value), chip.source)
    if camera is not None:
        reading.put("camera", camera, "profile")
        return
    serial = individual(reading)
    if serial is not None:
        whole = isinstance(serial.value, float) and serial.value == int(serial.value)
        text = str(int(serial.value) if whole else serial.value)
        if len(text) < _SHORTEST and "instrument" in reading.values:
            text = f"{reading.values['instrument']} {text}"
        reading.put("camera", text, serial.source)
    elif unique and instrument is not None:
        reading.put("camera", " ".join(filter(None, (instrument, detector))), "profile")
    elif named is not None:
        place = f" at {telescope.value}" if telescope is not None else ""
        source = named.source + (f", {telescope.source}" if telescope is not None else "")
        reading.put("camera", f"{named.value}{place}", source)
        reading.flags.append("camera-model-only")
    elif headers.image is not None:
        reading.flags.append("camera-missing")


def _is_name(found: Found) -> bool:
    """Tell whether a value can name something: neither a logical nor an instant of time."""
    text = str(found.value)
    return not isinstance(found.value, bool) and read_instant(text) is None
