"""Reads the pixels asked for out of the cubes of the exposures found; what cannot be read is said, not dropped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines.documents.schema import Doc
from pipelines.pixels.coordinates import Ints, PixelCoordinates
from pipelines.pixels.exposures import Observed, unread_row
from pipelines.table import Row

if TYPE_CHECKING:
    from arraystore import ArrayStore

Array = npt.NDArray[Any]

SLOPE_ARRAYS = ("sci", "err", "dq")


@dataclass(frozen=True, slots=True)
class Ramps:
    """The ramps of the pixels in one exposure under one calibration. P of the pixels asked for are in its window.

    Attributes
    ----------
    observed
        The exposure and its documents.
    pixels
        Which of the pixels asked for, (P,).
    integrations
        Their numbers in the exposure, from 1, (nint,).
    group_time
        Seconds between groups; None where the header does not say.
    elapsed
        Seconds from the reset to the middle of each group, (ngroup,); None where the header does not say.
    raw, corrected, groupdq, refout
        (nint, ngroup, P), as stored: uint16, float32, uint8, and the raw reference output (else the
        calibrated file's) read with the pixel. None where there is no such product.
    pixeldq
        (P,) uint32, or None.
    """

    observed: Observed
    pixels: Ints
    integrations: Ints
    group_time: float | None
    elapsed: Array | None
    raw: Array | None
    corrected: Array | None
    groupdq: Array | None
    pixeldq: Array | None
    refout: Array | None

    @property
    def ngroups(self) -> int:
        """Groups in an integration."""
        ramp = self.raw if self.raw is not None else self.corrected
        return 0 if ramp is None else int(ramp.shape[1])


@dataclass(frozen=True, slots=True)
class Slopes:
    """The slopes of the pixels in one exposure under one calibration.

    Attributes
    ----------
    observed, pixels
        As of `Ramps`.
    integrations
        From 1; 0 for the mean of all, where there are no slopes of each.
    days
        Modified Julian date (UTC) of the middle of each integration: by the table INT_TIMES; without it taken as
        equally long between EXPSTART and EXPEND; else of EFFINTTM seconds each from the start of the exposure;
        else that start; NaN where no header says.
    timed_by
        What the times go by: ``INT_TIMES``, ``even spacing``, ``start`` or ``nothing``.
    slope, error, dq
        (nint, P): DN/s, DN/s, flags; error and flags are None where the file has none.
    """

    observed: Observed
    pixels: Ints
    integrations: Ints
    days: Array
    timed_by: str
    slope: Array
    error: Array | None
    dq: Array | None


@dataclass(frozen=True, slots=True)
class Want:
    """One array of one document, and where the pixels are in it (rows and columns from 0)."""

    document: Doc
    name: str
    rows: Ints
    columns: Ints


def read_ramps(
    store: ArrayStore, observed: Sequence[Observed], places: PixelCoordinates
) -> tuple[tuple[Ramps, ...], tuple[Row, ...]]:
    """Read raw and corrected ramps, flags and reference output of every exposure.

    Returns
    -------
    tuple of Ramps, tuple of dict
        In the order of `observed`; and a row for each array that could not be read.
    """
    wants: list[Want] = []
    for one in observed:
        for document in one.raw:
            wants += _wants(document, ("sci", "refout"), places)
        for document in one.products:
            names = ("sci", "groupdq", "pixeldq") if one.raw else ("sci", "groupdq", "pixeldq", "refout")
            wants += _wants(document, names, places)
    values, unread = read(store, wants, compact=places.box is not None)
    for one in observed:
        for document in one.raw:
            if (value := values.get((document["_id"], "sci"))) is not None and value.ndim == 2:
                # A cube of three axes: the groups of one integration, or of several one after the other.
                values[document["_id"], "sci"] = value.reshape(document["nints"], document["ngroups"], -1)
    ramps = [made for one in observed for made in _ramps(one, places, values, unread)]
    return tuple(ramps), tuple(unread)


def read(store: ArrayStore, wants: Sequence[Want], *, compact: bool) -> tuple[dict[tuple[str, str], Array], list[Row]]:
    """Read what is wanted of each array: values by document and array name, shape (..., P); and what failed.

    One pixel of many cubes goes the store's fast way; a cube that fails is then found by itself.
    """
    from arraystore import ArrayDamaged, InvalidRef, Lost, StoreTooNew

    failures = (Lost, ArrayDamaged, InvalidRef, StoreTooNew)
    # Row and column of the pixel in the arrays: the wants that share them are read together.
    groups: dict[tuple[int, int], dict[tuple[str, str], Want]] = defaultdict(dict)
    values: dict[tuple[str, str], Array] = {}
    unread: list[Row] = []
    several: dict[tuple[str, str], Want] = {}
    for want in wants:
        name = (want.document["_id"], want.name)
        if want.rows.size == 1:
            groups[int(want.rows[0]), int(want.columns[0])][name] = want
        else:
            several[name] = want
    for (row, column), alike in groups.items():
        refs = {name: want.document["arrays"][want.name] for name, want in alike.items()}
        once = {ref["digest"]: ref for ref in refs.values()}  # one mask serves many exposures, and is read once
        try:
            got = dict(zip(once, store.read_many(once.values(), np.s_[..., row, column]), strict=True))
        except failures:
            several |= alike
        else:
            values |= {name: got[ref["digest"]][..., np.newaxis] for name, ref in refs.items()}
    for name, want in several.items():
        try:
            values[name] = _gather(store.open(want.document["arrays"][want.name]), want, compact=compact)
        except (*failures, IndexError) as error:
            unread.append(unread_row(want.document.get("exposure"), name[0], want.name, str(error)))
    return values, unread


def _gather(cube: Any, want: Want, *, compact: bool) -> Array:
    rows, columns = want.rows, want.columns
    if compact:
        low, left = int(rows.min()), int(columns.min())
        slab = cube[..., low : int(rows.max()) + 1, left : int(columns.max()) + 1]
        gathered: Array = slab[..., rows - low, columns - left]
        return gathered
    return np.stack([cube[..., int(row), int(column)] for row, column in zip(rows, columns, strict=True)], axis=-1)


def _wants(document: Doc, names: Sequence[str], places: PixelCoordinates) -> list[Want]:
    window, arrays = document["window"], document.get("arrays") or {}
    rows, columns, reference = places.indices(window["x"], window["y"], window["nx"], window["ny"])
    return [Want(document, name, rows, reference if name == "refout" else columns) for name in names if name in arrays]


def _ramps(
    one: Observed, places: PixelCoordinates, values: Mapping[tuple[str, str], Array], unread: list[Row]
) -> list[Ramps]:
    """Join the segments of an exposure; raw and corrected apart where they do not fit each other."""
    raw, raw_numbers = _joined(one.raw, "sci", values, unread)
    corrected, numbers = _joined(one.products, "sci", values, unread)
    windows = [document["window"] for document in (*one.raw[:1], *one.products[:1])]
    placed = windows[0] == windows[-1]
    if raw is None or corrected is None or (placed and raw.shape == corrected.shape and (raw_numbers == numbers).all()):
        source = one.raw if raw is not None else one.products
        integrations = raw_numbers if raw is not None else numbers
        refout = _joined(source, "refout", values, unread, quiet=True)[0]
        whole = _together(one, places, values, integrations, (raw, corrected, refout))
        return [whole] if raw is not None or corrected is not None else []
    what = f"its integrations and groups, {corrected.shape[:2]}, are not those of the raw ramps, {raw.shape[:2]}"
    if not placed:
        corners = [f"{window['nx']} x {window['ny']} from {window['x']}, {window['y']}" for window in windows]
        what = f"its window, {corners[1]}, is not that of the raw ramps, {corners[0]}"
    reason = f"{what}: each stands for itself"
    unread.append(unread_row(one.exposure, one.products[0]["_id"], "raw", reason))
    alone = Observed(one.exposure, None, None, one.raw, ())
    calibrated = Observed(one.exposure, one.calibration, one.version, (), one.products)
    refout = _joined(one.raw, "refout", values, unread, quiet=True)[0]
    return [
        _together(alone, places, values, raw_numbers, (raw, None, refout)),
        _together(calibrated, places, values, numbers, (None, corrected, None)),
    ]


def _together(
    one: Observed,
    places: PixelCoordinates,
    values: Mapping[tuple[str, str], Array],
    integrations: Ints,
    arrays: tuple[Array | None, Array | None, Array | None],
) -> Ramps:
    """Make the ramps of one exposure from raw, corrected and reference output, and add the flags."""
    raw, corrected, refout = arrays
    ramp = raw if raw is not None else corrected
    shape = None if ramp is None else ramp.shape
    flags = None if corrected is None else _joined(one.products, "groupdq", values, [], quiet=True)[0]
    masks = [values[key] for d in one.products if (key := (d["_id"], "pixeldq")) in values]
    header = one.first.get("header") or {}
    lab = one.first.get("ramp")
    if lab is not None:  # its profile says what the keywords of JWST say elsewhere
        header = {"TGROUP": lab["group_time"]}
    time = header.get("TGROUP")
    return Ramps(
        observed=one,
        pixels=places.within(one.first["window"]),
        integrations=integrations,
        group_time=float(time) if isinstance(time, int | float) else None,
        elapsed=None if shape is None else _elapsed(header, shape[1]),
        raw=raw,
        corrected=corrected,
        groupdq=flags if flags is not None and flags.shape == shape else None,
        pixeldq=np.bitwise_or.reduce(masks, axis=0) if masks else None,
        refout=refout if refout is not None and refout.shape == shape else None,
    )


def _joined(
    documents: Sequence[Doc],
    name: str,
    values: Mapping[tuple[str, str], Array],
    unread: list[Row],
    *,
    quiet: bool = False,
) -> tuple[Array | None, Ints]:
    """Join an array of the segments along integrations, with the numbers of these."""
    parts, numbers = [], []
    for document in documents:
        value = values.get((document["_id"], name))
        if value is None:
            if not quiet and name not in (document.get("arrays") or {}):
                reason = "only its headers were ingested; ingest it without headers_only"
                unread.append(unread_row(document.get("exposure"), document["_id"], name, reason))
            continue
        first = (document.get("segment") or {"first": 1})["first"]
        parts.append(value)
        numbers.append(np.arange(first, first + value.shape[0], dtype=np.int64))
    if not parts or len({part.shape[1:] for part in parts}) > 1:
        if parts:
            reason = f"its segments have {sorted({part.shape[1] for part in parts})} groups"
            unread.append(unread_row(documents[0].get("exposure"), documents[0]["_id"], name, reason))
        return None, np.empty(0, np.int64)
    if len(parts) == 1:
        return parts[0], numbers[0]
    return np.concatenate(parts), np.concatenate(numbers)


def slope_of(
    one: Observed, places: PixelCoordinates, values: Mapping[tuple[str, str], Array], unread: list[Row]
) -> Slopes | None:
    """Put the slopes of an exposure together from arrays read, each (nint, P)."""
    slope, numbers = _joined(one.products, "sci", values, unread)
    if slope is None:
        return None
    error, dq = (_joined(one.products, name, values, unread, quiet=True)[0] for name in ("err", "dq"))
    if one.products[0]["kind"] == "rate":
        numbers = np.zeros_like(numbers)
    days, timed_by = _middles(one, numbers)
    return Slopes(
        observed=one,
        pixels=places.within(one.first["window"]),
        integrations=numbers,
        days=days,
        timed_by=timed_by,
        slope=slope,
        error=error if error is not None and error.shape == slope.shape else None,
        dq=dq if dq is not None and dq.shape == slope.shape else None,
    )


def slope_wants(one: Observed, places: PixelCoordinates) -> list[Want]:
    """Say which arrays hold the slopes of an exposure."""
    return [want for document in one.products for want in _wants(document, SLOPE_ARRAYS, places)]


def _elapsed(header: Mapping[str, Any], ngroups: int) -> Array | None:
    """Return the seconds from the reset to the middle of each group.

    A group is the mean of NFRAMES frames of TFRAME seconds; GROUPGAP frames are dropped between two groups, and
    DRPFRMS1 before the first. Without these keywords a group counts as read in one instant, TGROUP after the last.
    """
    frame, frames, gap, dropped = (header.get(key) for key in ("TFRAME", "NFRAMES", "GROUPGAP", "DRPFRMS1"))
    number = np.arange(ngroups)
    if isinstance(frame, int | float) and isinstance(frames, int) and isinstance(gap, int) and frames > 0:
        lost = dropped if isinstance(dropped, int) else 0
        exact: Array = frame * (lost + number * (frames + gap) + (frames + 1) / 2)
        return exact
    time = header.get("TGROUP")
    return (number + 1) * float(time) if isinstance(time, int | float) else None


def _middles(one: Observed, numbers: Ints) -> tuple[Array, str]:
    """Return the middle of each integration as a modified Julian date, and what it goes by."""
    known: dict[int, float] = {}
    for document in one.products:
        for times in (*document.get("raw_times", ()), document.get("int_times")):
            if times:
                known |= dict(enumerate(times["mid"], times["first"]))
    if known and numbers.size and all(int(number) in known for number in numbers):
        return np.asarray([known[int(number)] for number in numbers]), "INT_TIMES"
    header = one.products[0].get("header") or {}
    start, end, total = (header.get(key) for key in ("EXPSTART", "EXPEND", "NINTS"))
    if isinstance(start, int | float) and isinstance(end, int | float) and isinstance(total, int) and total > 0:
        share = np.where(numbers > 0, (numbers - 0.5) / max(total, int(numbers.max(initial=1))), 0.5)
        middles: Array = start + share * (end - start)
        return middles, "even spacing"
    begun, each = one.start, header.get("EFFINTTM")
    if begun is None:
        return np.full(numbers.shape, np.nan), "nothing"
    count = np.where(numbers > 0, numbers - 0.5, total / 2 if isinstance(total, int) else 0.5)
    spaced = isinstance(each, int | float)
    seconds = count * each if spaced else np.zeros(numbers.shape)
    return (begun.timestamp() + seconds) / 86400 + 40587, "even spacing" if spaced else "start"
