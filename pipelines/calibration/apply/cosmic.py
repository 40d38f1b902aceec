"""Cosmic rays by L.A.Cosmic (van Dokkum 2001), as astroscrappy has it: found, masked and filled."""

from dataclasses import replace

import numpy as np

from pipelines.calibration.apply.arithmetic import Corrected
from pipelines.calibration.apply.plan import Conversion
from pipelines.errors import UsageError, require

__all__ = ["without_cosmic_rays"]


def without_cosmic_rays(image: Corrected, conversion: Conversion) -> Corrected:
    """Mask the cosmic rays of an image and fill their pixels from around them.

    Parameters
    ----------
    image : Corrected
        In electrons, with its variance.
    conversion : Conversion
        Gain and read noise.

    Returns
    -------
    Corrected
        Pixels of cosmic rays hold what astroscrappy fills them with, and are masked.

    Raises
    ------
    MissingExtra
        astroscrappy is not installed.
    UsageError
        The noise of the frame is not known.
    """
    detect_cosmics = require("astroscrappy", extra="cosmic", what="finding cosmic rays").detect_cosmics
    if not conversion.known or image.variance is None:
        raise UsageError("cosmic rays are told by the noise, and no gain or read noise of this frame is known")
    gain = conversion.gain or 1.0
    value = np.where(image.mask, np.float32(0), image.value).astype(np.float32)
    variance = np.where(image.mask, np.float32(1), image.variance).astype(np.float32)
    found, filled = detect_cosmics(
        value,
        inmask=image.mask,
        invar=variance,
        gain=1.0,
        readnoise=(conversion.read_noise or 0.0) * gain,
        satlevel=np.inf,
    )
    clean = np.where(found & ~image.mask, filled, image.value).astype(np.float32)
    return replace(image, value=clean, mask=image.mask | found)
