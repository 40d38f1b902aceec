"""Shapes documents: projections of queries and pipelines, fields added and taken out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from catalog.errors import InvalidQuery
from catalog.language.expressions import compile_expression
from catalog.language.matching import is_operators
from catalog.language.paths import split
from catalog.language.values import MISSING
from catalog.limits import refusal

__all__ = ["Shape", "adder", "find_projection", "project", "remover", "set_path"]

Document = dict[str, Any]
Shape = Callable[[Document], Document]
Tree = dict[str, Any]  # name -> True (take), False (leave out), a tree, or a function of the root document


def project(options: Any, variables: Mapping[str, Any]) -> Shape:
    """Make the function of a ``$project``.

    Raises
    ------
    InvalidQuery
        If the specification is not valid.
    """
    if not isinstance(options, Mapping) or not options:
        raise InvalidQuery("$project specification must be an object with at least one field", 40177)
    tree: Tree = {}
    modes: set[bool] = set()
    for path, value in _flat(options):
        take: Any = bool(value) if isinstance(value, (bool, int, float)) else compile_expression(value, variables)
        _plant(tree, path, take)
        if path != "_id" or callable(take):
            modes.add(bool(take))
    if len(modes) == 2:
        raise InvalidQuery("Invalid $project: cannot mix inclusion and exclusion, other than of _id", 31254)
    including = modes == {True} or (not modes and bool(tree["_id"]))
    if not including:
        return lambda document: _exclude(document, tree)
    tree.setdefault("_id", True)
    return lambda document: _id_first(_include(document, tree, document))


def _flat(options: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for name, value in options.items():
        if not name or (name.startswith("$") and not prefix):
            raise InvalidQuery(f"{name!r} is no field a projection can name", 16410)
        if isinstance(value, Mapping) and not is_operators(value):
            if not value:
                raise InvalidQuery("an empty object is not a valid value of a projection", 51270)
            flat += _flat(value, f"{prefix}{name}.")
        else:
            flat.append((prefix + name, value))
    return flat


def _plant(tree: Tree, path: str, leaf: Any) -> None:
    *above, last = split(path)
    node = tree
    for name in above:
        node = node.setdefault(name, {})
        if not isinstance(node, dict):
            raise InvalidQuery(f"Path collision at {path}", 31249)
    if last in node:
        raise InvalidQuery(f"Path collision at {path}", 31250)
    node[last] = leaf


def _include(document: Document, tree: Tree, root: Document) -> Document:
    out: Document = {}
    for name in [name for name in document if name in tree]:
        take, value = tree[name], document[name]
        if take is True:
            out[name] = value
        elif type(take) is dict:
            inner = _include_value(value, take, root)
            if inner is not MISSING:
                out[name] = inner
    for name, take in tree.items():
        if callable(take):
            made = take(root)
            if made is not MISSING:
                out[name] = made
        elif type(take) is dict and name not in out and _computes(take):
            out[name] = _include({}, take, root)
    return out


def _include_value(value: Any, tree: Tree, root: Document) -> Any:
    if type(value) is dict:
        return _include(value, tree, root)
    if type(value) is list:
        inner = (_include_value(item, tree, root) for item in value)
        return [item for item in inner if item is not MISSING]
    return _include({}, tree, root) if _computes(tree) else MISSING


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
    """Return a copy of a document with a value at a path; arrays on the way get it in each element."""
    name, rest = parts[0], parts[1:]
    if not rest:
        return {**document, name: value}
    return {**document, name: _set_within(document.get(name, MISSING), rest, value)}


def _set_within(current: Any, parts: tuple[str, ...], value: Any) -> Any:
    if type(current) is list:
        return [_set_within(item, parts, value) for item in current]
    return set_path(current if type(current) is dict else {}, parts, value)


def adder(options: Any, variables: Mapping[str, Any]) -> Shape:
    """Make the function of an ``$addFields`` or ``$set``."""
    if not isinstance(options, Mapping) or not options:
        raise InvalidQuery("$addFields specification must be an object with at least one field", 40177)
    flat = _flat(options)  # an object of fields goes into the one that is there, field by field
    _check_paths([path for path, _ in flat])
    tree: Tree = {}
    for path, value in flat:
        _plant(tree, path, compile_expression(value, variables))
    return lambda document: _add(document, tree, document)


def _add(document: Document, tree: Tree, root: Document) -> Document:
    out = dict(document)
    for name, below in tree.items():
        value = _add_value(document.get(name, MISSING), below, root) if type(below) is dict else below(root)
        if value is MISSING:
            out.pop(name, None)
        else:
            out[name] = value
    return out


def _add_value(value: Any, tree: Tree, root: Document) -> Any:
    if type(value) is list:
        return [_add_value(item, tree, root) for item in value]
    return _add(value if type(value) is dict else {}, tree, root)


def _check_paths(paths: list[str]) -> None:
    tree: Tree = {}
    for path in paths:
        if not path or path.startswith("$") or path.endswith(".") or ".." in path:
            raise InvalidQuery(f"{path!r} is no field a stage can name", 16410)
        _plant(tree, path, True)


def remover(options: Any) -> Shape:
    """Make the function of an ``$unset``."""
    paths = [options] if isinstance(options, str) else options
    if not isinstance(paths, list) or not paths or not all(isinstance(path, str) for path in paths):
        raise InvalidQuery("$unset specification must be a string or an array of strings", 31002)
    tree: Tree = {}
    for path in paths:
        _plant(tree, path, False)
    return lambda document: _exclude(document, tree)


def find_projection(projection: Any, variables: Mapping[str, Any]) -> Shape | None:
    """Make the function of the projection of a ``find``; None if it leaves documents as they are.

    Raises
    ------
    InvalidQuery
        If the projection is not valid.
    NotSupported
        If it holds an operator the embedded catalog refuses.
    """
    if isinstance(projection, (list, tuple, set, frozenset)):
        projection = dict.fromkeys(projection, 1) or {"_id": 1}
    if not projection:
        return None
    for path, value in projection.items():
        if path.endswith(".$") or ".$." in path:
            raise refusal("$", "positional projection") or InvalidQuery(path, 31276)
        if isinstance(value, Mapping):
            told = refusal(f"{next(iter(value), '')} of a projection", "operator")
            if told is not None:
                raise told
    return project(projection, variables)
