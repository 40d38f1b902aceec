"""The command ``status``: what the archive holds, and where."""

import typer

from pipelines.cli.options import ArchiveAddress, json_option


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(status)


def status(
    context: typer.Context,
    count: bool = typer.Option(False, "--count", help="Count the arrays of the store anew, and keep the count."),
    prometheus: bool = typer.Option(
        False, "--prometheus", help="Print figures for Prometheus, as its textfile collector reads them."
    ),
    as_json: bool = json_option,
) -> None:
    """Say what the archive holds, where, and what needs attention.

    Examples
    --------
      darkroom status
      darkroom status --prometheus
    """
    from pipelines.cli.show import show_object

    if prometheus and as_json:
        raise typer.BadParameter("give one of --prometheus and --json")
    address: ArchiveAddress = context.obj
    with address.open(readonly=not count) as archive:
        found = archive.status(count=count)
        if prometheus:
            typer.echo(archive.upkeep.prometheus(found), nl=False)
        else:
            show_object(found, as_json=as_json)
