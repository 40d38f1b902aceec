"""What every document has in common, whoever writes or reads it: the schema's number, the names of its parts.

Examples
--------
The document of one FITS file, shortened (``header`` holds every card, ``cards`` the headers byte for byte)::

    {"_id": "Dragonfly204/2024-02-20/83F010730_45_dark.fits", "root": "dragonfly",
     "path": "Dragonfly204/2024-02-20/83F010730_45_dark.fits", "schema": 3, "date": "2024-02-20",
     "timestamp": datetime(2024, 2, 20, 23, 14, 2, tzinfo=UTC), "instrument": "Dragonfly",
     "camera": "83F010730", "kind": "dark",
     "obs": {"camera": "83F010730", "exptime": 600.0, "temperature": -10.0, "stacked": 1, ...},
     "obs_from": {"camera": "profile", "exptime": "EXPTIME@0", ...}, "header": {"EXPTIME": 600.0, ...}, "cards": b"...",
     "arrays": {"sci": {"digest": "...", "shape": [2536, 3358], "dtype": "uint16", ...}},
     "file": {"size": 17049600, "sha256": "..."}, "qc": {"flags": []},
     "ingest": {"revision": 1, "changes": 0, "run": "20240221T101502-7f3a", "arrays": "stored"}}
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from arraystore import ArrayRef

SCHEMA = 3
RESIDUE = "residue"
CALIBRATED = "calibrated"
"""The kind of calibrated frames that are kept; they stand in the collection ``masters``."""

Document = dict[str, Any]
"""A document in the hands of whoever makes or changes it."""

Doc = Mapping[str, Any]
"""A document that is only read."""


def pixels_digest(refs: Mapping[str, ArrayRef]) -> str | None:
    """Digest of a file's decoded pixels, the same under every name and in every layout.

    The SHA-256 over the lines ``name pixels``, in order of name, of all arrays but the residue.
    """
    lines = [f"{name} {ref.pixels}\n" for name, ref in sorted(refs.items()) if name != RESIDUE]
    return hashlib.sha256("".join(lines).encode()).hexdigest() if lines else None
