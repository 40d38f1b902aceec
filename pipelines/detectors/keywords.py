"""What a product's header says of its calibration: version, context, the state of each step, reference files.

Keywords as the JWST pipeline writes them: CAL_VER, CAL_VCS, CRDS_VER, CRDS_CTX, ``S_*`` (COMPLETE, SKIPPED,
FAILED, or absent), ``R_*`` (``crds://file``, a path for an override, ``N/A``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pipelines.errors import UsageError

STEPS: Mapping[str, str] = MappingProxyType(
    {
        "group_scale": "S_GRPSCL",
        "dq_init": "S_DQINIT",
        "emicorr": "S_MIREMI",
        "saturation": "S_SATURA",
        "superbias": "S_SUPERB",
        "ipc": "S_IPC",
        "firstframe": "S_FRSTFR",
        "lastframe": "S_LASTFR",
        "reset": "S_RESET",
        "linearity": "S_LINEAR",
        "rscd": "S_RSCD",
        "dark_current": "S_DARK",
        "refpix": "S_REFPIX",
        "charge_migration": "S_CHGMIG",
        "jump": "S_JUMP",
        "picture_frame": "S_PCTFRM",
        "clean_flicker_noise": "S_CLNFNS",
        "persistence": "S_PERSIS",
        "ramp_fit": "S_RAMP",
        "gain_scale": "S_GANSCL",
    }
)
"""The steps of Detector1, for MIRI and for the near infrared, by the pipeline's name, with the keyword of each."""

_MIRI_ALONE = frozenset({"S_MIREMI", "S_FRSTFR", "S_LASTFR", "S_RESET", "S_RSCD"})
_NEAR_INFRARED_ALONE = frozenset({"S_SUPERB"})

_SLOPES_ONLY = frozenset({"S_RAMP", "S_GANSCL"})
"""Steps after the ramp product is written: their absence from it says nothing."""

_STEP = re.compile(r"S_[A-Z0-9]{1,6}")
_REFERENCE = re.compile(r"R_[A-Z0-9]{1,6}")
_NO_STEP = frozenset({"S_REGION"})  # the footprint on the sky
_NO_FILE = frozenset({"", "N/A", "NONE"})


def steps_for(instrument: str) -> dict[str, str]:
    """Return the steps of Detector1 that an instrument has, by the pipeline's name, with the keyword of each.

    Examples
    --------
    >>> "superbias" in steps_for("NIRCAM"), "superbias" in steps_for("MIRI")
    (True, False)
    """
    foreign = _NEAR_INFRARED_ALONE if instrument == "MIRI" else _MIRI_ALONE
    return {step: keyword for step, keyword in STEPS.items() if keyword not in foreign}


def calibration_of(header: Mapping[str, Any], *, kind: str) -> dict[str, Any] | None:
    """Read the calibration of a product off its primary header.

    Parameters
    ----------
    header : Mapping
        The first value of every keyword.
    kind : str
        ``'ramp'``, ``'rateints'`` or ``'rate'``.

    Returns
    -------
    dict or None
        ``version``, ``vcs``, ``crds_version``, ``context`` (text or null), ``steps`` and ``references`` (as in the
        header, by keyword), ``references_used`` (plain file names), ``steps_lacking`` (keywords of the steps
        that are not COMPLETE, whether skipped, failed or never heard of); None where no keyword speaks of one.
    """
    steps = {
        key: value.strip()
        for key, value in header.items()
        if _STEP.fullmatch(key) and key not in _NO_STEP and isinstance(value, str)
    }
    references = {
        key: value.strip() for key, value in header.items() if _REFERENCE.fullmatch(key) and isinstance(value, str)
    }
    version = _text(header.get("CAL_VER"))
    if version is None and not steps and not references:
        return None
    later = _SLOPES_ONLY if kind == "ramp" else frozenset()
    expected = [key for key in steps_for(header.get("INSTRUME", "MIRI")).values() if key not in later]
    return {
        "version": version,
        "vcs": _text(header.get("CAL_VCS")),
        "crds_version": _text(header.get("CRDS_VER")),
        "context": _text(header.get("CRDS_CTX")),
        "steps": steps,
        "references": references,
        "references_used": sorted({file_name(v) for v in references.values() if v.upper() not in _NO_FILE}),
        "steps_lacking": [key for key in dict.fromkeys((*expected, *steps)) if steps.get(key) != "COMPLETE"],
    }


def file_name(reference: str) -> str:
    """Return the plain name of a reference file, however it was given.

    Examples
    --------
    >>> file_name('crds://jwst_miri_dark_0102.fits'), file_name('/refs/dark.fits')
    ('jwst_miri_dark_0102.fits', 'dark.fits')
    """
    return reference.strip().rstrip("/").rpartition("/")[2]


def step_keyword(step: str) -> str:
    """Return the keyword of a step named as in the pipeline (``jump``) or in the header (``S_JUMP``).

    Raises
    ------
    UsageError
        There is no such step.
    """
    name = step.strip()
    keyword = STEPS.get(name.lower().replace("-", "_"), name.upper())
    if not _STEP.fullmatch(keyword):
        raise UsageError(f"no step {step!r}; there are {', '.join(STEPS)}, or a keyword such as S_JUMP")
    return keyword


def version_range(version: str) -> dict[str, str]:
    """Return the condition that a version is `version` or a release of it: 1.17 is 1.17, 1.17.0, 1.17.1 and so on.

    A range, so that an index answers it: '.' is followed by '/' in the order of characters.

    Examples
    --------
    >>> version_range('1.17')
    {'$gte': '1.17', '$lt': '1.17/'}
    """
    text = version.strip()
    if not re.fullmatch(r"[0-9][0-9A-Za-z.+-]*", text):
        raise UsageError(f"{version!r} is not a version; write 1.17 or 1.17.1")
    return {"$gte": text, "$lt": f"{text}/"}


def matches_version(version: str | None, wanted: str) -> bool:
    """Tell whether a version is what `version_range` asks for."""
    bounds = version_range(wanted)
    return version is not None and bounds["$gte"] <= version < bounds["$lt"]


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
