"""Calibrated products of a simulated exposure: ramp, rateints and rate, of the form that Detector1 writes.

The calibration is a simple one (a linearity term, a constant dark, steps found by their height), but HDUs,
types, flags, NaN and keywords are those of jwst 3.0.0, or with `err` those of releases before 1.18.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from astropy.io.fits import Header, ImageHDU

_DO_NOT_USE, _SATURATED, _JUMP, _HOT = 1, 2, 4, 1 << 11
_REFERENCE_PIXEL = 1 << 31
_STEPS = ("DQINIT", "SATURA", "RESET", "LINEAR", "RSCD", "DARK", "JUMP")
_SKIPPED = ("GRPSCL", "MIREMI", "IPC", "FRSTFR", "REFPIX", "CHGMIG", "PERSIS")
_REFERENCES = ("DARK", "GAIN", "LINEAR", "MASK", "READNO", "RESET", "RSCD", "SATURA")

Array = npt.NDArray[Any]


def simulate_calibration(
    uncal: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    version: str = "3.0.0",
    context: str = "jwst_0000.pmap",
    dark: str = "jwst_miri_dark_0102.fits",
    jump: bool = True,
    err: bool = False,
) -> tuple[Path, Path, Path]:
    """Write the ramp, rateints and rate products of an uncalibrated exposure.

    Parameters
    ----------
    uncal
        A file of `simulate_campaign`, in flight format.
    folder
        Where to; made if it is not there.
    version, context, dark
        CAL_VER, CRDS_CTX and the file name of R_DARK.
    jump
        False skips the jump step.
    err
        Whether the ramp has an ERR of zeros, as before jwst 1.18.

    Returns
    -------
    tuple of Path
        Ramp, rateints, rate.
    """
    from astropy.io import fits

    uncal, folder = Path(uncal), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with fits.open(uncal) as hdus:
        header, raw, refout = hdus[0].header.copy(), hdus["SCI"].data, hdus["REFOUT"].data
    sci = raw.astype(np.float32)
    sci += np.float32(1.2e-6) * sci * sci - np.float32(3)
    pixeldq = _pixel_flags(raw, int(header["SUBSTRT1"]))
    groupdq = _group_flags(raw, jump=jump)
    header.update(_keywords(version, context, dark, jump=jump))
    frame = float(header["TGROUP"])
    stem = uncal.name.replace("_uncal.fits", "")
    paths = folder / f"{stem}_ramp.fits", folder / f"{stem}_rateints.fits", folder / f"{stem}_rate.fits"
    ramp: dict[str, Array] = {"SCI": sci, "PIXELDQ": pixeldq, "GROUPDQ": groupdq}
    ramp |= {"ERR": np.zeros_like(sci)} if err else {}
    _write(paths[0], header, "RampModel", {**ramp, "REFOUT": refout.astype(np.float32)})
    header.update({"S_RAMP": "COMPLETE", "S_GANSCL": "SKIPPED"})
    del header["SCA_ID"]  # what is outside the JWST schema is dropped from slopes
    slopes = _slopes(sci, pixeldq, groupdq, frame)
    _write(paths[1], header, "CubeModel", slopes)
    _write(paths[2], header, "ImageModel", _mean(slopes))
    return paths


def _pixel_flags(raw: Array, first_column: int) -> Array:
    """Flags of pixels: reference columns, hot ones, and every fiftieth of these not to be used."""
    rise = (raw[:, -1].astype(np.int32) - raw[:, 0]).min(axis=0)
    hot = rise > 20 * max(10.0, float(np.median(rise)))
    flags = np.where(hot, _HOT, 0).astype(np.uint32)
    places = np.flatnonzero(hot)[::50]
    flags.reshape(-1)[places] |= _DO_NOT_USE
    columns = first_column + np.arange(raw.shape[-1])
    flags[:, (columns <= 4) | (columns > 1028)] |= np.uint32(_REFERENCE_PIXEL)
    return flags


def _group_flags(raw: Array, *, jump: bool) -> Array:
    """Flags of groups: the first and last of an integration, saturation, and steps."""
    flags = np.zeros(raw.shape, np.uint8)
    if raw.shape[1] > 2:
        flags[:, [0, -1]] |= _DO_NOT_USE
    flags[raw > 60_000] |= _SATURATED
    if jump and raw.shape[1] > 2:
        steps = np.diff(raw.astype(np.int32), axis=1)
        flags[:, 1:][steps - np.median(steps, axis=1, keepdims=True) > 60] |= _JUMP
    return flags


def _slopes(sci: Array, pixeldq: Array, groupdq: Array, seconds: float) -> dict[str, Array]:
    """Slopes of each integration (DN/s): the mean difference of neighbouring groups of which neither is flagged."""
    good = groupdq == 0
    use = good[:, 1:] & good[:, :-1]
    count = use.sum(axis=1)
    total = np.where(use, np.diff(sci, axis=1), 0).sum(axis=1)
    lost = (count == 0) | ((pixeldq & _DO_NOT_USE) != 0)
    safe = np.maximum(count, 1)
    slope = np.where(lost, np.nan, total / (safe * np.float32(seconds))).astype(np.float32)
    poisson = (np.abs(slope) / (5 * safe * seconds)).astype(np.float32)
    noise = np.where(lost, np.nan, 72 / (safe * seconds) ** 2).astype(np.float32)
    dq = np.bitwise_or.reduce(groupdq, axis=1).astype(np.uint32) & ~np.uint32(_DO_NOT_USE) | pixeldq
    dq[lost] |= np.uint32(_DO_NOT_USE)
    return {"SCI": slope, "ERR": np.sqrt(poisson + noise), "DQ": dq, "VAR_POISSON": poisson, "VAR_RNOISE": noise}


def _mean(slopes: dict[str, Array]) -> dict[str, Array]:
    n = slopes["SCI"].shape[0]
    poisson, noise = (slopes[name].sum(axis=0) / n**2 for name in ("VAR_POISSON", "VAR_RNOISE"))
    return {
        "SCI": slopes["SCI"].mean(axis=0),
        "ERR": np.sqrt(poisson + noise),
        "DQ": np.bitwise_or.reduce(slopes["DQ"], axis=0),
        "VAR_POISSON": poisson,
        "VAR_RNOISE": noise,
    }


def _keywords(version: str, context: str, dark: str, *, jump: bool) -> dict[str, str]:
    steps = {f"S_{step}": "COMPLETE" for step in _STEPS} | {f"S_{step}": "SKIPPED" for step in _SKIPPED}
    if not jump:
        steps["S_JUMP"] = "SKIPPED"
    references = {f"R_{name}": f"crds://jwst_miri_{name.lower()}_0042.fits" for name in _REFERENCES}
    versions = {"CAL_VER": version, "CAL_VCS": "RELEASE", "CRDS_VER": "14.0.3", "CRDS_CTX": context}
    return {**versions, **steps, **references, "R_DARK": f"crds://{dark}", "R_SUPERB": "N/A"}


def _write(path: Path, header: Header, model: str, arrays: dict[str, Array]) -> None:
    from astropy.io import fits

    header = header.copy()
    header.update({"DATAMODL": model, "FILENAME": path.name, "FILETYPE": "CALIBRATED"})
    primary = fits.PrimaryHDU(header=header)
    extensions: list[ImageHDU] = [fits.ImageHDU(array, name=name) for name, array in arrays.items()]
    for hdu in extensions:
        if model != "RampModel" and hdu.name != "DQ":
            hdu.header["BUNIT"] = "DN/s" if hdu.name in ("SCI", "ERR") else "(DN/s)^2"
    tree = np.frombuffer(f"#ASDF 1.0.0\n# {path.name}\n".encode(), np.uint8)
    asdf = fits.BinTableHDU.from_columns(
        [fits.Column("ASDF_METADATA", f"{tree.size}B", array=tree[np.newaxis])], name="ASDF"
    )
    fits.HDUList([primary, *extensions, asdf]).writeto(path, overwrite=True)
