"""The command ``status``: what the archive holds, and where."""

import typer

from pipelines.cli.options import ArchiveAddress, json_option


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(status)


def status(
    context: typer.Context,
    count: bool = typer.Option(False, "--count", help="Count the arrays of the store anew, and keep the count."),
    as_json: bool = json_option,
) -> None:
    """Say what the archive holds, where, and what needs attention.

    Examples
    --------
      darkroom status
    """
    from pipelines.cli.show import show_object

    address: ArchiveAddress = context.obj
    with address.open(readonly=not count) as archive:
        show_object(archive.status(count=count), as_json=as_json)
