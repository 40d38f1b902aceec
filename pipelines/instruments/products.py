"""JWST products of the first stage: which a file is, whether its arrays fit each other, its part of an exposure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from pipelines.detectors.geometry import ALIASES, GEOMETRIES
from pipelines.instruments.errors import ProfileError
from pipelines.instruments.lookup import look_up
from pipelines.instruments.profile import HduLike

_AXES: Mapping[str, tuple[str, ...]] = {
    "uncal": ("integration", "group", "y", "x"),
    "ramp": ("integration", "group", "y", "x"),
    "rateints": ("integration", "y", "x"),
    "rate": ("y", "x"),
}
_MODELS = {"Level1bModel": "uncal", "RampModel": "ramp", "CubeModel": "rateints", "ImageModel": "rate"}
_UNCALIBRATED = frozenset({"uncalibrated", "uncal", "raw", "level 1b", "level1b"})
_AS_SCI = ("ERR", "DQ", "GROUPDQ", "VAR_POISSON", "VAR_RNOISE")

Shapes = dict[str, tuple[int, ...]]


def product_kind(path: PurePath, hdus: Sequence[HduLike], shapes: Shapes) -> tuple[str, list[str]]:
    """Tell the product: by its data model, else by the file's name, else by what it holds.

    A ramp that has no flags, and says in FILETYPE that it is uncalibrated, is so whatever its data model is called.
    """
    model = _MODELS.get(str(look_up(hdus, "DATAMODL")))
    ending = path.name.partition(".")[0].rpartition("_")[2]
    named = ending if ending in _AXES else None
    raw = str(look_up(hdus, "FILETYPE") or "").strip().lower() in _UNCALIBRATED
    if model == "ramp" and raw and not shapes.keys() & {"GROUPDQ", "PIXELDQ", "ERR"}:
        return "uncal", ["kind-conflict"]
    if model is not None and named is not None and model != named:
        return model, ["kind-conflict"]
    if model or named:
        return model or named or "", []
    ndim = len(shapes.get("SCI", ()))
    if ndim in (2, 3) and shapes.keys() & {"ERR", "DQ"}:
        return ("rate" if ndim == 2 else "rateints"), []
    return ("ramp" if "GROUPDQ" in shapes else "uncal"), []


def require_one_detector(path: PurePath, hdus: Sequence[HduLike]) -> None:
    """Refuse a file whose HDUs are of several detectors: its pixels would be those of one of them.

    Raises
    ------
    ProfileError
        ``header-mismatch``; the message names the detectors.
    """
    named = {str(value).strip().upper() for hdu in hdus if (value := hdu.header.get("DETECTOR")) is not None}
    if len(named) > 1:
        raise ProfileError(
            "header-mismatch",
            f"{path.name} holds several detectors, {', '.join(sorted(named))}, where a product is of one",
            "write a file for each detector, or ingest it with the generic profile",
        )


def detector_doubts(path: PurePath, hdus: Sequence[HduLike]) -> list[str]:
    """Return the flag for a file named for another detector than its header says; JWST writes both alike."""
    said = str(look_up(hdus, "DETECTOR") or "").strip().upper()
    parts = path.name.partition(".")[0].upper().split("_")
    named = {ALIASES.get(part, part) for part in parts} & GEOMETRIES.keys()
    return ["detector-conflict"] if said in GEOMETRIES and named and said not in named else []


def science_shape(path: PurePath, kind: str, shapes: Shapes) -> tuple[int, ...]:
    """Return the shape of SCI.

    Raises
    ------
    ProfileError
        ``shape-mismatch``: not of the axes of its kind, or the arrays do not fit each other.
    """
    shape = shapes.get("SCI", ())
    if len(shape) != len(_AXES[kind]):
        what = "ramps" if len(_AXES[kind]) == 4 else "slopes"
        raise ProfileError(
            "shape-mismatch",
            f"{path.name} has no {what}: SCI is of shape {shape}, not ({', '.join(_AXES[kind])})",
            "if it is another kind of file, ingest it with the generic profile",
        )
    expected: dict[str, tuple[int, ...]] = dict.fromkeys(_AS_SCI, shape) | {"PIXELDQ": shape[-2:]}
    for name, wanted in expected.items():
        if name in shapes and shapes[name] != wanted:
            raise ProfileError(
                "shape-mismatch",
                f"{path.name} has {name} of shape {shapes[name]} beside SCI of shape {shape}",
                "the product is incomplete or damaged; make it again, or ingest it with the generic profile",
            )
    return shape


def numbers(
    path: PurePath, kind: str, shape: tuple[int, ...], hdus: Sequence[HduLike]
) -> tuple[dict[str, Any], list[str]]:
    """Return nints, ngroups and the segment of a file, and flags where header and arrays differ."""
    ramps = len(shape) == 4
    said = look_up(hdus, "NINTS")
    nints = shape[0] if len(shape) > 2 else said
    fields: dict[str, Any] = {"nints": nints, "ngroups": shape[1] if ramps else look_up(hdus, "NGROUPS")}
    expected = {"columns": ("SUBSIZE1", shape[-1]), "rows": ("SUBSIZE2", shape[-2])}
    if ramps:
        expected["ngroups"] = ("NGROUPS", shape[1])
    segment = None
    if kind != "rate":
        segment = segment_of(path, shape[0], hdus)
        if segment is None:  # NINTS is the total of all segments in an exposure that was cut into segments
            expected["nints"] = ("NINTS", shape[0])
    flags = [f"{name}-conflict" for name, (key, real) in expected.items() if look_up(hdus, key) not in (None, real)]
    if segment is not None:
        fields["segment"] = segment
        if isinstance(said, int) and said < segment["last"]:
            flags.append("nints-of-segment")  # the header counts this file alone
    return fields, flags


def integration_times(hdus: Sequence[HduLike]) -> dict[str, Any]:
    """Return the middle of each integration (UTC, modified Julian date) by the table INT_TIMES; nothing without it.

    Returns
    -------
    dict
        ``int_times``: ``first``, the number of the first integration, from 1, and ``mid``, a list in order. A table
        whose numbers do not follow each other, or whose times are no numbers, says nothing.
    """
    found = next((hdu for hdu in hdus if hdu.name.upper() == "INT_TIMES" and hdu.kind == "bintable"), None)
    rows = None if found is None or found.table is None else found.table.read()
    if rows is None or rows.dtype.names is None or not rows.size:
        return {}
    names = {name.lower(): name for name in rows.dtype.names}
    if not {"integration_number", "int_mid_mjd_utc"} <= names.keys():
        return {}
    numbers = rows[names["integration_number"]].astype(np.int64)
    middles = rows[names["int_mid_mjd_utc"]].astype(np.float64)
    if not (np.isfinite(middles).all() and (numbers == numbers[0] + np.arange(numbers.size)).all()):
        return {}
    return {"int_times": {"first": int(numbers[0]), "mid": middles.tolist()}}


def segment_of(path: PurePath, nints: int, hdus: Sequence[HduLike]) -> dict[str, int] | None:
    """Return number, total, first and last integration of a segment; None for an exposure that is whole.

    Raises
    ------
    ProfileError
        ``header-mismatch``: it does not say which integrations of the exposure it holds, or other
        than there are.
    """
    total = look_up(hdus, "EXSEGTOT")
    if total in (None, 1):
        return None
    number, first, last = (look_up(hdus, key) for key in ("EXSEGNUM", "INTSTART", "INTEND"))
    if last is None and isinstance(first, int):
        last = first + nints - 1
    whole = all(type(n) is int and n > 0 for n in (total, number, first, last))
    if not whole or number > total or last - first + 1 != nints:
        raise ProfileError(
            "header-mismatch",
            f"{path.name} holds {nints} integrations of an exposure in EXSEGTOT={total} segments, and its header has "
            f"EXSEGNUM={number}, INTSTART={first}, INTEND={last}: which ones it holds cannot be told",
            "correct the header, or ingest it with the generic profile",
        )
    return {"number": number, "total": total, "first": first, "last": last}
