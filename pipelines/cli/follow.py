"""The command ``follow``: what happens in the archive, line by line, as it happens."""

import typer

from pipelines.cli.options import ArchiveAddress, duration, json_option


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(follow)


def follow(
    context: typer.Context,
    since: str = typer.Option("", help="Begin with what happened in this time before now: 1h, 2d."),
    time_limit: str = typer.Option("", help="End after this time; without it, at Ctrl-C."),
    as_json: bool = json_option,
) -> None:
    """Print what is ingested, made, changed and deleted, as it happens; with --json one object per line.

    A MongoDB replica set and a catalog in a file tell of changes at once; another server is asked every two seconds.

    Examples
    --------
      darkroom follow --since 1d --time-limit 1s
    """
    from datetime import UTC, datetime

    from pipelines.cli.show import print_json

    address: ArchiveAddress = context.obj
    begin = datetime.now(UTC) - duration(since) if since else None
    limit = duration(time_limit).total_seconds() if time_limit else None
    with address.open(readonly=True) as archive:
        for event in archive.follow(since=begin, time_limit=limit):
            if as_json:
                print_json(event.to_dict())
            else:
                typer.echo(str(event))
