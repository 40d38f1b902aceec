"""Which profile a file is of: the one that claims it with the most conditions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from pathlib import PurePath

from pipelines.instruments.errors import ProfileError
from pipelines.instruments.lookup import asked_first, look_up
from pipelines.instruments.profile import Claim, HduLike, Profile

__all__ = ["choose", "ends"]


def choose(path: PurePath, hdus: Sequence[HduLike], *, profiles: Mapping[str, Profile]) -> Profile:
    """Choose the profile that claims a file with the most conditions.

    Raises
    ------
    ProfileError
        ``profile-ambiguous``: two profiles claim it with equally many; ``profile-unknown``: none does.
    """
    bidding = _Bidding(path.as_posix(), hdus)
    bids: dict[str, int] = {}
    for keyword, claims in _by_keyword(_Same(profiles)).items():
        if keyword is None or bidding.said(keyword) is not None:
            for name, claim in claims:
                if claim.weight > bids.get(name, -1) and bidding.holds(claim):
                    bids[name] = claim.weight
    if not bids:
        raise ProfileError(
            "profile-unknown",
            f"none of the profiles {', '.join(profiles) or '(there are none)'} takes {path.name}",
            "include the generic profile",
        )
    highest = max(bids.values())
    best = [name for name, weight in bids.items() if weight == highest]
    if len(best) > 1:
        names = " and ".join(sorted(best))
        raise ProfileError("profile-ambiguous", f"{path.name} is claimed by {names} alike", "name the profile to use")
    return profiles[best[0]]


class _Same:
    """Profiles that are the same where each is the same object: comparing all that they say would take longer."""

    __slots__ = ("profiles",)

    def __init__(self, profiles: Mapping[str, Profile]) -> None:
        self.profiles = profiles

    def __hash__(self) -> int:
        return hash(tuple(map(id, self.profiles.values())))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Same) or len(self.profiles) != len(other.profiles):
            return False
        pairs = zip(self.profiles.items(), other.profiles.items(), strict=True)
        return all(mine[0] == its[0] and mine[1] is its[1] for mine, its in pairs)


@lru_cache(maxsize=8)
def _by_keyword(known: _Same) -> dict[str | None, list[tuple[str, Claim]]]:
    """Return the claims of all profiles by the keyword they ask for first: most files have few of these."""
    table: dict[str | None, list[tuple[str, Claim]]] = {}
    for name, profile in known.profiles.items():
        for claim in profile.claims:
            table.setdefault(claim.header[0][0] if claim.header else None, []).append((name, claim))
    return table


class _Bidding:
    """One file that the claims of all profiles are about."""

    def __init__(self, path: str, hdus: Sequence[HduLike]) -> None:
        self._path = path
        self._hdus = hdus
        self._asked = asked_first(hdus)
        self._images = frozenset(hdu.name.upper() for hdu in hdus if hdu.shape)
        self._said: dict[str, str | None] = {}  # many claims ask for the same few keywords

    def holds(self, claim: Claim) -> bool:
        """Tell whether all conditions of a claim hold."""
        # Headers first: of most claims they lack the first keyword.
        for keyword, pattern in claim.header:
            text = self.said(keyword)
            if text is None or _whole(pattern).fullmatch(text) is None:
                return False
        if claim.ndim is not None and len(self._hdus[0].shape if self._hdus else ()) != claim.ndim:
            return False
        if claim.extensions and not self._images.issuperset(name.upper() for name in claim.extensions):
            return False
        return claim.path is None or ends(claim.path).search(self._path) is not None

    def said(self, keyword: str) -> str | None:
        """Return what the file says under a keyword, as text; None for nothing."""
        if keyword not in self._said:
            value = look_up(self._hdus, keyword) if any(keyword in hdu.header for hdu in self._asked) else None
            self._said[keyword] = None if value is None else str(value)
        return self._said[keyword]


@cache
def _whole(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


@cache
def ends(pattern: str) -> re.Pattern[str]:
    """Return the expression that a path ends with a pattern, from the start of a component."""
    return re.compile(rf"(?:^|/)(?:{pattern})\Z")
