"""The command about the cameras' clocks: ``clock``."""

import typer

from pipelines.cli.options import Place, json_option


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(clock)


def clock(
    context: typer.Context,
    nights: list[str] = typer.Argument(help="Nights, YYYY-MM-DD.", metavar="NIGHT..."),
    as_json: bool = json_option,
) -> None:
    """Compare each camera's clock with the array's: cameras share exposure numbers."""
    from pipelines.calibration.clock import clock_errors
    from pipelines.cli.show import show
    from pipelines.table import Answer

    place: Place = context.obj
    with place.open(readonly=True) as archive:
        answers = [clock_errors(archive.headers, night) for night in nights]
    rows = tuple(row for answer in answers for row in answer)
    show(Answer(answers[0].columns, rows, f"Clocks against the array's, {', '.join(nights)}"), as_json=as_json)
