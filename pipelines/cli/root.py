"""The commands ``root list | add | move``: named folders of original files."""

from pathlib import Path

import typer

from pipelines.cli.application import Commands
from pipelines.cli.options import ArchiveAddress, json_option, table_option
from pipelines.table import plain


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    root = Commands(help="Named folders of original files.")
    root.command("list")(root_list)
    root.command("add")(root_add)
    root.command("move")(root_move)
    app.add_typer(root, name="root")


def root_list(context: typer.Context, as_json: bool = table_option) -> None:
    """List the roots.

    Examples
    --------
      darkroom root list
    """
    from pipelines import Answer
    from pipelines.cli.show import show

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        rows = tuple({"name": name, "folder": str(folder)} for name, folder in archive.roots.all().items())
    show(Answer(("name", "folder"), rows, "Roots"), as_json=as_json)


def root_add(context: typer.Context, name: str, folder: Path, as_json: bool = json_option) -> None:
    """Name a folder of original files.

    Examples
    --------
      darkroom root add usbdisk /mnt
    """
    address: ArchiveAddress = context.obj
    with address.open(new=True) as archive:
        archive.roots.add(name, folder)
        _say(archive.roots.folder(name), name, as_json=as_json)


def root_move(context: typer.Context, name: str, folder: Path, as_json: bool = json_option) -> None:
    """Point a root at the new place of its folder.

    Examples
    --------
      darkroom root move fits fits/
    """
    address: ArchiveAddress = context.obj
    with address.open() as archive:
        archive.roots.move(name, folder)
        _say(archive.roots.folder(name), name, as_json=as_json)


def _say(folder: Path, name: str, *, as_json: bool) -> None:
    from pipelines.cli.show import print_json

    if as_json:
        print_json({"name": name, "folder": folder})
    else:
        typer.echo(plain(f"root {name} = {folder}"))
