"""Commands about the fitness of frames: ``frames``."""

from typing import Any

import typer

from pipelines.cli.application import Commands
from pipelines.cli.options import ArchiveAddress, scheduler_option, table_option
from pipelines.table.cells import counted


def register(app: Commands) -> None:
    """Add the command to the application."""
    app.command(for_cron=True)(frames)


def frames(
    context: typer.Context,
    nights: list[str] = typer.Argument(help="Nights, YYYY-MM-DD; or the word mark and a filter.", metavar="NIGHT"),
    kind: list[str] = typer.Option([], help="Only frames of this kind [dark, bias and flat]; may be repeated."),
    check: bool = typer.Option(False, "--check", help="Measure and judge them, and keep the outcome."),
    bad: bool = typer.Option(False, "--bad", help="Only those that are not good; with mark: mark them bad."),
    why: str = typer.Option("", help="With mark: the reason, kept with each frame."),
    jobs: int = typer.Option(None, min=1, help="Frames measured at a time [one for each processor]."),
    scheduler: str = scheduler_option,
    as_json: bool = table_option,
) -> None:
    """Say which frames are fit to be combined, and why not. Exit code 4: pixels are lost or damaged.

    Examples
    --------
      darkroom frames 2024-02-20 --bad
      darkroom frames 2024-02-20 --kind dark --check
      darkroom frames mark '{"date": "2024-02-20", "kind": "flat"}' --bad --why "clouds"
    """
    if nights[0] == "mark":
        _mark(context.obj, nights[1:], bad=bad, why=why)
        return
    from pipelines import Answer
    from pipelines.cli.show import show

    if scheduler and not check:
        raise typer.BadParameter("--scheduler goes with --check: without it nothing is measured")
    address: ArchiveAddress = context.obj
    kinds = tuple(kind) or None
    with address.open(readonly=not check) as archive:
        if check:
            how: dict[str, Any] = {"kinds": kinds, "jobs": jobs, "scheduler": scheduler}
            answers = [archive.calibration.check_frames(night, **how) for night in nights]
        else:
            answers = [archive.calibration.frames(nights, kinds=kinds)]
        for night, answer in zip(nights, answers, strict=False):
            archive.require_answer(answer, nights=(night,) if check else nights, kinds=kind or ("dark", "bias", "flat"))
    rows = tuple(row for answer in answers for row in answer if not (bad and row["verdict"] == "good"))
    show(Answer(answers[0].columns, rows, f"Frames, {', '.join(nights)}"), as_json=as_json)
    if any(row["verdict"] == "unreadable" for row in rows):
        raise typer.Exit(4)


def _mark(address: ArchiveAddress, words: list[str], *, bad: bool, why: str) -> None:
    """Mark all frames of a filter bad, so that no master is made of them."""
    from pipelines.cli.query import JAVASCRIPT, WRITES, parse

    if len(words) != 1 or not bad or not why:
        raise typer.BadParameter("""write: darkroom frames mark '{"date": "2024-02-20"}' --bad --why TEXT""")
    asked = parse(words[0], refused=JAVASCRIPT | WRITES)
    if not isinstance(asked, dict):
        raise typer.BadParameter("frames are marked by a filter {...}, not by a pipeline")
    with address.open() as archive:
        changed = archive.calibration.mark_bad(asked, why=why)
    if not changed:
        typer.echo("no frame matches; nothing was marked")
        raise typer.Exit(1)
    typer.echo(f"{counted(len(changed), 'frame')} marked bad; darkroom recall --undo {changed.run} takes it back")
