"""Calibrated frames: which masters a frame has, the arithmetic on its pixels, and where the outcome goes."""
