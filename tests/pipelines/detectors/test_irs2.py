"""IRS2 frames: the same pixels as the JWST pipeline takes out of them, and back bit for bit."""

import numpy as np
import pytest

from pipelines.detectors import irs2
from pipelines.instruments.splits import SPLITS


class Source:
    """An array read in bands of rows."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def read(self, start, stop):
        return self.array[..., start:stop, :]


def banded(part):
    """Read a part in bands, as it is stored."""
    rows = part.shape[-2]
    return np.concatenate([part.read(row, min(row + 300, rows)) for row in range(0, rows, 300)], axis=-2)


@pytest.mark.parametrize("detector", ["NRS1", "NRS2"])
def test_the_rows_are_those_of_the_pipeline(detector):
    theirs = pytest.importorskip("jwst.ipc.x_irs2")
    mask = theirs.make_mask(np.zeros((3200, 2048), np.uint8))
    mask = mask if detector == "NRS1" else mask[::-1]
    assert (irs2.science_rows(detector) == np.flatnonzero(mask)).all()
    assert (irs2.reference_rows(detector) == np.flatnonzero(~mask)).all()


@pytest.mark.parametrize("detector", ["NRS1", "NRS2"])
def test_a_split_frame_is_joined_bit_for_bit(detector):
    raw = np.random.default_rng(7).integers(0, 65536, (2, 3, 3200, 8)).astype(np.uint16)
    split = SPLITS[f"nirspec-irs2-{detector.lower()}"]
    parts = {name: banded(part) for name, part in split.split(Source(raw), {}).items()}
    assert parts["sci"].shape == (2, 3, 2048, 8)
    assert parts["reference"].shape == (2, 3, 1152, 8)
    assert (parts["sci"] == raw[:, :, irs2.science_rows(detector)]).all()
    assert (split.join(parts, {}) == raw).all()
