"""The command ``targets``: hours, nights and frames of each target, and the masters that would apply."""

import typer

from pipelines.cli.options import ArchiveAddress, table_option


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(targets)


def targets(
    context: typer.Context,
    name: str = typer.Argument(None, help="Only this target, whatever its case and spaces.", metavar="NAME"),
    as_json: bool = table_option,
) -> None:
    """List targets: hours, frames and nights per filter, and which masters would apply.

    Examples
    --------
      darkroom targets
      darkroom targets NGC891
    """
    from pipelines.cli.show import show

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        show(archive.targets(name), as_json=as_json)
