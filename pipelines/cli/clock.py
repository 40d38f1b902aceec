"""The command about the cameras' clocks: ``clock``."""

import typer

from pipelines.cli.options import ArchiveAddress, table_option
from pipelines.table.cells import counted


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(clock)


def clock(
    context: typer.Context,
    nights: list[str] = typer.Argument(help="Nights, YYYY-MM-DD.", metavar="NIGHT"),
    fix: bool = typer.Option(
        False, "--fix", help="Put frames of wrong clocks into the night of the telescope array's time."
    ),
    undo: bool = typer.Option(False, "--undo", help="Take the last --fix of these nights back."),
    as_json: bool = table_option,
) -> None:
    """Compare each camera's clock with the telescope array's: cameras share exposure numbers.

    Examples
    --------
      darkroom clock 2024-02-20
      darkroom clock 2024-02-20 --csv
    """
    from pipelines import Answer
    from pipelines.cli.show import show

    address: ArchiveAddress = context.obj
    if fix and undo:
        raise typer.BadParameter("give --fix or --undo, not both")
    if fix or undo:
        _change_dates(address, nights, undo=undo)
        return
    with address.open(readonly=True) as archive:
        answers = [archive.calibration.clock(night) for night in nights]
    rows = tuple(row for answer in answers for row in answer)
    show(
        Answer(answers[0].columns, rows, f"Clocks against the telescope array's, {', '.join(nights)}"), as_json=as_json
    )


def _change_dates(address: ArchiveAddress, nights: list[str], *, undo: bool) -> None:
    with address.open() as archive:
        if undo:
            changed = archive.calibration.undo_dates(nights)
            typer.echo(f"{counted(len(changed), 'frame')} put back as before run {changed.run}")
            return
        changed = archive.calibration.fix_dates(nights)
    if changed.run is None:
        typer.echo("nothing to change: every date is that of the telescope array's time")
    else:
        typer.echo(
            f"{counted(len(changed), 'frame')} changed by run {changed.run}; "
            f"`darkroom clock {' '.join(nights)} --undo` puts back"
        )
