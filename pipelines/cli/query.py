"""The command ``query``: any filter or aggregation pipeline, as one would type it in a notebook."""

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from pipelines.cli.options import ArchiveAddress, table_option
from pipelines.table.cells import counted

JAVASCRIPT = frozenset({"$where", "$function", "$accumulator"})
WRITES = frozenset({"$out", "$merge"})


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(query)


def query(
    context: typer.Context,
    question: str = typer.Argument("{}", help="A filter {...} or a pipeline [...], in JSON."),
    collection: str = typer.Option("headers", help="Collection to ask."),
    fields: str = typer.Option("", help="Fields to show, comma-separated [with --json all]."),
    limit: int = typer.Option(20, min=0, help="Documents at most, 0 for all; a pipeline says its own."),
    allow_javascript: bool = typer.Option(False, "--allow-javascript", help="Let $where, $function, $accumulator run."),
    allow_writes: bool = typer.Option(False, "--allow-writes", help="On a server, let $out and $merge write."),
    as_json: bool = table_option,
) -> None:
    """Ask the catalog; prints a table, or with --json whole documents.

    Examples
    --------
      darkroom query '{"header.IMAGETYP": "dark"}' --fields _id,header.EXPTIME
      darkroom query '[{"$group": {"_id": "$kind", "n": {"$sum": 1}}}]'
    """
    from pipelines import Answer
    from pipelines.cli.show import print_json, show

    address: ArchiveAddress = context.obj
    refused = (frozenset() if allow_javascript else JAVASCRIPT) | (frozenset() if allow_writes else WRITES)
    asked = parse(question, refused=refused)
    with address.open(readonly=not allow_writes) as archive:
        known = archive.catalog.collection_names()
        if collection not in known:
            raise typer.BadParameter(f"there is no collection {collection!r}; there are {', '.join(known)}")
        answers = archive.catalog[collection]
        names = [name.strip() for name in fields.split(",") if name.strip()]
        if isinstance(asked, list):
            found = list(answers.aggregate(asked))
            title = f"{counted(len(found), 'row')} of {collection}"
        else:
            shown = names or (None if as_json else ["_id", "date", "kind", "code", "status"])
            found = list(answers.find(asked, shown).limit(limit))
            title = f"{counted(len(found), 'document')} of {collection}"
            if limit and len(found) == limit:
                every = answers.count_documents(asked)
                title = f"the first {limit} of {counted(every, 'document')} of {collection}; --limit 0 shows all"
        if not found:
            archive.require_fields(asked, collection=collection)
    if as_json:
        print_json({"title": title, "rows": found})
        return
    columns = tuple(names) or tuple(dict.fromkeys(key for document in found for key in document))
    rows = tuple({column: _value(document, column) for column in columns} for document in found)
    show(Answer(columns, rows, title), as_json=False)


def parse(question: str, *, refused: frozenset[str] = JAVASCRIPT | WRITES) -> Any:
    """Read a filter or a pipeline; operators that run code or write are refused, wherever they stand.

    Raises
    ------
    typer.BadParameter
        It is not JSON, or asks for what is refused.
    """
    from bson import json_util

    try:
        asked = json_util.loads(question)
        found = set(_keys(asked))
    except (ValueError, TypeError) as error:
        raise typer.BadParameter(f"the question is not JSON: {error}") from error
    except RecursionError:
        raise typer.BadParameter("the question is nested too deeply") from None
    if not isinstance(asked, dict | list):
        raise typer.BadParameter("a question is a filter {...} or a pipeline [...]")
    if banned := sorted(found & refused & JAVASCRIPT):
        raise typer.BadParameter(f"{', '.join(banned)} runs code, and is refused without --allow-javascript")
    if banned := sorted(found & refused):
        raise typer.BadParameter(f"{', '.join(banned)} writes, and is refused without --allow-writes")
    return asked


def _keys(value: Any) -> Iterator[str]:
    """Return every key at any depth: stages of $facet, $lookup and $unionWith are pipelines too."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _keys(inner)


def _value(document: Any, path: str) -> Any:
    for key in path.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document
