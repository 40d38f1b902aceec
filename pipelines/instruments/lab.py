"""Ramps of any detector by a profile: a cube whose axes, group time and window a TOML file names.

The table ``[ramp]`` of a profile makes exposures of a test stand what JWST's raw exposures are: ramps in the array
store, with the window on the detector, so that a pixel is followed through all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from typing import Any

from pipelines.instruments.errors import ProfileError
from pipelines.instruments.lookup import look_up
from pipelines.instruments.profile import ArrayRule, Derive, Derived, HduLike
from pipelines.instruments.tomlfile import TomlFile

__all__ = ["LabRamp", "read_ramp"]

AXES = (("integration", "group", "y", "x"), ("group", "y", "x"), ("integration*group", "y", "x"))
"""The axes a cube may have, in the order of numpy: the reverse of NAXIS1, NAXIS2 and so on."""

_FIELDS = frozenset(
    {"axes", "hdu", "group_time", "integrations", "first_x", "first_y", "columns", "rows", "reference", "readout"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabRamp:
    """What a profile says of its cubes.

    Attributes
    ----------
    axes : tuple of str
        One of `AXES`.
    columns, rows : int
        Of the detector.
    hdu : str
        EXTNAME of the cube, or ``PRIMARY``.
    group_time : float or str or None
        Seconds from one group to the next, or the keyword that says so.
    integrations : str
        Keyword of their number, where the groups of several follow each other on one axis.
    first_x, first_y : int or str
        First column and row on the detector, from 1, or the keywords that say so.
    reference : int
        Reference pixels along each edge.
    readout : str
        Keyword of the readout pattern; empty: there is none.

    Examples
    --------
    >>> LabRamp(axes=("group", "y", "x"), columns=2048, rows=2048).rules[0].ndim
    3
    """

    axes: tuple[str, ...]
    columns: int
    rows: int
    hdu: str = "PRIMARY"
    group_time: float | str | None = None
    integrations: str = ""
    first_x: int | str = 1
    first_y: int | str = 1
    reference: int = 4
    readout: str = ""

    @property
    def rules(self) -> tuple[ArrayRule, ...]:
        """What its array is."""
        return (ArrayRule(hdu=self.hdu, names=("sci",), kinds=("ramp",), ndim=len(self.axes)),)

    @property
    def derive(self) -> Derive:
        """What its documents have besides."""
        return partial(_derive, self)


def read_ramp(toml: TomlFile) -> LabRamp | None:
    """Read the table ``[ramp]`` of a profile; None without one.

    Raises
    ------
    UsageError
        It has a field that is not known, or says what makes no sense; with the line.
    """
    table = toml.content.get("ramp")
    if table is None:
        return None
    if not isinstance(table, dict):
        raise toml.wrong("ramp", "ramp is a table, [ramp]")
    toml.require_known(table, _FIELDS, "[ramp]")
    axes = table.get("axes")
    if not isinstance(axes, list) or tuple(axes) not in AXES:
        named = "; or ".join(str(list(choice)) for choice in AXES)
        raise toml.wrong("axes", f"axes of [ramp] are {named} (numpy's order, the reverse of NAXIS1, NAXIS2, ...)")
    for name in ("columns", "rows"):
        if not _whole(table.get(name), least=1):
            raise toml.wrong(name, f"{name} of [ramp] is the size of the detector, such as 2048")
    for name in ("first_x", "first_y"):
        if not (_whole(table.get(name, 1), least=1) or _word(table.get(name))):
            raise toml.wrong(name, f"{name} of [ramp] is a number from 1, or the keyword that says it")
    for name in ("hdu", "integrations", "readout"):
        if name in table and not _word(table[name]):
            raise toml.wrong(name, f"{name} of [ramp] is a word, in quotes")
    if not _whole(table.get("reference", 4), least=0):
        raise toml.wrong("reference", "reference of [ramp] is how many reference pixels there are along each edge")
    time = table.get("group_time")
    if time is not None and not (_word(time) or (_number(time) and 0 < time < math.inf)):
        raise toml.wrong("group_time", "group_time of [ramp] is a number of seconds, or the keyword that says it")
    if ("integrations" in table) != ("integration*group" in axes):
        raise toml.wrong("integrations", "integrations and the axis 'integration*group' of [ramp] go together")
    return LabRamp(**{**table, "axes": tuple(axes)})


def _derive(ramp: LabRamp, path: PurePath, hdus: Sequence[HduLike]) -> Derived:
    """Return numbers, window and group time of a cube; of a file without one nothing but a flag: it stays a frame."""
    cube = next((hdu for hdu in hdus if _is_cube(ramp, hdu)), None)
    if cube is None:
        return Derived(flags=("ramp-missing",))
    *before, ny, nx = cube.shape
    nints, ngroups = before if len(before) == 2 else (1, before[0])
    if ramp.integrations:
        said = look_up(hdus, ramp.integrations)
        if not _whole(said, least=1) or ngroups % said:
            raise ProfileError(
                "shape-mismatch",
                f"{path.name} has {ngroups} groups, which {ramp.integrations} = {said!r} integrations cannot share",
                "correct the header, or the table [ramp] of the profile",
            )
        nints, ngroups = said, ngroups // said
    flags = []
    corner = [look_up(hdus, at) if isinstance(at, str) else at for at in (ramp.first_x, ramp.first_y)]
    window = None
    if not all(_whole(at, least=1) for at in corner):
        flags.append("subarray-missing")
    elif corner[0] + nx - 1 > ramp.columns or corner[1] + ny - 1 > ramp.rows:
        flags.append("subarray-outside")
    else:
        window = {"x": corner[0], "y": corner[1], "nx": nx, "ny": ny}
    time: Any = look_up(hdus, ramp.group_time) if isinstance(ramp.group_time, str) else ramp.group_time
    if ramp.group_time is not None and not (_number(time) and time > 0):
        flags.append("group-time-missing")
        time = None
    readout = look_up(hdus, ramp.readout) if ramp.readout else None
    full = (nx, ny) == (ramp.columns, ramp.rows)
    fields: dict[str, Any] = {
        "nints": nints,
        "ngroups": ngroups,
        "window": window,
        "subarray": "FULL" if full else "GENERIC",
        "readpatt": None if readout is None else str(readout).strip(),
        "ramp": {
            "columns": ramp.columns,
            "rows": ramp.rows,
            "reference": ramp.reference,
            "group_time": None if time is None else float(time),
        },
    }
    return Derived(fields=fields, flags=tuple(flags), kind="uncal")


def _is_cube(ramp: LabRamp, hdu: HduLike) -> bool:
    name = "PRIMARY" if hdu.index == 0 else hdu.name.upper()
    return name == ramp.hdu.upper() and hdu.dtype is not None and len(hdu.shape) == len(ramp.axes)


def _whole(value: Any, *, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _word(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
