"""Lookup: the first value that says something among the keywords of a table, in the HDUs in their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pipelines.instruments.dialects.entry import Key
from pipelines.instruments.profile import HduLike
from pipelines.instruments.values import plain

__all__ = ["Found", "Headers", "StoredHdu", "look_up"]

_IMAGES = frozenset({"primary", "image", "compressed-image"})


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
        # Which header is asked first for a keyword: most of the keywords that are asked for are in none.
        self._places = [
            {name: place for place, (_, header) in reversed(list(enumerate(headers))) for name in header}
            for headers in (self._primary_first, self._pixels_first)
        ]

    def find(self, keys: Iterable[Key], *, pixels: bool = False) -> Found | None:
        """Return the first of some keywords that says something.

        Parameters
        ----------
        keys
            In order of preference.
        pixels
            Whether they say something about pixels: the HDU of the pixels is asked first then, the
            primary otherwise.
        """
        return next(self.each(keys, pixels=pixels), None)

    def each(self, keys: Iterable[Key], *, pixels: bool = False) -> Iterator[Found]:
        """Yield every keyword that says something, in order of preference."""
        headers = self._pixels_first if pixels else self._primary_first
        places = self._places[pixels]
        for key in keys:
            name = key.name
            if name not in places:
                continue
            for index, header in headers[places[name] :]:
                if name in header:
                    value = plain(header[name])
                    if value is not None:
                        yield Found(value, key, index)
                        break

    def present(self, keys: Iterable[Key]) -> bool:
        """Tell whether any of some keywords is there, whatever it says."""
        return any(key.name in self._places[0] for key in keys)

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


def look_up(hdus: Sequence[HduLike], keyword: str) -> Any:
    """Look a keyword up in the first HDU, else in the first image extension.

    Text comes stripped. What is absent, empty or no plain value is None.
    """
    extension = next((hdu for hdu in hdus[1:] if hdu.shape), None) if len(hdus) > 1 else None
    for hdu in (*hdus[:1], extension):
        value = hdu.header.get(keyword) if hdu is not None else None
        if isinstance(value, str):
            value = value.strip() or None
        if isinstance(value, (str, int, float)):
            return value
    return None
