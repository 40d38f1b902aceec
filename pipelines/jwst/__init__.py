"""Detector1 of the JWST pipeline, run on archived exposures: its references, its process, its products."""
