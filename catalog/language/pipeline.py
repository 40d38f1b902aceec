"""Compiles pipelines: everything is checked before the first document is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from catalog.errors import InvalidQuery
from catalog.language import foreign, stages
from catalog.language.context import Names, Pipeline, Stages
from catalog.limits import refusal

__all__ = ["STAGES", "compile_pipeline", "compile_update_pipeline"]

STAGES: Stages = {**stages.STAGES, **foreign.STAGES}
_MOST_STAGES = 1000
_IN_UPDATES = frozenset({"$addFields", "$set", "$unset", "$project", "$replaceRoot", "$replaceWith"})


def compile_pipeline(pipeline: Any, variables: Iterable[str] = ()) -> Pipeline:
    """Return the stages of a pipeline that may name some variables, ready to run.

    Raises
    ------
    InvalidQuery, NotSupported
        Naming the stage or operator.
    """
    return _compiled(pipeline, Names(frozenset(variables), _compiled))


def compile_update_pipeline(pipeline: Any, variables: Iterable[str] = ()) -> Pipeline:
    """Return the stages of a pipeline that updates documents, ready to run."""
    for stage in pipeline if isinstance(pipeline, list) else []:
        if isinstance(stage, Mapping) and len(stage) == 1 and next(iter(stage)) not in _IN_UPDATES:
            raise InvalidQuery(f"{next(iter(stage))} is not allowed to be used within an update", 72)
    return compile_pipeline(pipeline, variables)


def _compiled(pipeline: Any, names: Names) -> Pipeline:
    if not isinstance(pipeline, list):
        raise InvalidQuery("a pipeline must be a list of stages", 14)
    if len(pipeline) > _MOST_STAGES:
        raise InvalidQuery(f"Pipeline length must be no longer than {_MOST_STAGES} stages", 7749501)
    compiled = []
    for stage in pipeline:
        if not isinstance(stage, Mapping):
            raise InvalidQuery("each element of the 'pipeline' array must be an object", 14)
        if len(stage) != 1:
            raise InvalidQuery("a pipeline stage specification object must contain exactly one field", 40323)
        ((name, options),) = stage.items()
        if name not in STAGES:
            raise refusal(name, "stage") or InvalidQuery(f"Unrecognized pipeline stage name: '{name}'", 40324)
        if name == "$facet" and name in names.within:
            raise InvalidQuery("$facet is not allowed to be used within a $facet stage", 40600)
        compiled.append(STAGES[name](options, names))
    return compiled
