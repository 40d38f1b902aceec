"""The command ``status``: what the archive holds, and where."""

import typer

from pipelines.cli.options import ArchiveAddress, json_option


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(status)


def status(context: typer.Context, as_json: bool = json_option) -> None:
    """Say what the archive holds, and where.

    Examples
    --------
      darkroom status
    """
    from pipelines.cli.show import show_object

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        show_object(archive.status(), as_json=as_json)
