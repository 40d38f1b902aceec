"""Frames with hits, and what a combination made of them: for the table of rejection."""

from dataclasses import dataclass

import numpy as np

LEVEL, SIGMA = 1000.0, 10.0
HIT = 0.01


@dataclass(frozen=True, slots=True)
class Verdict:
    """Noise over that of the ideal mean, share of good samples rejected, share of hit pixels still bad."""

    noise: float
    false_rejects: float
    still_bad: float


def simulated(count, shape, *, seed):
    """Return frames (count, rows, columns) float32 of read noise, 1 % of samples hit by 8-200 sigma, and the hits."""
    rng = np.random.default_rng(seed)
    frames = (LEVEL + SIGMA * rng.standard_normal((count, *shape))).astype(np.float32)
    hit = rng.random(frames.shape) < HIT
    frames[hit] += (SIGMA * rng.uniform(8, 200, int(hit.sum()))).astype(np.float32)
    return frames, hit


def verdict(value, count, hit):
    """Judge a combined value; `count` is None where nothing tells what was rejected."""
    frames = len(hit)
    ideal = SIGMA / frames**0.5
    touched = hit.any(axis=0)
    error = np.asarray(value, float) - LEVEL
    rejected = (
        0.0 if count is None else float((frames - np.asarray(count)[~touched]).sum()) / (frames * (~touched).sum())
    )
    return Verdict(
        noise=float(error[~touched].std() / ideal),
        false_rejects=rejected,
        still_bad=float((np.abs(error[touched]) > 5 * ideal).mean()),
    )
