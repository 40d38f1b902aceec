"""A simulated observatory to try Darkroom on: a Dragonfly night and a MIRI campaign, as FITS files."""
