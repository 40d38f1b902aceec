"""Groups documents, in one pass and without keeping them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bson import Decimal128

from catalog.errors import InvalidQuery
from catalog.language.accumulators import ACCUMULATORS, plain
from catalog.language.expressions import compile_expression
from catalog.language.functions import Compute, Variables
from catalog.language.values import MISSING, Document, encode_key
from catalog.limits import refusal

__all__ = ["Field", "compile_fields", "compile_group", "group"]

#: An accumulated field: its name, what makes its accumulator, what computes the values that go into it.
Field = tuple[str, Callable[[], Any], Compute]


def compile_group(options: Any, variables: frozenset[str]) -> tuple[Compute, list[Field]]:
    """Return what computes the key of a ``$group``, and its accumulated fields.

    Raises
    ------
    InvalidQuery, NotSupported
        If it has no key, or a field is none.
    """
    if not isinstance(options, Mapping):
        raise InvalidQuery("a group's fields must be specified in an object", 15947)
    if "_id" not in options:
        raise InvalidQuery("a group specification must include an _id", 15955)
    key = options["_id"]
    plainly = isinstance(key, Mapping) and any(
        isinstance(part, (bool, int, float, Decimal128)) for part in key.values()
    )
    if plainly and not next(iter(key)).startswith("$"):
        raise InvalidQuery("$group does not support inclusion-style expressions", 17390)
    fields = {name: accumulator for name, accumulator in options.items() if name != "_id"}
    return compile_expression(options["_id"], variables), compile_fields(fields, variables)


def compile_fields(fields: Mapping[str, Any], variables: frozenset[str]) -> list[Field]:
    """Return the accumulated fields of a group."""
    compiled = []
    for name, accumulator in fields.items():
        if "." in name:
            raise InvalidQuery(f"The field name '{name}' cannot contain '.'", 40235)
        if name.startswith("$"):
            raise InvalidQuery(f"The field name '{name}' cannot be an operator name", 40236)
        if not isinstance(accumulator, Mapping) or not accumulator:
            raise InvalidQuery(f"The field '{name}' must be an accumulator object", 40234)
        if len(accumulator) != 1:
            raise InvalidQuery(f"The field '{name}' must specify one accumulator", 40238)
        ((operator, argument),) = accumulator.items()
        if operator not in ACCUMULATORS:
            if not operator.startswith("$"):
                raise InvalidQuery(f"The field '{name}' must be an accumulator object", 40234)
            told = refusal(operator, "accumulator") or refusal(f"{operator} as an accumulator", "operator")
            raise told or InvalidQuery(f"unknown group operator '{operator}'", 15952)
        if operator == "$count" and argument != {}:
            raise InvalidQuery("$count takes no arguments, i.e. $count:{}", 72)
        if isinstance(argument, list):
            raise InvalidQuery(f"The {operator} accumulator is a unary operator", 40237)
        compiled.append((name, ACCUMULATORS[operator], compile_expression(argument, variables)))
    return compiled


def group(documents: Iterable[Document], key_of: Compute, fields: list[Field], variables: Variables) -> list[Document]:
    """Group documents by the value of an expression.

    Keys are equal where MongoDB's are: 30 and 30.0 are, True and 1 are not, NaN is to itself. A missing
    key is null; a missing field of a compound key stays missing.

    Parameters
    ----------
    documents
        The documents, taken one at a time.
    key_of, fields
        The compiled ``$group``.
    variables
        Variables of the pipeline.

    Returns
    -------
    list of dict
        One document per group, ``_id`` first, in the order of the groups' first members.
    """
    computes = [compute for _, _, compute in fields]
    groups: dict[bytes, tuple[Any, list[Any]]] = {}
    for document in documents:
        identity = key_of(document, variables)
        key = encode_key(identity)
        known = groups.get(key)
        if known is None:
            known = groups[key] = (
                None if identity is MISSING else plain("$group", identity),
                [make() for _, make, _ in fields],
            )
        for accumulator, compute in zip(known[1], computes, strict=True):
            accumulator.add(compute(document, variables))
    names = [name for name, _, _ in fields]
    return [
        {"_id": identity, **{name: item.result() for name, item in zip(names, accumulators, strict=True)}}
        for identity, accumulators in groups.values()
    ]
