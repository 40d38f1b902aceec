"""The commands ``identify`` and ``correct``: what a frame is, anew from its stored header, and a value put right."""

import typer

from pipelines.cli.options import ArchiveAddress, json_option, scheduler_option
from pipelines.table.cells import counted


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(identify)
    app.command()(correct)


def identify(
    context: typer.Context,
    documents: list[str] = typer.Argument(None, help="Names of documents.", metavar="[ID]..."),
    night: str = typer.Option(None, "--night", help="Those of a night, YYYY-MM-DD."),
    where: str = typer.Option(None, "--where", help='Those of a query, as \'{"header.INSTRUME": "ST-7"}\'.'),
    everything: bool = typer.Option(False, "--all", help="All documents."),
    profile: str = typer.Option(None, help="Instrument profile for these files [the one that claims each]."),
    undo: str = typer.Option(None, "--undo", help="Take back what a run of identify or correct did.", metavar="RUN"),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would change, and change nothing."),
    scheduler: str = scheduler_option,
    as_json: bool = json_option,
) -> None:
    """Identify documents again from the headers they hold: after a profile or the site changed. Undone by --undo RUN.

    Examples
    --------
      darkroom identify --night 2024-02-20 --dry-run
    """
    from pipelines.cli.show import show_object

    address: ArchiveAddress = context.obj
    if undo:
        with address.open() as archive:
            back = archive.upkeep.undo(undo, why="taken back")
        typer.echo(f"{counted(len(back), 'document')} put back as before run {undo}")
        return
    with address.open(readonly=dry_run) as archive:
        report = archive.identify(
            documents or None,
            night=night,
            where=where,
            everything=everything,
            profile=profile,
            dry_run=dry_run,
            scheduler=scheduler,
        )
    show_object(report, as_json=as_json)
    raise typer.Exit(report.exit_code)


def correct(
    context: typer.Context,
    document: str = typer.Argument(help="A document's name.", metavar="ID"),
    values: list[str] = typer.Argument(help="What the header should say.", metavar="KEY=VALUE..."),
    why: str = typer.Option(..., "--why", help="The reason; kept in the history."),
    as_json: bool = json_option,
) -> None:
    """Correct values of a stored header, and identify the document by them. The cards stay as the file has them.

    Examples
    --------
      darkroom correct Dragonfly101/2024-02-20/T13060400_1_flat.fits EXPTIME=6 --why "the shutter log says 6 s"
    """
    from pipelines.cli.show import show_object

    address: ArchiveAddress = context.obj
    with address.open() as archive:
        report = archive.correct(document, values, why=why)
    show_object(report, as_json=as_json)
    raise typer.Exit(report.exit_code)
