"""Planes of masters made elsewhere: read in the unit of raw frames, or refused with what speaks against them.

Nobody here has seen the frames of such a stack, so its pixels have to show what its header cannot: that they are of
the range of a raw frame's, and, of a dark or bias, that the level frames have without light is still in them.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from arraystore import ArrayStore
from pipelines.calibration.groups.keys import images_of
from pipelines.calibration.masters.frames import Masked, central_level, frame_source
from pipelines.calibration.masters.images import image_names
from pipelines.calibration.select.criteria import ELSEWHERE
from pipelines.documents.schema import Doc
from pipelines.errors import UsageError

__all__ = ["foreign_planes", "is_foreign", "require_level"]

FULL = 65535
"""What 1 stands for where a program writes numbers of 16 bits as 0 to 1."""

PEDESTAL = 0.75
"""Faintest hundredth of the pixels of a dark or bias, over its median, from which frames had a level without light.

Less its bias it is near 0, and its noise is as large as itself.
"""

_SAMPLE = 1 << 20

Planes = dict[str, npt.NDArray[Any]]


class _Dark:
    """No dark: what is taken from a flat that is less its dark already."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        return np.zeros((stop - start, self.shape[1]))


def is_foreign(master: Doc) -> bool:
    """Tell whether a master was made elsewhere."""
    return bool(master["status"] == ELSEWHERE)


def foreign_planes(master: Doc, image: str, store: ArrayStore, frame: Doc) -> Planes:
    """Read a stack as a master: its value in the unit of raw frames, or over its level, and what its masks say.

    Its own noise is not known and taken as none.

    Parameters
    ----------
    master : Mapping
        Of `elsewhere.as_master`.
    image : str
        Of the frame.
    frame : Mapping
        The document of a frame it is to be applied to, by whose pixels its range is told.

    Returns
    -------
    dict
        ``value`` and ``variance_model`` (0), float32; ``dq``, 1 where it has no value.

    Raises
    ------
    UsageError
        It does not fit; the message says what speaks against it.
    arraystore.Lost, arraystore.ArrayDamaged
        Its pixels are not what was stored.
    """
    names = images_of(master)
    source = frame_source(master, store, image if len(image_names(master)) > 1 else names[0])
    rows = source.read(0, source.shape[0])
    value = np.ma.getdata(rows).astype(np.float32)
    bad = ~np.isfinite(value)
    if isinstance(source, Masked):
        bad |= np.ma.getmaskarray(rows)
    if bad.all():
        raise UsageError(f"{master['_id']} has no pixel of use")
    if master["kind"] == "flat":
        level = central_level(source, _Dark(source.shape))
        if not level > 0:
            raise UsageError(f"{master['_id']} has a level of {level:.4g} in its middle: it is no flat")
        value /= np.float32(level)
    else:
        value *= np.float32(_factor(master, image, value[~bad], frame))
        _require_pedestal(master, value[~bad])
    return {"value": value, "variance_model": np.zeros_like(value), "dq": bad.astype(np.uint8)}


def require_level(master: Doc, value: npt.NDArray[Any]) -> None:
    """Require that something is left of a frame once a dark or bias made elsewhere is taken from it.

    Raises
    ------
    UsageError
        The frame is fainter than the master all over: they are not in one unit, or not of one offset.
    """
    some = _sample(value)
    if not some.size:
        return
    low, middle, high = np.percentile(some, [16, 50, 84])
    if middle + 3 * (high - low) / 2 < 0:
        raise UsageError(
            f"the frame is fainter than {master['_id']}, by {-middle:.5g}: they differ in unit, gain or offset, "
            "so it cannot be taken from it"
        )


def _factor(master: Doc, image: str, value: npt.NDArray[Any], frame: Doc) -> float:
    """Return what turns the numbers of a stack into those of a raw frame; whole numbers and large ones are."""
    names = images_of(master)
    stored = master["arrays"][image if image in master["arrays"] else names[0]]
    some = _sample(value)
    if not str(stored["dtype"]).startswith("float") or float(np.percentile(some, 99)) > 1:
        return 1.0
    arrays = frame["arrays"]
    raw = str((arrays.get(image) or {}).get("dtype"))
    if master["made"]["unit_range"] and raw == "uint16":
        return float(FULL)
    raise UsageError(
        f"{master['_id']} has numbers of 0 to 1, and nothing says which number of a raw frame (here {raw}) is 1: "
        "Siril and PixInsight would name themselves in PROGRAM"
    )


def _require_pedestal(master: Doc, value: npt.NDArray[Any]) -> None:
    low, middle = np.percentile(_sample(value), [1, 50])
    if not low > PEDESTAL * middle > 0:
        raise UsageError(
            f"{master['_id']} has a level of {middle:.5g} and its faintest pixels are at {low:.5g}: it does not look "
            "as if what frames hold without light were still in it, and nothing says whether its bias was subtracted"
        )


def _sample(value: npt.NDArray[Any]) -> npt.NDArray[Any]:
    some = value.ravel()[:: max(1, value.size // _SAMPLE)]
    found: npt.NDArray[Any] = some[np.isfinite(some)]
    return found
