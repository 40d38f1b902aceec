"""The names of data-quality bits, by calibration version: PIXELDQ, GROUPDQ and DQ of a JWST product.

A bit keeps its value and may change its name from one release of ``jwst`` to another, so the names go by
the product's CAL_VER and are frozen in its document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from pipelines.errors import UsageError

_CURRENT = (
    "DO_NOT_USE", "SATURATED", "JUMP_DET", "DROPOUT", "OUTLIER", "PERSISTENCE", "AD_FLOOR", "CHARGELOSS",
    "RESERVED", "NON_SCIENCE", "DEAD", "HOT", "WARM", "LOW_QE", "RC", "TELEGRAPH",
    "NONLINEAR", "BAD_REF_PIXEL", "NO_FLAT_FIELD", "NO_GAIN_VALUE", "NO_LIN_CORR", "NO_SAT_CHECK",
    "UNRELIABLE_BIAS", "UNRELIABLE_DARK", "UNRELIABLE_SLOPE", "UNRELIABLE_FLAT", "OPEN", "ADJ_OPEN",
    "FLUX_ESTIMATED", "MSA_FAILED_OPEN", "OTHER_BAD_PIXEL", "REFERENCE_PIXEL",
)  # fmt: skip
"""Bits 0 to 31 as of stdatamodels 6.0.0, which belongs to jwst 3.0.0."""

# (first release with the next name, bit, name until then). From the change logs and the tables of jwst
# and stdatamodels: 0.16 to 0.18 in jwst itself, then stdatamodels 1.2.0, 1.4.0, 1.8.0 and 4.1.0.
_UNTIL = (
    ((0, 16, 0), 4, "RESERVED_1"),
    ((0, 17, 0), 5, "RESERVED_2"),
    ((0, 18, 0), 6, "RESERVED_3"),
    ((1, 10, 0), 7, "RESERVED_4"),
    ((1, 10, 1), 28, "UNRELIABLE_RESET"),
    ((1, 12, 0), 7, "UNDERSAMP"),
    ((1, 20, 0), 8, "UNRELIABLE_ERROR"),
)


class UnknownFlag(UsageError):
    """No bit has the name that was asked for."""


def frozen_names(version: str | None) -> list[str]:
    """Return the names of bits 0 to 31, as a document keeps them.

    Parameters
    ----------
    version : str or None
        CAL_VER, such as ``'1.12.5'``; what is newer than the tables, or is no version, has the newest names.

    Examples
    --------
    >>> frozen_names('1.11.4')[7], frozen_names('1.12.5')[7]
    ('UNDERSAMP', 'CHARGELOSS')
    """
    names = list(_CURRENT)
    release = _release(version)
    for since, bit, before in reversed(_UNTIL):
        if release is not None and release < since:
            names[bit] = before
    return names


def dq_names(version: str | Sequence[str] | None) -> dict[str, int]:
    """Return the value of each flag by name, in order of bit.

    Parameters
    ----------
    version : str, sequence of str or None
        CAL_VER, as `frozen_names` takes it; or the names that a document has frozen.

    Examples
    --------
    >>> dq_names('3.0.0')['JUMP_DET']
    4
    """
    names = frozen_names(version) if version is None or isinstance(version, str) else version
    return {name: 1 << bit for bit, name in enumerate(names)}


def mask_of(flags: str | Iterable[str], names: Mapping[str, int]) -> int:
    """Return the bits of one flag or several, or-ed together.

    Parameters
    ----------
    flags : str or iterable of str
        Names; upper and lower case alike.
    names : Mapping
        Of `dq_names`.

    Raises
    ------
    UnknownFlag
        No bit has one of the names; the message lists those there are.
    """
    mask = 0
    for flag in [flags] if isinstance(flags, str) else flags:
        value = names.get(flag.upper())
        if value is None:
            raise UnknownFlag(f"no data-quality flag is named {flag!r}; there are: {', '.join(names)}")
        mask |= value
    return mask


def decode(value: int, names: Mapping[str, int]) -> tuple[str, ...]:
    """Return the names of the flags that are set in a value, lowest bit first.

    Examples
    --------
    >>> decode(6, dq_names('3.0.0'))
    ('SATURATED', 'JUMP_DET')
    """
    bits = int(value)
    return tuple(name for name, bit in names.items() if bits & bit)


def _release(version: str | None) -> tuple[int, int, int] | None:
    """Return a version as three numbers; None for what is none. ``1.15.2.dev3+g1a2b`` counts as 1.15.2."""
    found = re.match(r"\s*v?(\d+)\.(\d+)(?:\.(\d+))?", version or "")
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None
