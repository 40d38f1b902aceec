"""What CRDS, which hands out the references of JWST, must find in the environment, with a network and without."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path

SERVER = "https://jwst-crds.stsci.edu"

# Any address with "serverless" in it is never contacted. The context is written into the products, so
# it is one that cannot be taken for a real one.
_NO_SERVER = "https://crds-serverless-mode.stsci.edu"
_NO_CONTEXT = "jwst_0000.pmap"


def offline(place: Path) -> dict[str, str]:
    """Return the environment in which CRDS asks nobody, and make the cached answer it insists on.

    Parameters
    ----------
    place : Path
        A folder for the cache; what CRDS wants of it is ``config/jwst/server_config``, a Python literal.
    """
    config = {
        "observatory": "jwst",
        "operational_context": _NO_CONTEXT,
        "latest_context": _NO_CONTEXT,
        "edit_context": _NO_CONTEXT,
        "force_remote_mode": False,
        "effective_mode": "local",
        "status": "cache",
        "connected": False,
        "last_synced": "never",
        "bad_files_list": [],
        "bad_files": "",
        "crds_version": {"str": "14.0.3"},
    }
    cache = place / "crds"
    (cache / "config" / "jwst").mkdir(parents=True)
    (cache / "config" / "jwst" / "server_config").write_text(repr(config))
    return {
        "CRDS_PATH": str(cache),
        "CRDS_SERVER_URL": _NO_SERVER,
        "CRDS_OBSERVATORY": "jwst",
        "CRDS_CONTEXT": _NO_CONTEXT,
        "CRDS_CLIENT_RETRY_COUNT": "1",
        "STPIPE_DISABLE_CRDS_STEPPARS": "true",
    }


def online(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what CRDS needs to choose the references itself; what the user has set stays."""
    cache = os.path.join(os.path.expanduser("~"), "crds_cache")
    wanted = {"CRDS_SERVER_URL": SERVER, "CRDS_PATH": cache, "CRDS_OBSERVATORY": "jwst"}
    return {name: environment.get(name) or value for name, value in wanted.items()}


def unreachable(log: str) -> bool:
    """Tell from a log that it was CRDS that could not be reached."""
    return "CRDS server connection and cache load FAILED" in log or "ServiceError" in log


def steps_begun(log: Path, steps: Collection[str]) -> tuple[int, int]:
    """Return how many of an exposure's steps a log says have begun, and how many there are."""
    text = log.read_text(errors="replace") if log.exists() else ""
    begun = set(re.findall(r"Step (\w+) running with args", text))
    return len(begun & set(steps)), len(steps)
