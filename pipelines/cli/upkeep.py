"""Commands that look after the archive: ``sweep``."""

import sys

import typer

from pipelines.cli.options import Place, duration, yes_option


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(sweep)


def sweep(
    context: typer.Context,
    grace: str = typer.Option("14d", help="Touch nothing younger: 0, 90m, 12h, 14d, 4w. 0 only when no ingest runs."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would be removed."),
    yes: bool = yes_option,
) -> None:
    """Empty the old trash and remove arrays that nothing refers to."""
    place: Place = context.obj
    patience = duration(grace)
    with place.open() as archive:
        if dry_run or (sys.stdin.isatty() and not yes):
            typer.echo(repr(archive.sweep(grace=patience, dry_run=True)))
            if dry_run:
                return
            typer.confirm("Remove them for good?", abort=True)
        typer.echo(repr(archive.sweep(grace=patience, dry_run=False)))
