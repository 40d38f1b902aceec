"""Commands about the fitness of frames: ``frames``."""

import typer

from pipelines.cli.options import Place, json_option


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(frames)


def frames(
    context: typer.Context,
    nights: list[str] = typer.Argument(help="Nights, YYYY-MM-DD.", metavar="NIGHT..."),
    kind: list[str] = typer.Option([], help="Only frames of this kind [dark, bias and flat]; may be repeated."),
    check: bool = typer.Option(False, "--check", help="Measure and judge them, and keep the outcome."),
    bad: bool = typer.Option(False, "--bad", help="Only those that are not good."),
    jobs: int = typer.Option(None, min=1, help="Frames measured at a time [one for each processor]."),
    as_json: bool = json_option,
) -> None:
    """Say which frames are fit to be combined, and why not. Exit code 4: pixels are lost or damaged."""
    from pipelines.calibration.quality.checks import KINDS, check_frames, frame_checks
    from pipelines.cli.show import show
    from pipelines.progress import bar
    from pipelines.table import Answer

    place: Place = context.obj
    kinds = tuple(kind) or KINDS
    with place.open(readonly=not check) as archive:
        if check:
            answers = []
            for night in nights:
                with bar(f"Check {night}") as advance:
                    answers.append(
                        check_frames(
                            night,
                            catalog=archive.catalog,
                            store=archive.store,
                            kinds=kinds,
                            jobs=jobs,
                            progress=advance,
                        )
                    )
        else:
            answers = [frame_checks(archive.headers, nights, kinds=kinds)]
    rows = tuple(row for answer in answers for row in answer if not (bad and row["verdict"] == "good"))
    show(Answer(answers[0].columns, rows, f"Frames, {', '.join(nights)}"), as_json=as_json)
    if any(row["verdict"] == "unreadable" for row in rows):
        raise typer.Exit(4)
