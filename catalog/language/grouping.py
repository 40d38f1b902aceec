"""Groups documents, in one pass and without keeping them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from catalog.errors import InvalidQuery
from catalog.language.accumulators import ACCUMULATORS
from catalog.language.expressions import compile_expression
from catalog.language.values import MISSING, encode_key
from catalog.limits import refusal

__all__ = ["check_accumulator", "check_group", "group"]

Document = dict[str, Any]


def check_group(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the accumulated fields of a ``$group``.

    Raises
    ------
    InvalidQuery
        If it has no key.
    """
    if "_id" not in options:
        raise InvalidQuery("a group specification must include an _id", 15955)
    return {name: accumulator for name, accumulator in options.items() if name != "_id"}


def check_accumulator(name: str, accumulator: Any) -> None:
    """Refuse what is no valid accumulated field."""
    if "." in name:
        raise InvalidQuery(f"The field name '{name}' cannot contain '.'", 40235)
    if not isinstance(accumulator, Mapping):
        raise InvalidQuery(f"The field '{name}' must be an accumulator object", 40234)
    if len(accumulator) != 1:
        raise InvalidQuery(f"The field '{name}' must specify one accumulator", 40238)
    (operator,) = accumulator
    if operator not in ACCUMULATORS:
        raise refusal(operator, "accumulator") or InvalidQuery(f"unknown group operator '{operator}'", 15952)
    if operator == "$count" and accumulator[operator] != {}:
        raise InvalidQuery("$count takes no arguments, i.e. $count:{}", 72)


def group(documents: Iterable[Document], options: Mapping[str, Any], variables: Mapping[str, Any]) -> list[Document]:
    """Group documents by the value of an expression.

    Keys are equal where MongoDB's are: 30 and 30.0 are, True and 1 are not, NaN is to itself. A missing
    key is null; a missing field of a compound key stays missing.

    Parameters
    ----------
    documents : iterable of dict
        The documents, taken one at a time.
    options : mapping
        The specification of ``$group``.
    variables : mapping
        Variables of the pipeline.

    Returns
    -------
    list of dict
        One document a group, ``_id`` first, in the order of the groups' first members.
    """
    key_of = compile_expression(options["_id"], variables)
    fields = [
        (name, ACCUMULATORS[operator], compile_expression(argument, variables))
        for name, accumulator in options.items()
        if name != "_id"
        for operator, argument in accumulator.items()
    ]
    computes = [compute for _, _, compute in fields]
    groups: dict[bytes, tuple[Any, list[Any]]] = {}
    for document in documents:
        identity = key_of(document)
        key = encode_key(identity)
        known = groups.get(key)
        if known is None:
            known = groups[key] = (
                None if identity is MISSING else identity,
                [make() for _, make, _ in fields],
            )
        for accumulator, compute in zip(known[1], computes, strict=True):
            accumulator.add(compute(document))
    names = [name for name, _, _ in fields]
    return [
        {"_id": identity, **{name: item.result() for name, item in zip(names, accumulators, strict=True)}}
        for identity, accumulators in groups.values()
    ]
