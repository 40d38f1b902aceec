"""The command ``query``: any filter or aggregation pipeline, as one would type it in a notebook."""

from typing import Any

import typer

from pipelines.cli.options import Place, json_option

FORBIDDEN = ("$where", "$function", "$accumulator", "$out", "$merge")


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(query)


def query(
    context: typer.Context,
    question: str = typer.Argument("{}", help="A filter {...} or a pipeline [...], in JSON."),
    collection: str = typer.Option("headers", help="Collection to ask."),
    fields: str = typer.Option("", help="Fields to show, comma-separated [the whole document with --json]."),
    limit: int = typer.Option(20, min=0, help="Documents at most, 0 for all; pipelines set their own."),
    as_json: bool = json_option,
) -> None:
    """Ask the catalog; prints a table, or with --json one document a line."""
    from bson import json_util

    place: Place = context.obj
    asked = parse_question(question)
    with place.open(readonly=True) as archive:
        answers = archive.catalog[collection]
        names = [name.strip() for name in fields.split(",") if name.strip()]
        if isinstance(asked, list):
            found = list(answers.aggregate(asked))
        else:
            shown = names or (None if as_json else ["_id", "date", "kind", "code", "status"])
            found = list(answers.find(asked, shown).limit(limit))
    if as_json:
        for document in found:
            typer.echo(json_util.dumps(document, json_options=json_util.RELAXED_JSON_OPTIONS))
        return
    from pipelines.cli.show import show
    from pipelines.table import Answer

    columns = tuple(names) or tuple(dict.fromkeys(key for document in found for key in document))
    rows = tuple({column: _value(document, column) for column in columns} for document in found)
    show(Answer(columns, rows, f"{len(rows)} of {collection}"), as_json=False)


def parse_question(question: str) -> Any:
    """Read a filter or a pipeline; operators that run code or write are refused.

    Raises
    ------
    typer.BadParameter
        It is not JSON, or asks for what is refused.
    """
    from bson import json_util

    try:
        asked = json_util.loads(question)
    except ValueError as error:
        raise typer.BadParameter(f"the question is not JSON: {error}") from error
    if not isinstance(asked, dict | list):
        raise typer.BadParameter("a question is a filter {...} or a pipeline [...]")
    banned = sorted(set(_operators(asked)) & set(FORBIDDEN))
    if banned:
        raise typer.BadParameter(f"{', '.join(banned)} runs code or writes, and is refused here; use Python for it")
    return asked


def _operators(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(name for inner in value.values() for name in _operators(inner))]
    if isinstance(value, list):
        return [name for inner in value for name in _operators(inner)]
    return []


def _value(document: Any, path: str) -> Any:
    for key in path.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document
