"""Finds out which paths of a document a pipeline needs, and cuts documents down to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bson import Decimal128

__all__ = ["Paths", "compile_paths", "needed_paths", "prune"]

#: Paths as a tree: a name leads to the tree below it, or to None where everything below is needed.
Paths = dict[str, "Paths | None"]

_PASS = frozenset({"$limit", "$skip", "$sample"})


class _Whole(Exception):
    """The pipeline needs whole documents, or might."""


def needed_paths(pipeline: Sequence[Mapping[str, Any]]) -> frozenset[str] | None:
    """Return the paths a pipeline reads of the documents that enter it.

    Parameters
    ----------
    pipeline : sequence of mapping
        The stages.

    Returns
    -------
    frozenset of str or None
        Dotted paths; None if whole documents are needed, or if it cannot be told.

    Examples
    --------
    >>> sorted(needed_paths([{"$match": {"a.b": 1}}, {"$group": {"_id": "$c", "n": {"$sum": "$d"}}}]))
    ['a.b', 'c', 'd']
    >>> needed_paths([{"$match": {"a": 1}}]) is None
    True
    """
    paths: set[str] = set()
    try:
        return frozenset(paths) if _pipeline(pipeline, paths) else None
    except _Whole:
        return None


def _pipeline(pipeline: Sequence[Mapping[str, Any]], paths: set[str]) -> bool:
    """Collect paths; tell whether the documents that entered are all used up at the end."""
    for stage in pipeline:
        if not isinstance(stage, Mapping) or len(stage) != 1:
            raise _Whole
        ((name, options),) = stage.items()
        if _stage(name, options, paths):
            return True
    return False


def _stage(name: str, options: Any, paths: set[str]) -> bool:
    """Collect the paths of a stage; tell whether only what it makes goes on."""
    if name in _PASS:
        return False
    if name == "$count":
        return True
    if name == "$match":
        _filter(options, paths)
        return False
    if name == "$sort" and isinstance(options, Mapping):
        paths.update(options)
        return False
    if name == "$unwind":
        path = options.get("path") if isinstance(options, Mapping) else options
        _expression(path, paths)
        return False
    if name in ("$addFields", "$set") and isinstance(options, Mapping):
        for path, value in options.items():
            paths.add(path)  # what stands there decides where the new value goes
            _expression(value, paths)
        return False
    if name in ("$group", "$bucket", "$sortByCount"):
        _expression(options if name == "$sortByCount" else dict(options), paths)
        return True
    if name == "$project" and isinstance(options, Mapping):
        return _project(options, paths)
    if name == "$facet" and isinstance(options, Mapping):
        used_up = [_pipeline(branch, paths) for branch in options.values()]  # each branch adds its paths
        if all(used_up):
            return True
    raise _Whole


def _project(options: Mapping[str, Any], paths: set[str], prefix: str = "") -> bool:
    """Collect the paths of a projection; tell whether only what it names goes on."""
    if not prefix and options.get("_id", 1):
        paths.add("_id")
    goes_on = False
    for name, value in options.items():
        path = prefix + name
        if isinstance(value, (bool, int, float)):
            if not value and path != "_id":
                raise _Whole
            if value:
                paths.add(path)
            goes_on |= bool(value)
        elif isinstance(value, Mapping) and not next(iter(value), "").startswith("$"):
            paths.add(path)  # what stands there decides where a computed field goes
            goes_on |= _project(value, paths, f"{path}.")
        elif isinstance(value, Decimal128):
            raise _Whole
        else:
            paths.add(path.partition(".")[0])
            _expression(value, paths)
            goes_on = True
    return goes_on


def _filter(query: Any, paths: set[str]) -> None:
    if not isinstance(query, Mapping):
        raise _Whole
    for path, condition in query.items():
        if path in ("$and", "$or", "$nor") and isinstance(condition, list):
            for branch in condition:
                _filter(branch, paths)
        elif path == "$expr":
            _expression(condition, paths)
        elif path.startswith("$"):
            if path != "$comment":
                raise _Whole
        else:
            paths.add(path)


def _expression(expression: Any, paths: set[str]) -> None:
    if isinstance(expression, str):
        if expression.startswith("$$"):
            name, _, rest = expression[2:].partition(".")
            if name in ("ROOT", "CURRENT"):
                if not rest:
                    raise _Whole
                paths.add(rest)
        elif expression.startswith("$"):
            paths.add(expression[1:])
    elif isinstance(expression, Mapping):
        for name, value in expression.items():
            if name == "$getField":
                raise _Whole
            if name != "$literal":
                _expression(value, paths)
    elif isinstance(expression, (list, tuple)):
        for item in expression:
            _expression(item, paths)


def compile_paths(paths: frozenset[str]) -> Paths:
    """Make a tree of paths. A number in a path may be a position, so everything above it is kept."""
    tree: Paths = {}
    for path in sorted(paths):
        node = tree
        parts = path.split(".")
        for position, part in enumerate(parts):
            last = position == len(parts) - 1 or parts[position + 1].isdigit()
            below = node.get(part, {})
            if last or below is None:
                node[part] = None
                break
            node[part] = below
            node = below
    return tree


def prune(document: Mapping[str, Any], paths: Paths) -> dict[str, Any]:
    """Cut a document down to some paths; what arrays hold beside sub-documents stays."""
    present = [name for name in paths if name in document]
    if len(present) > 1:  # the order of a document's fields is kept
        present = [name for name in document if name in paths]
    kept: dict[str, Any] = {}
    for name in present:
        below = paths[name]
        kept[name] = document[name] if below is None else _prune_value(document[name], below)
    return kept


def _prune_value(value: Any, paths: Paths) -> Any:
    if isinstance(value, Mapping):
        return prune(value, paths)
    if isinstance(value, list):
        return [_prune_value(item, paths) for item in value]
    return value
