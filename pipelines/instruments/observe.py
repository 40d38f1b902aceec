"""Observe: the normalised fields of an observation, whatever the instrument, and where each comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipelines.instruments.beam import read_beam
from pipelines.instruments.cameras import read_camera
from pipelines.instruments.dialects import targets
from pipelines.instruments.dialects.entry import Key, own_keys
from pipelines.instruments.kinds import Stacking, read_stacking
from pipelines.instruments.lookup import Headers
from pipelines.instruments.moments import read_middle
from pipelines.instruments.profile import HduLike, Profile
from pipelines.instruments.sections import images
from pipelines.instruments.setup import Reading, read_setup
from pipelines.instruments.sites import NOWHERE, Place
from pipelines.instruments.values import angle, number

__all__ = ["Facts", "Observation", "observe"]

_AXES = {number: (Key(f"CTYPE{number}", "FITS standard"),) for number in "12345"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a file before its other fields are read.

    Attributes
    ----------
    instrument, camera, detector
        By the profile; None: the tables tell.
    kind, kind_source, kind_note
        What sort of frame, the keyword that says so, and a note (``'sky'``, ``'darkflat'``).
    timestamp
        When the exposure began.
    window
        Where the profile has worked it out.
    place
        The site.
    stacking
        Whether frames were combined into it; None: read it.
    names
        Name of the array of each HDU.
    """

    instrument: str | None = None
    camera: str | None = None
    detector: str | None = None
    kind: str = "image"
    kind_source: str | None = None
    kind_note: str = ""
    timestamp: datetime | None = None
    window: Mapping[str, Any] | None = None
    place: Place = NOWHERE
    stacking: Stacking | None = None
    names: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observation:
    """The normalised fields of one observation.

    Attributes
    ----------
    obs
        Values by field; a field that nothing states is not there.
    obs_from
        Keyword and HDU of each field, ``EXPTIME@0``; ``'profile'``, ``'path'``.
    flags
        What is missing, or doubtful.
    """

    obs: dict[str, Any]
    obs_from: dict[str, str]
    flags: tuple[str, ...]


def observe(hdus: Sequence[HduLike], profile: Profile, facts: Facts) -> Observation:
    """Read the normalised fields of an observation from its headers.

    Parameters
    ----------
    hdus
        Of the file, or as a document keeps them.
    profile
        Its keywords come before those of the tables.
    facts
        What is known already.

    Examples
    --------
    >>> from pipelines.instruments import profiles
    >>> from pipelines.instruments.lookup import StoredHdu
    >>> header = {"EXPTIME": "30 s", "XBINNING": 2, "YBINNING": 2, "INSTRUME": "ST-7", "SERIALNO": "A123"}
    >>> hdu = StoredHdu(0, "PRIMARY", 1, "primary", (4, 4), "uint16", header)
    >>> seen = observe([hdu], profiles()["generic"], Facts(kind="dark"))
    >>> [seen.obs[name] for name in ("camera", "exptime", "binning")], seen.obs_from["exptime"]
    (['A123', 30.0, [2, 2]], 'EXPTIME@0')
    """
    headers = Headers(hdus)
    extra = {name: own_keys(words) for name, words in profile.keywords}
    reading = Reading(headers, extra)
    read_camera(
        reading,
        camera=facts.camera,
        detector=facts.detector,
        instrument=facts.instrument,
        unique=profile.instrument.constant is not None and not profile.instrument.keywords,
    )
    _place(reading, facts.place)
    _target(reading)
    reading.put("kind_source", facts.kind_source, facts.kind_source or "")
    reading.sources.pop("kind_source", None)
    if facts.kind_note:
        reading.put("kind_note", facts.kind_note, facts.kind_source or "profile")
    read_setup(reading, window=dict(facts.window) if facts.window else None)
    read_beam(reading, kind=facts.kind)
    middle = read_middle(headers, facts.timestamp, reading.values.get("exptime"))
    if middle is not None:
        reading.put("mid", *middle)
    stacking = facts.stacking or read_stacking(headers)
    reading.put("stacked", stacking.count, stacking.combined or "assumed")
    reading.put("processed", stacking.processed, stacking.processed or "")
    if stacking.combined is None:
        del reading.sources["stacked"]
    found = images(headers, facts.names)
    if found:
        reading.values["images"] = found
    return Observation(reading.values, reading.sources, tuple(reading.flags))


def _place(reading: Reading, place: Place) -> None:
    site = {"longitude": place.longitude, "latitude": place.latitude, "zone": place.zone}
    known = {name: value for name, value in site.items() if value is not None}
    if known:
        reading.put("site", known, place.source or "profile")


def _target(reading: Reading) -> None:
    headers = reading.headers
    named = headers.find(reading.keys("object", targets.OBJECT))
    if named is not None:
        reading.put("object", str(named.value), named.source)
    coordinates = _coordinates(reading)
    if coordinates is not None:
        for name, value, source in coordinates:
            reading.put(name, value, source)
    for found in headers.each(reading.keys("airmass", targets.AIRMASS)):
        thick = number(found.value)
        if thick is not None and 0.9 <= thick < 100:
            reading.put("airmass", thick, found.source)
            break
    for found in headers.each(reading.keys("rotator", targets.ROTATOR)):
        turned = angle(found.value)
        if turned is not None:
            reading.put("rotator", round(turned % 360, 6) % 360, found.source)
            break


def _coordinates(reading: Reading) -> tuple[tuple[str, float, str], tuple[str, float, str]] | None:
    """Return right ascension and declination in degrees, both or none."""
    headers = reading.headers
    values = []
    for name, table in (("ra", targets.RA), ("dec", targets.DEC)):
        for found in headers.each(reading.keys(name, table)):
            if found.key.name.startswith("CRVAL") and not _is_celestial(headers, found.key.name, name):
                continue
            degrees = angle(found.value, hours=name == "ra" and found.key.unit != "deg")
            if degrees is not None and (0 <= degrees <= 360 if name == "ra" else abs(degrees) <= 90):
                values.append((name, round(degrees % 360 if name == "ra" else degrees, 7), found.source))
                break
    return (values[0], values[1]) if len(values) == 2 else None


def _is_celestial(headers: Headers, keyword: str, name: str) -> bool:
    axis = headers.find(_AXES.get(keyword[-1], ()), pixels=True)
    return axis is not None and str(axis.value).upper().startswith(name.upper())
