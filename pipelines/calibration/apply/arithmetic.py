"""The arithmetic of calibration, band by band: subtract, divide, convert; variance and mask go with the value.

The order is that of ccdproc: overscan, trim, bias, dark, flat, gain. With the same masters, a flat whose
``norm_value`` is 1, and the same variance of the raw frame, the value and the mask are those of ccdproc to
rounding; so is the variance, but for a bias that is used twice (in the frame and in a scaled dark), of whose
noise only ``1 - scale`` remains, where ccdproc takes the two for independent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from arraystore import ArrayStore
from pipelines.calibration.apply.foreign import foreign_planes, is_foreign
from pipelines.calibration.apply.plan import Conversion, Correction
from pipelines.calibration.masters.bits import bad_pixels
from pipelines.calibration.masters.images import of_image, planes_of
from pipelines.calibration.masters.lamp import by_spectrum
from pipelines.documents.schema import Doc
from pipelines.errors import UsageError

__all__ = ["Corrected", "Planes", "correct", "prepare"]

Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

BAND = 64
"""Rows worked on together: one row of chunks, whose temporary arrays stay in the cache."""


class Rows(Protocol):
    """A frame that gives its rows."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def read(self, start: int, stop: int) -> npt.NDArray[Any]: ...


@dataclass(frozen=True, slots=True)
class Planes:
    """The masters of a setup, as the arithmetic wants them; all of one image and one shape, (y, x).

    Attributes
    ----------
    unlit, unlit_variance : ndarray of float32
        What is subtracted, and its variance, in units of the raw frame.
    flat, flat_variance : ndarray of float32 or None
        What is divided by, and its variance over its square.
    mask : ndarray of bool
        Where a master is of no use.
    level : float
        Median of `unlit`: what a pixel holds without light.
    """

    unlit: Plane
    unlit_variance: Plane
    flat: Plane | None
    flat_variance: Plane | None
    mask: Mask
    level: float


@dataclass(frozen=True, slots=True)
class Corrected:
    """A calibrated image, (y, x).

    Attributes
    ----------
    value : ndarray of float32
        In electrons, or in units of the raw frame.
    variance : ndarray of float32 or None
        In its square; None where the noise of a sample is not known.
    mask : ndarray of bool
        True where the value is of no use.
    """

    value: Plane
    variance: Plane | None
    mask: Mask


def prepare(correction: Correction, image: str, store: ArrayStore) -> Planes:
    """Read the masters of a correction for one image.

    Raises
    ------
    UsageError
        Masters differ in shape, or one made elsewhere does not fit.
    arraystore.Lost, arraystore.ArrayDamaged
        A plane is not what was stored.
    """
    read = {
        role: foreign_planes(doc, image, store, correction.frame) if is_foreign(doc) else _planes(doc, image, store)
        for role, doc in correction.masters
    }
    shapes: set[str] = {str(plane.shape) for planes in read.values() for plane in planes.values()}
    if len(shapes) > 1:
        raise UsageError(f"the masters of {correction.frame['_id']} differ in shape: {', '.join(sorted(shapes))}")
    unlit, variance = _unlit(read, correction.scale)
    mask = np.zeros(unlit.shape, bool)
    for planes in read.values():
        if "dq" in planes:
            mask |= bad_pixels(planes["dq"])
    flat: Plane | None = None
    flat_variance: Plane | None = None
    if "flat" in read:
        flat, lamp = _response(dict(correction.masters)["flat"], image, read["flat"]["value"])
        with np.errstate(divide="ignore", invalid="ignore"):
            flat_variance = (read["flat"]["variance_model"] / np.square(lamp * flat)).astype(np.float32)
        mask |= ~(flat > 0)
    mask |= ~np.isfinite(unlit)
    sample = unlit.ravel()[:: max(1, unlit.size >> 20)]
    sample = sample[np.isfinite(sample)]
    return Planes(unlit, variance, flat, flat_variance, mask, float(np.median(sample)) if sample.size else 0.0)


def _response(flat: Doc, image: str, value: Plane) -> tuple[Plane, Plane | np.float32]:
    """Return what a flat is divided by, and the light of its lamp: where it is dispersed the spectrum is taken out."""
    along = (of_image(flat, image).get("statistics") or {}).get("dispersion")
    if along is None:
        return value, np.float32(1)
    response = by_spectrum(value, along)
    with np.errstate(divide="ignore", invalid="ignore"):
        return response, (value / response).astype(np.float32)


def correct(
    frame: Rows,
    planes: Planes,
    conversion: Conversion,
    *,
    saturation: float | None = None,
    pedestal: Rows | None = None,
) -> Corrected:
    """Calibrate one image.

    Parameters
    ----------
    frame : Rows
        Of the raw frame, trimmed; masked arrays where its file has a mask.
    planes : Planes
        Its masters.
    conversion : Conversion
        Gain and read noise. Variance of a raw sample: ``read_noise^2 + max(sample - level, 0) / gain``.
    saturation : float, optional
        Samples from here on are masked.
    pedestal : Rows, optional
        The overscan level of each pixel, taken away first.

    Raises
    ------
    UsageError
        The frame has another shape than its masters.
    """
    if tuple(frame.shape) != planes.unlit.shape:
        raise UsageError(f"the frame is {_size(frame.shape)} pixels, its masters {_size(planes.unlit.shape)}")
    value: Plane = np.empty(planes.unlit.shape, np.float32)
    variance = np.empty_like(value) if conversion.known else None
    mask = planes.mask.copy()
    for start in range(0, value.shape[0], BAND):
        rows = slice(start, min(start + BAND, value.shape[0]))
        raw = frame.read(rows.start, rows.stop)
        _mask_band(raw, mask[rows], saturation)
        # 16 bits and fewer are exact in float32; wider numbers keep theirs until the level is gone.
        samples = np.ma.getdata(raw).astype(np.float32 if raw.dtype.itemsize <= 2 else np.float64)
        if pedestal is not None:
            samples = samples - pedestal.read(rows.start, rows.stop)
        np.subtract(samples, planes.unlit[rows], out=value[rows], casting="same_kind")
        if variance is not None:
            _variance_band(samples, planes, rows, conversion, variance[rows])
        _divide_band(planes, rows, value[rows], None if variance is None else variance[rows])
    if conversion.gain is not None:
        value *= np.float32(conversion.gain)
        if variance is not None:
            variance *= np.float32(conversion.gain**2)
    mask |= ~np.isfinite(value)
    return Corrected(value, variance, mask)


def _mask_band(raw: npt.NDArray[Any], mask: Mask, saturation: float | None) -> None:
    """Add to a mask what the file masks, and what is saturated."""
    if np.ma.isMaskedArray(raw):
        mask |= np.ma.getmaskarray(raw)
    if saturation is not None:
        mask |= np.ma.getdata(raw) >= saturation


def _variance_band(samples: npt.NDArray[Any], planes: Planes, rows: slice, conversion: Conversion, out: Plane) -> None:
    """Variance of raw samples and of what is subtracted from them."""
    np.subtract(samples, samples.dtype.type(planes.level), out=out, casting="same_kind")
    np.maximum(out, 0, out=out)
    out *= np.float32(1 / (conversion.gain or 1.0))
    out += np.float32((conversion.read_noise or 0.0) ** 2)
    out += planes.unlit_variance[rows]


def _divide_band(planes: Planes, rows: slice, value: Plane, variance: Plane | None) -> None:
    """Divide by the flat: ``var(a / f) = var(a) / f^2 + (a / f)^2 var(f) / f^2``."""
    if planes.flat is None or planes.flat_variance is None:
        return
    flat = planes.flat[rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        value /= flat
        if variance is not None:
            variance /= flat
            variance /= flat
            shared = np.square(value)
            shared *= planes.flat_variance[rows]
            variance += shared


def _unlit(read: Mapping[str, Mapping[str, npt.NDArray[Any]]], scale: float) -> tuple[Plane, Plane]:
    """What is subtracted, ``bias + (dark - bias) * scale``, and its variance."""
    parts = []
    if "dark" in read:
        parts.append((read["dark"], scale if "bias" in read else 1.0))
    if "bias" in read:
        parts.append((read["bias"], 1 - scale if "dark" in read else 1.0))
    value = _summed([(planes["value"], share) for planes, share in parts])
    return value, _summed([(planes["variance_model"], share**2) for planes, share in parts])


def _summed(parts: Sequence[tuple[npt.NDArray[Any], float]]) -> Plane:
    """Return the sum of planes, each times its factor, in double precision by bands; one plane alone as it is."""
    first, share = parts[0]
    if len(parts) == 1 and share == 1.0:
        return np.asarray(first, np.float32)
    out: Plane = np.empty(first.shape, np.float32)
    for start in range(0, first.shape[0], BAND):
        rows = slice(start, start + BAND)
        out[rows] = sum(plane[rows].astype(np.float64) * factor for plane, factor in parts)
    return out


def _planes(master: Mapping[str, Any], image: str, store: ArrayStore) -> dict[str, npt.NDArray[Any]]:
    wanted = ("value", "variance_model", "dq")
    refs = planes_of(master, image)
    return {name: np.asarray(store.open(refs[name])) for name in wanted if name in refs}


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in reversed(shape))
