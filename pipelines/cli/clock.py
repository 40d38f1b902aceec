"""The command about the cameras' clocks: ``clock``."""

import typer

from pipelines.cli.options import Place, json_option


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(clock)


def clock(
    context: typer.Context,
    nights: list[str] = typer.Argument(help="Nights, YYYY-MM-DD.", metavar="NIGHT..."),
    fix: bool = typer.Option(False, "--fix", help="Put frames of wrong clocks into the night of the array's time."),
    undo: bool = typer.Option(False, "--undo", help="Take the last --fix of these nights back."),
    as_json: bool = json_option,
) -> None:
    """Compare each camera's clock with the array's: cameras share exposure numbers."""
    from pipelines.calibration.times.clock import clock_errors
    from pipelines.cli.show import show
    from pipelines.table import Answer

    place: Place = context.obj
    if fix and undo:
        raise typer.BadParameter("give --fix or --undo, not both")
    if fix or undo:
        _change_dates(place, nights, undo=undo)
        return
    with place.open(readonly=True) as archive:
        answers = [clock_errors(archive.headers, night) for night in nights]
    rows = tuple(row for answer in answers for row in answer)
    show(Answer(answers[0].columns, rows, f"Clocks against the array's, {', '.join(nights)}"), as_json=as_json)


def _change_dates(place: Place, nights: list[str], *, undo: bool) -> None:
    from pipelines.calibration.times import dates

    with place.open() as archive:
        if undo:
            run, changed = dates.undo_dates(nights, catalog=archive.catalog, store=archive.store)
            typer.echo(f"{len(changed)} frames are as they were before run {run}")
            return
        fixed, changed = dates.fix_dates(nights, catalog=archive.catalog, store=archive.store)
    if fixed is None:
        typer.echo("nothing to change: every date is that of the array's time")
    else:
        typer.echo(
            f"{len(changed)} frames changed by run {fixed}; `darkroom clock {' '.join(nights)} --undo` puts back"
        )
