"""Shapes documents: projections of queries and pipelines, fields added and removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from catalog.errors import InvalidQuery
from catalog.language.expressions import compile_expression
from catalog.language.functions import Variables
from catalog.language.kinds import bson_type, is_number
from catalog.language.paths import checked_path
from catalog.language.values import MISSING, Document
from catalog.limits import refusal

__all__ = ["Shape", "adder", "find_projection", "project", "remover", "set_path"]

#: Makes a document of another, and of the variables beside it.
Shape = Callable[[Document, Variables], Document]
Tree = dict[str, Any]  # name -> True (take), False (leave out), a tree, or what computes it of the root document


def project(options: Any, variables: frozenset[str]) -> Shape:
    """Return the function of a ``$project``.

    Raises
    ------
    InvalidQuery
        If the specification is not valid.
    """
    if not isinstance(options, Mapping):
        raise InvalidQuery("$project specification must be an object", 15969)
    if not options:
        raise InvalidQuery("specification must have at least one field", 51272)
    tree: Tree = {}
    first: bool | None = None
    for path, value in _flat(options):
        take: Any = _taken(path, value, variables)
        _plant(tree, path, take)
        if path == "_id" and not callable(take):
            continue
        if first is None:
            first = bool(take)
        elif bool(take) is not first:
            kind = "exclusion on field {} in inclusion" if first else "inclusion on field {} in exclusion"
            code = 31254 if first else 31310 if callable(take) else 31253
            raise InvalidQuery(f"Cannot do {kind.format(path)} projection", code)
    if first is None:
        first = bool(tree["_id"]) if not isinstance(tree["_id"], dict) else any(tree["_id"].values())
    if not first:
        return lambda document, given: _exclude(document, tree)
    tree.setdefault("_id", True)
    if not _computes(tree):
        return lambda document, given: _id_first(_pick(document, tree))
    return lambda document, given: _id_first(_include(document, tree, document, given))


def _taken(path: str, value: Any, variables: frozenset[str]) -> Any:
    if isinstance(value, bool) or is_number(value):
        return bool(value)
    if bson_type(value) == "decimal":
        return value.to_decimal() != 0
    return compile_expression(value, variables)


def _flat(options: Mapping[str, Any], prefix: str = "", *, adding: bool = False) -> Iterator[tuple[str, Any]]:
    """Yield path and value of every field; an object that is no expression holds fields of its own."""
    for name, value in options.items():
        if adding and prefix and "." in name:
            raise InvalidQuery(f"cannot use dotted field name '{name}' in a sub object", 40183)
        if isinstance(value, Mapping) and not next(iter(value), "").startswith("$"):
            if not value and not adding:
                raise InvalidQuery("an empty object is not a valid value. Found empty object at path " + name, 40180)
            if not value:
                yield prefix + name, value
            if any(key.startswith("$") for key in value):
                raise InvalidQuery(f"cannot use an expression beside fields at {name}", 40181)
            yield from _flat(value, f"{prefix}{name}.", adding=adding)
        else:
            if isinstance(value, Mapping) and len(value) > 1:
                raise InvalidQuery(f"an expression specification must contain exactly one field, at {name}", 40181)
            yield prefix + name, value


def _plant(tree: Tree, path: str, leaf: Any) -> None:
    *above, last = _path(path)
    node = tree
    for name in above:
        node = node.setdefault(name, {})
        if not isinstance(node, dict):
            raise InvalidQuery(f"Path collision at {path}", 31249)
    if last in node:
        raise InvalidQuery(f"Path collision at {path}", 31250)
    node[last] = leaf


def _path(path: str) -> tuple[str, ...]:
    if not path:
        raise InvalidQuery("FieldPath cannot be constructed with empty string", 40352)
    return checked_path(path)


def _pick(document: Document, tree: Tree) -> Document:
    """Return what `_include` does, of a tree that computes nothing."""
    out: Document = {}
    for name in [name for name in document if name in tree]:
        take, value = tree[name], document[name]
        if take is True:
            out[name] = value
        elif type(take) is dict:
            if type(value) is dict:
                out[name] = _pick(value, take)
            elif type(value) is list:
                out[name] = _picked_items(value, take)
    return out


def _picked_items(values: list[Any], tree: Tree) -> list[Any]:
    kinds = (dict, list)
    return [
        _pick(item, tree) if type(item) is dict else _picked_items(item, tree) for item in values if type(item) in kinds
    ]


def _include(document: Document, tree: Tree, root: Document, given: Variables) -> Document:
    out: Document = {}
    for name in [name for name in document if name in tree]:
        take, value = tree[name], document[name]
        if take is True:
            out[name] = value
        elif type(take) is dict:
            inner = _include_value(value, take, root, given)
            if inner is not MISSING:
                out[name] = inner
    for name, take in tree.items():
        if callable(take):
            made = take(root, given)
            if made is not MISSING:
                out[name] = made
        elif type(take) is dict and name not in out and _computes(take):
            out[name] = _include({}, take, root, given)
    return out


def _include_value(value: Any, tree: Tree, root: Document, given: Variables) -> Any:
    if type(value) is dict:
        return _include(value, tree, root, given)
    if type(value) is list:
        inner = (_include_value(item, tree, root, given) for item in value)
        return [item for item in inner if item is not MISSING]
    return _include({}, tree, root, given) if _computes(tree) else MISSING


def _computes(tree: Tree) -> bool:
    return any(callable(take) or (type(take) is dict and _computes(take)) for take in tree.values())


def _exclude(document: Document, tree: Tree) -> Document:
    out: Document = {}
    for name, value in document.items():
        leave = tree.get(name, True)
        if leave is True:
            out[name] = value
        elif type(leave) is dict:
            out[name] = _exclude_value(value, leave)
    return out


def _exclude_value(value: Any, tree: Tree) -> Any:
    if type(value) is dict:
        return _exclude(value, tree)
    return [_exclude_value(item, tree) for item in value] if type(value) is list else value


def _id_first(document: Document) -> Document:
    if "_id" not in document or next(iter(document)) == "_id":
        return document
    return {"_id": document["_id"], **document}


def set_path(document: Document, parts: tuple[str, ...], value: Any) -> Document:
    """Return a copy of a document with a value at a path; arrays on the way are replaced, as by ``$unwind``."""
    name, rest = parts[0], parts[1:]
    if not rest:
        return {**document, name: value}
    below = document.get(name)
    return {**document, name: set_path(below if type(below) is dict else {}, rest, value)}


def adder(options: Any, variables: frozenset[str], name: str = "$addFields") -> Shape:
    """Return the function of an ``$addFields`` or ``$set``.

    Raises
    ------
    InvalidQuery
        If the specification is not valid.
    """
    if not isinstance(options, Mapping):
        raise InvalidQuery(f"{name} specification stage must be an object, got {bson_type(options)}", 40272)
    tree: Tree = {}
    for path, value in _flat(
        options, adding=True
    ):  # an object of fields goes into the one that is there, field by field
        try:
            _plant(tree, path, compile_expression(value, variables))
        except InvalidQuery as error:
            if error.code in (31249, 31250):
                raise InvalidQuery(f"specification contains two conflicting paths at {path}", 40176) from None
            raise
    return lambda document, given: _add(document, tree, document, given)


def _add(document: Document, tree: Tree, root: Document, given: Variables) -> Document:
    out = dict(document)
    for name, below in tree.items():
        value = (
            _add_value(document.get(name, MISSING), below, root, given) if type(below) is dict else below(root, given)
        )
        if value is MISSING:
            out.pop(name, None)
        else:
            out[name] = value
    return out


def _add_value(value: Any, tree: Tree, root: Document, given: Variables) -> Any:
    if type(value) is list:
        return [_add_value(item, tree, root, given) for item in value]
    return _add(value if type(value) is dict else {}, tree, root, given)


def remover(options: Any) -> Shape:
    """Return the function of an ``$unset``."""
    paths = [options] if bson_type(options) == "string" else options
    if not isinstance(paths, list):
        raise InvalidQuery("$unset specification must be a string or an array", 31002)
    if not paths:
        raise InvalidQuery("$unset specification must be a string or an array with at least one field", 31119)
    if not all(bson_type(path) == "string" for path in paths):
        raise InvalidQuery("$unset specification must be a string or an array containing only strings", 31120)
    tree: Tree = {}
    for path in paths:
        _plant(tree, path, False)
    return lambda document, given: _exclude(document, tree)


def find_projection(projection: Any, variables: frozenset[str]) -> Shape | None:
    """Return the function of the projection of a ``find``; None if it leaves documents as they are.

    Raises
    ------
    InvalidQuery
        If the projection is not valid.
    NotSupported
        If it holds an operator the embedded catalog refuses.
    """
    if isinstance(projection, (list, tuple, set, frozenset)):
        projection = dict.fromkeys(projection, 1)  # of no names: everything, as PyMongo sends it
    if not projection:
        return None
    if not isinstance(projection, Mapping):
        raise TypeError(f"projection must be a mapping or a list of names, not {type(projection).__name__}")
    for path, value in projection.items():
        if path.endswith(".$") or ".$." in path:
            raise refusal("$", "positional projection") or InvalidQuery(path, 31276)
        if isinstance(value, Mapping):
            told = refusal(f"{next(iter(value), '')} of a projection", "operator")
            if told is not None:
                raise told
    return project(projection, variables)
