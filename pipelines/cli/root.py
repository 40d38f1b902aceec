"""The commands ``root list | add | move``: named folders of original files."""

from pathlib import Path

import typer

from pipelines.cli.application import Commands
from pipelines.cli.options import ArchiveAddress


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    root = Commands(help="Named folders of original files.")
    root.command("list")(root_list)
    root.command("add")(root_add)
    root.command("move")(root_move)
    app.add_typer(root, name="root")


def root_list(context: typer.Context) -> None:
    """List the roots.

    Examples
    --------
      darkroom root list
    """
    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        for name, folder in archive.roots.all().items():
            typer.echo(f"{name}\t{folder}")


def root_add(context: typer.Context, name: str, folder: Path) -> None:
    """Name a folder of original files.

    Examples
    --------
      darkroom root add usbdisk /mnt
    """
    address: ArchiveAddress = context.obj
    with address.open(new=True) as archive:
        archive.roots.add(name, folder)


def root_move(context: typer.Context, name: str, folder: Path) -> None:
    """Point a root at the new place of its folder.

    Examples
    --------
      darkroom root move fits fits/
    """
    address: ArchiveAddress = context.obj
    with address.open() as archive:
        archive.roots.move(name, folder)
