"""Command of the morning after: ``report``, a page of a night."""

from pathlib import Path

import typer

from pipelines.cli.application import Commands
from pipelines.cli.options import ArchiveAddress, json_option


def register(app: Commands) -> None:
    """Add the command to the application."""
    app.command()(report)


def report(
    context: typer.Context,
    night: str = typer.Argument(help="The night, YYYY-MM-DD."),
    out: Path | None = typer.Option(None, "--out", help="Write it here [NIGHT.html in this folder]."),
    folder: Path | None = typer.Option(None, "--folder", help="Write it and an index of all nights into this folder."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Write over a page that is there."),
    as_json: bool = json_option,
) -> None:
    """Write the page of a night: one HTML file that needs no network. What needs attention comes first.

    Examples
    --------
      darkroom report 2024-02-20 --out night.html
      darkroom report 2024-02-20 --folder pages
    """
    from pipelines.cli.show import print_json
    from pipelines.pages import night_page, write_folder

    address: ArchiveAddress = context.obj
    if out is not None and folder is not None:
        raise typer.BadParameter("give --out or --folder")
    with address.open(readonly=True) as archive:
        if folder is not None:
            written = write_folder(archive, folder, [night])[0]
        else:
            page = night_page(archive, night)
            written = page.save(out or Path(f"{night}.html"), overwrite=overwrite)
    if as_json:
        print_json({"night": night, "file": written})
    else:
        typer.echo(written)
