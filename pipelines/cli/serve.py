"""The command ``serve``: the archive in a web browser, to look at."""

import sys

import typer

from pipelines.cli.application import Commands
from pipelines.cli.options import ArchiveAddress, json_option


def register(app: Commands) -> None:
    """Add the command to the application."""
    app.command()(serve)


def serve(
    context: typer.Context,
    host: str = typer.Option("127.0.0.1", help="Address to listen at; any but this machine's own needs a token."),
    port: int = typer.Option(8080, min=0, max=65535, help="Port to listen at; 0 is any that is free."),
    token: str = typer.Option("", envvar="DARKROOM_TOKEN", help="What everybody has to know [made, and printed]."),
    name: list[str] = typer.Option([], help="A further name of this server, as of a proxy; may be repeated."),
    prefix: str = typer.Option("", help="Path in front of every address, behind a proxy: /darkroom."),
    time_limit: str = typer.Option(None, "--time-limit", help="End after so long: 90m, 12h [when told to]."),
    as_json: bool = json_option,
) -> None:
    """Serve the archive to a web browser: nights, frames, pixels, groups, masters. Nothing can be changed by it.

    Examples
    --------
      darkroom serve --port 0 --time-limit 1s
    """
    from pipelines.cli.options import duration
    from pipelines.cli.show import print_json
    from pipelines.web import serve as run

    def ready(address: str) -> None:
        if as_json:
            print_json({"address": address})
        else:
            typer.echo(f"{address}\nCtrl-C ends it.")
        sys.stdout.flush()

    address: ArchiveAddress = context.obj
    seconds = None if time_limit is None else duration(time_limit).total_seconds()
    with address.open(readonly=True) as archive:
        run(archive, host=host, port=port, token=token, names=name, prefix=prefix, seconds=seconds, ready=ready)
