"""Long lists, asked of a catalog in pieces: one question each for a few hundred names, never one for each name."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from catalog import Collection

SIZE = 500
"""Names in one question: enough that asking costs little, few enough that no question grows over its limits."""

Item = TypeVar("Item")


def batches(items: Iterable[Item], size: int = SIZE) -> Iterator[list[Item]]:
    """Yield items in lists of at most `size`, in order.

    Examples
    --------
    >>> list(batches("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def found_in(
    collection: "Collection",
    field: str,
    values: Iterable[Any],
    fields: Mapping[str, Any] | None = None,
    *,
    where: Mapping[str, Any] | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the documents whose field has one of some values; in no order.

    Parameters
    ----------
    fields : Mapping, optional
        The projection.
    where : Mapping, optional
        What else they must match.
    """
    for batch in batches(values):
        yield from collection.find({**(where or {}), field: {"$in": batch}}, fields)
