"""The arrays of a file: which HDU becomes which array, of which kind, and under what name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count

from pipelines.instruments.lookup import look_up
from pipelines.instruments.profile import ArrayPlan, ArrayRule, HduLike, Profile

_IMAGES = frozenset({"primary", "image", "compressed-image"})

RESERVED = frozenset({"residue"})
"""Array names an HDU cannot take: what is neither header nor pixels goes by it."""

_LONGEST_NAME = 64


def plan_arrays(profile: Profile, hdus: Sequence[HduLike]) -> list[ArrayPlan]:
    """Plan the arrays that a file's HDUs become, in file order.

    HDUs that a rule of the profile names become what it says. Of the others, a single image
    is ``sci``, and so is the primary array of several; the rest are called by their EXTNAME in
    lower case, ``hdu<index>`` without one. Names that occur more than once get ``_<EXTVER>``,
    and ``_hdu<index>`` where that does not tell them apart. HDUs without pixels, and tables, have none.
    """
    images = [hdu for hdu in hdus if hdu.kind in _IMAGES and hdu.shape and hdu.dtype is not None]
    if len(images) == 1 and not profile.arrays:
        return [ArrayPlan(images[0].index, ("sci",), _kinds(images[0]))]
    plans: dict[int, ArrayPlan] = {}
    for rule in profile.arrays:
        hdu = next((hdu for hdu in images if hdu.index not in plans and _applies(rule, hdu, hdus)), None)
        if hdu is not None:
            plans[hdu.index] = ArrayPlan(hdu.index, rule.names, rule.kinds, rule.split)
    taken = {name for plan in plans.values() for name in plan.names} | RESERVED
    others = [hdu for hdu in images if hdu.index not in plans]
    names = _names(others, single=len(images) == 1, taken=taken)
    for hdu, name in zip(others, names, strict=True):
        plans[hdu.index] = ArrayPlan(hdu.index, (name,), _kinds(hdu))
    return [plans[index] for index in sorted(plans)]


def _kinds(hdu: HduLike) -> tuple[str, ...]:
    return ("frame" if len(hdu.shape) == 2 else "array",)


def _applies(rule: ArrayRule, hdu: HduLike, hdus: Sequence[HduLike]) -> bool:
    name = "PRIMARY" if hdu.index == 0 else hdu.name.upper()
    fits = rule.ndim in (None, len(hdu.shape)) and rule.rows in (None, hdu.shape[-2] if len(hdu.shape) > 1 else 0)
    return name == rule.hdu.upper() and fits and all(_says(hdus, *pair) for pair in rule.header)


def _says(hdus: Sequence[HduLike], keyword: str, pattern: str) -> bool:
    value = look_up(hdus, keyword)
    return value is not None and re.fullmatch(pattern, str(value).strip(), re.IGNORECASE) is not None


def _names(hdus: Sequence[HduLike], *, single: bool, taken: set[str]) -> list[str]:
    plain = [_plain_name(hdu, single=single) for hdu in hdus]
    often = Counter(plain)
    used = set(taken)
    names = []
    for hdu, name in zip(hdus, plain, strict=True):
        if name in used or (often[name] > 1 and not (hdu.index == 0 and name == "sci")):
            name = next(choice for choice in _numbered(name, hdu) if choice not in used and choice not in often)
        used.add(name)
        names.append(name)
    return names


def _numbered(name: str, hdu: HduLike) -> Iterator[str]:
    if hdu.ver > 0:
        yield f"{name}_{hdu.ver}"
    for tail in count():
        yield f"{name}_hdu{hdu.index}" + "_" * tail


def _plain_name(hdu: HduLike, *, single: bool) -> str:
    if single or hdu.index == 0:
        return "sci"
    name = "" if hdu.name.upper() == "PRIMARY" else hdu.name
    return re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_")[:_LONGEST_NAME] or f"hdu{hdu.index}"
