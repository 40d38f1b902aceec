"""Shared: the observation fields of a master, which are those that its frames share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from catalog import Collection
from pipelines.documents.lookup import found_in
from pipelines.documents.observations import profile_of
from pipelines.documents.schema import RESIDUE, Document
from pipelines.instruments import Facts, Observation, StoredHdu, observe

__all__ = ["observed_master", "shared_obs"]

_MIDDLE = frozenset({"exptime", "darktime", "temperature", "set_temperature", "gain", "read_noise", "saturation"})
"""Numbers of which a master has the median where its frames differ within their tolerance."""

_OF_ONE_FRAME = frozenset({"mid", "kind_source", "time_doubt", "airmass", "processed"})
_OF_KEYS = ("camera", "exptime", "temperature", "filter")
"""Keys of masters of the first releases that are observation fields by the same name."""

_OF_SETUP = ("telescope", "detector", "binning", "window", "mode", "gain_setting", "offset_setting", "gain", "coadds")
"""Keys that are observation fields since."""


def shared_obs(frames: Sequence[Mapping[str, Any]]) -> Observation:
    """Return the observation fields that frames share.

    Parameters
    ----------
    frames
        The observation fields of each.

    Returns
    -------
    Observation
        What all say alike; the median of exposure times, temperatures, gains and levels that differ; ``stacked``, how
        many frames there are. What differs otherwise, and what is of one moment, is not there. ``obs_from`` is
        ``'frames'``, or ``'median of frames'``.

    Examples
    --------
    >>> shared_obs([{"camera": "A", "exptime": 30.0, "ra": 1.0}, {"camera": "A", "exptime": 30.1, "ra": 2.0}]).obs
    {'camera': 'A', 'exptime': 30.05, 'stacked': 2}
    """
    obs: dict[str, Any] = {}
    sources: dict[str, str] = {}
    first, *others = frames or [{}]
    for name, value in first.items():
        if name in _OF_ONE_FRAME or name == "stacked" or not all(name in other for other in others):
            continue
        if all(other[name] == value for other in others):
            obs[name], sources[name] = value, "frames"
        elif name in _MIDDLE:
            obs[name], sources[name] = round(float(median(frame[name] for frame in frames)), 9), "median of frames"
    obs["stacked"], sources["stacked"] = sum(int(frame.get("stacked") or 1) for frame in frames), "frames"
    return Observation(obs, sources, ())


def observed_master(master: Document, headers: Collection | None = None) -> Observation:
    """Return the observation fields of a master that keeps none.

    Parameters
    ----------
    headers
        Where its frames are. Without, or where one of them is gone or has no observation fields itself, the master's
        own header tells, which has the keywords in which its frames agree, and its key.
    """
    names = [item["id"] for item in master.get("inputs") or ()]
    if headers is not None and names:
        frames = {frame["_id"]: frame.get("obs") for frame in found_in(headers, "_id", names, {"obs": 1})}
        if all(frames.get(name) for name in names):
            return shared_obs([frames[name] or {} for name in sorted(names)])
    return _by_header(master, len(names))


def _by_header(master: Document, count: int) -> Observation:
    profile, key = profile_of(master), master.get("key") or {}
    planes = [ref for name, ref in (master.get("arrays") or {}).items() if name != RESIDUE]
    shape = tuple(planes[0]["shape"]) if planes else ()
    hdu = StoredHdu(0, "PRIMARY", 1, "primary", shape, None, dict(master.get("header") or {}))
    constant = profile.instrument.constant if not profile.instrument.keywords else None
    facts = Facts(instrument=constant, camera=master.get("camera") or None, kind=str(master.get("kind", "")))
    seen = observe([hdu], profile, facts)
    obs = {name: value for name, value in seen.obs.items() if name not in _OF_ONE_FRAME | {"images"}}
    sources = {name: source for name, source in seen.obs_from.items() if name in obs}
    for name in (
        _OF_KEYS if "xbinning" in key else (*_OF_KEYS, *_OF_SETUP)
    ):  # what the frames were grouped by comes before what their headers say
        value = key.get(name)
        if value is not None and value != obs.get(name):
            obs[name], sources[name] = value, "key"
    obs.pop("stacked", None)
    if count:
        obs["stacked"], sources["stacked"] = count, "inputs"
    return Observation(obs, sources, ())
