"""Commands about groups of frames: ``darks``, ``flats``, ``groups``."""

import typer

from pipelines.cli.options import ArchiveAddress, table_option
from pipelines.table.cells import counted

NIGHTS = typer.Argument(None, help="Nights, YYYY-MM-DD; all by default.", metavar="NIGHT")


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(darks)
    app.command()(flats)
    app.command()(groups)


def darks(context: typer.Context, nights: list[str] = NIGHTS, as_json: bool = table_option) -> None:
    """List darks by camera and exposure time.

    Examples
    --------
      darkroom darks 2024-02-20
    """
    from pipelines.cli.show import show

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        answer = archive.dark_groups(nights or None)
        archive.require_answer(answer, nights=nights or (), kinds=("dark",))
        show(answer, as_json=as_json)


def flats(
    context: typer.Context,
    nights: list[str] = NIGHTS,
    conflicts: bool = typer.Option(
        False, "--conflicts", help="Only exposure numbers whose cameras disagree, and what most of them say."
    ),
    evidence: bool = typer.Option(False, "--evidence", help="Every exposure number, and all that tells its twilight."),
    fix: bool = typer.Option(False, "--fix", help="Write the consensus; what was there before is kept."),
    undo: bool = typer.Option(False, "--undo", help="Take the last --fix of these nights back."),
    as_json: bool = table_option,
) -> None:
    """List flats by camera, filter and time of day, and which of them the evidence would change.

    Examples
    --------
      darkroom flats 2024-02-20 --evidence
    """
    from pipelines.cli.show import show

    if fix + undo > 1 or ((fix or undo) and not nights):
        raise typer.BadParameter("name the nights for --fix or --undo, and one of the two")
    address: ArchiveAddress = context.obj
    if fix or undo:
        _change_flats(address, nights, undo=undo)
        return
    with address.open(readonly=True) as archive:
        calibration = archive.calibration
        asked = calibration.flat_times if evidence else archive.flat_conflicts if conflicts else calibration.flats
        answer = asked(nights or None)
        archive.require_answer(answer, nights=nights or (), kinds=("flat",))
        show(answer, as_json=as_json)


def _change_flats(address: ArchiveAddress, nights: list[str], *, undo: bool) -> None:
    with address.open() as archive:
        if undo:
            changed = archive.calibration.undo_flats(nights)
            typer.echo(f"{counted(len(changed), 'flat')} put back as before run {changed.run}")
            return
        answer = archive.calibration.flat_times(nights)
        changed = archive.calibration.fix_flats(nights)
    undecided = [row for row in answer if row["decision"] == "undecided"]
    for row in undecided:
        which = "" if row["exposure_number"] is None else f" exposure {row['exposure_number']}"
        typer.echo(f"{row['date']}{which}: undecided, {row['reason']}")
    if changed.run is None:
        typer.echo("nothing to change: the flats agree with all that is known")
    else:
        undo_it = f"darkroom flats {' '.join(nights)} --undo"
        typer.echo(f"{len(changed)} flats changed by run {changed.run}; `{undo_it}` puts back what was there")


def groups(
    context: typer.Context,
    kind: str = typer.Argument(help="dark, flat, bias; all: with --left."),
    nights: list[str] = NIGHTS,
    left: bool = typer.Option(False, "--left", help="Frames of any kind that are in no group, with the reason."),
    as_json: bool = table_option,
) -> None:
    """Group frames that may be combined, by every key of their instrument's profile.

    Examples
    --------
      darkroom groups dark 2024-02-20
    """
    from pipelines import Answer
    from pipelines.cli.show import show

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        if left:
            answer = archive.calibration.ungrouped(nights or None)
            rows = tuple(row for row in answer if kind in ("all", row["kind"]))
            answer = Answer(answer.columns, rows, answer.title)
        else:
            answer = archive.calibration.groups(kind, nights or None)
        archive.require_answer(answer, nights=nights or (), kinds=() if kind == "all" else (kind,))
        show(answer, as_json=as_json)
