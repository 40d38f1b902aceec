"""What stages are made of: documents that flow through, what a stage may name, and the other collections."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from catalog.errors import InvalidQuery
from catalog.language.functions import Variables
from catalog.language.values import Document

__all__ = ["Context", "Database", "Documents", "Names", "Pipeline", "Stage", "Stages", "run"]

Documents = Iterable[Document]
_MOST_NESTED = 20  # pipelines within pipelines


class Database(Protocol):
    """The other collections, as pipelines see them."""

    def documents(self, collection: str, query: Mapping[str, Any]) -> Documents:
        """Return the documents of a collection that match a filter."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a stage needs beside its documents."""

    variables: Variables
    database: Database | None = None

    def others(self) -> Database:
        """Return the other collections, for a stage that names one."""
        if self.database is None:
            raise InvalidQuery("no other collection can be named here", 72)
        return self.database


#: A compiled stage, a compiled pipeline, and what compiles the options of each stage.
Stage = Callable[[Documents, Context], Documents]
Pipeline = list[Stage]


@dataclass(frozen=True, slots=True)
class Names:
    """What a stage may name where it stands, and what compiles a pipeline within it.

    Attributes
    ----------
    variables : frozenset of str
        Variables, without their dollars.
    compile : callable
        Compiles a pipeline.
    within : tuple of str
        The stages whose pipelines it is in, the innermost last.
    """

    variables: frozenset[str]
    compile: Callable[[Any, Names], Pipeline]
    within: tuple[str, ...] = ()

    def inner(self, pipeline: Any, stage: str, variables: Iterable[str] = ()) -> Pipeline:
        """Compile the pipeline within a stage."""
        if len(self.within) >= _MOST_NESTED:
            raise InvalidQuery(f"at most {_MOST_NESTED} pipelines may be nested", 232)
        return self.compile(pipeline, Names(self.variables.union(variables), self.compile, (*self.within, stage)))


Stages = dict[str, Callable[[Any, Names], Stage]]


def run(documents: Documents, pipeline: Pipeline, context: Context) -> Documents:
    """Send documents through the stages of a pipeline."""
    for stage in pipeline:
        documents = stage(documents, context)
    return documents
