"""Calibration: which frames go together, whether they are fit to be combined, and how cameras change.

`groups` finds what may be combined, `flattimes` and `clock` repair what a camera's clock got wrong,
`checks` judges single frames and keeps what it measured, `trends` follows that from night to night.
"""
