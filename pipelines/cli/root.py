"""The commands ``root list | add | move``: named folders of original files."""

from pathlib import Path

import typer

from pipelines.cli.options import ArchiveAddress


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    root = typer.Typer(help="Named folders of original files.", no_args_is_help=True, rich_markup_mode=None)
    root.command("list")(root_list)
    root.command("add")(root_add)
    root.command("move")(root_move)
    app.add_typer(root, name="root")


def root_list(context: typer.Context) -> None:
    """List the roots."""
    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        for name, folder in archive.roots.all().items():
            typer.echo(f"{name}\t{folder}")


def root_add(context: typer.Context, name: str, folder: Path) -> None:
    """Name a folder of original files."""
    address: ArchiveAddress = context.obj
    with address.open(new=True) as archive:
        archive.roots.add(name, folder)


def root_move(context: typer.Context, name: str, folder: Path) -> None:
    """Point a root at the new place of its folder."""
    address: ArchiveAddress = context.obj
    with address.open() as archive:
        archive.roots.move(name, folder)
