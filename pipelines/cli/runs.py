"""The command ``runs``: what changed the archive, when, and how it ended."""

import typer

from pipelines.cli.options import ArchiveAddress, table_option


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(runs)


def runs(
    context: typer.Context,
    verb: str = typer.Option(None, help="Only runs of this verb, such as ingest or nightly."),
    limit: int = typer.Option(20, min=1, help="How many."),
    as_json: bool = table_option,
) -> None:
    """List the last runs that changed the archive, with their results.

    Examples
    --------
      darkroom runs
      darkroom runs --verb ingest --limit 5
    """
    from pipelines.cli.show import show

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        show(archive.upkeep.runs(verb=verb, limit=limit), as_json=as_json)
