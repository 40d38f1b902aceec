"""Numbers that say how a master is."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.combine import Combined

__all__ = ["statistics"]


def statistics(combined: Combined, planes: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
    """Return numbers that say how a master is: level, noise, what was rejected, what could not be."""
    value, count, dq = planes["value"], planes["count"], planes["dq"]
    frames = len(combined.names)
    power = planes["rejection_power"]
    limited = np.isfinite(power)
    return {
        "level": _median(value),
        "noise": _median(planes["variance_model"]) ** 0.5,
        "scatter": _median(planes["variance_scatter"]) ** 0.5,
        "frames": frames,
        "rejected_samples": int(frames * count.size - count.sum(dtype=np.int64)),
        "rejection_power": _median(power[limited]) if limited.any() else None,
        "no_rejection_power": float(1 - limited.mean()),
        "flagged": int((dq != 0).sum()),
        "warning": None if limited.any() else f"{combined.method.name} of {frames} frames can reject no outlier",
    }


def _median(values: npt.NDArray[Any]) -> float:
    """Median of what is finite; of a large plane, of every eighth value and more."""
    flat = values.ravel()
    flat = flat[:: max(1, flat.size >> 20)]
    flat = flat[np.isfinite(flat)]
    return float(np.median(flat)) if flat.size else float("nan")
