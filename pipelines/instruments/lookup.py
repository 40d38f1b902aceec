"""Lookup: the first value that says something among the keywords of a table, in the HDUs in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from pipelines.instruments.dialects.entry import Key
from pipelines.instruments.profile import HduLike
from pipelines.instruments.values import plain

__all__ = ["Found", "Headers", "StoredHdu", "asked_first", "look_up"]

_IMAGES = frozenset({"primary", "image", "compressed-image"})
_TABLES = 512
"""Tables of keywords remembered of one set of headers; there are a hundred."""


class Found(NamedTuple):
    """A value that says something, and where it stands."""

    value: Any
    key: Key
    hdu: int

    @property
    def source(self) -> str:
        """Keyword and HDU, as ``obs_from`` has them."""
        return f"{self.key.name}@{self.hdu}"


@dataclass(frozen=True, slots=True)
class StoredHdu:
    """An HDU as a document keeps it; what profiles and tables look at."""

    index: int
    name: str
    ver: int
    kind: str
    shape: tuple[int, ...]
    dtype: str | None
    header: dict[str, Any]

    @property
    def table(self) -> None:
        """No rows: a document keeps the cards of a table, not its values."""


class Headers:
    """The headers of a file, in the two orders in which they are asked.

    Attributes
    ----------
    hdus
        All of them.
    image
        The first HDU with pixels that are an image; None without.
    """

    def __init__(self, hdus: Sequence[HduLike]) -> None:
        self.hdus = hdus
        self.image = next((hdu for hdu in hdus if hdu.shape and hdu.kind in _IMAGES), None)
        first = list(hdus[:1])
        # A file of tables alone says when and what in the header of its first table.
        other = self.image if self.image is not None else hdus[1] if len(hdus) > 1 else None
        pair = [*first, other] if other is not None and other not in first else first
        self._primary_first = [(hdu.index, hdu.header) for hdu in pair]
        self._pixels_first = list(reversed(self._primary_first))
        self._index = _index_of(tuple(tuple(header) for _, header in self._primary_first))

    def find(self, keys: tuple[Key, ...], *, pixels: bool = False) -> Found | None:
        """Return the first of some keywords that says something.

        Parameters
        ----------
        keys
            In order of preference.
        pixels
            Whether they say something about pixels: the HDU of the pixels is asked first then, the
            primary otherwise.
        """
        there = self._index.there(keys)
        return next(self._said(there, pixels=pixels), None) if there else None

    def each(self, keys: tuple[Key, ...], *, pixels: bool = False) -> Iterator[Found]:
        """Yield every keyword that says something, in order of preference."""
        there = self._index.there(keys)
        return self._said(there, pixels=pixels) if there else iter(())

    def present(self, keys: tuple[Key, ...]) -> bool:
        """Tell whether any of some keywords is there, whatever it says."""
        return bool(self._index.there(keys))

    def _said(self, keys: tuple[Key, ...], *, pixels: bool) -> Iterator[Found]:
        headers = self._pixels_first if pixels else self._primary_first
        for key in keys:
            for index, header in headers:
                if key.name in header and (value := plain(header[key.name])) is not None:
                    yield Found(value, key, index)
                    break

    def history(self) -> list[str]:
        """Return the lines of HISTORY, lower case."""
        lines = []
        for hdu in self.hdus[:2]:
            kept = hdu.header.get("HISTORY")
            if isinstance(kept, list):
                lines += kept
            elif kept is not None:
                lines += [value for keyword, value, _ in getattr(hdu, "cards", ()) if keyword == "HISTORY"]
        return [str(line).lower() for line in lines]


class _Index:
    """Which keywords of each table are in the headers of some keywords, whatever they say.

    The frames of a camera have the same keywords, and most of those that are asked for are in none of its headers.
    """

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._there: dict[tuple[Key, ...], tuple[Key, ...]] = {}

    def there(self, keys: tuple[Key, ...]) -> tuple[Key, ...]:
        """Return the keywords of a table that are there."""
        found = self._there.get(keys)
        if found is None:
            if len(self._there) >= _TABLES:
                self._there.clear()
            found = self._there[keys] = tuple(key for key in keys if key.name in self._names)
        return found


@lru_cache(maxsize=64)
def _index_of(names: tuple[tuple[str, ...], ...]) -> _Index:
    return _Index(frozenset(name for header in names for name in header))


def asked_first(hdus: Sequence[HduLike]) -> Sequence[HduLike]:
    """Return the HDUs that `look_up` asks: the first, and the first image extension."""
    if len(hdus) < 2:
        return hdus
    extension = next((hdu for hdu in hdus[1:] if hdu.shape), None)
    return hdus[:1] if extension is None else (hdus[0], extension)


def look_up(hdus: Sequence[HduLike], keyword: str) -> Any:
    """Look a keyword up in the first HDU, else in the first image extension.

    Text comes stripped. What is absent, empty or no plain value is None.
    """
    for hdu in asked_first(hdus):
        value = hdu.header.get(keyword)
        if isinstance(value, str):
            value = value.strip() or None
        if isinstance(value, (str, int, float)):
            return value
    return None
