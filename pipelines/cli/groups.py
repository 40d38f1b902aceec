"""Commands about groups of frames: ``darks``, ``flats``, ``groups``."""

import typer

from pipelines.cli.options import ArchiveAddress, json_option

NIGHTS = typer.Argument(None, help="Nights, YYYY-MM-DD; all by default.", metavar="[NIGHT]...")


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(darks)
    app.command()(flats)
    app.command()(groups)


def darks(context: typer.Context, nights: list[str] = NIGHTS, as_json: bool = json_option) -> None:
    """Group darks by camera serial number and exposure time."""
    from pipelines.cli.show import show

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        show(archive.dark_groups(nights or None), as_json=as_json)


def flats(
    context: typer.Context,
    nights: list[str] = NIGHTS,
    evidence: bool = typer.Option(False, "--evidence", help="Every exposure number, and all that tells its twilight."),
    fix: bool = typer.Option(False, "--fix", help="Write the consensus; what was there before is kept."),
    undo: bool = typer.Option(False, "--undo", help="Take the last --fix of these nights back."),
    as_json: bool = json_option,
) -> None:
    """List the flats whose cameras disagree on evening or morning, and what most say."""
    from pipelines.cli.show import show

    if fix + undo > 1 or ((fix or undo) and not nights):
        raise typer.BadParameter("name the nights for --fix or --undo, and one of the two")
    address: ArchiveAddress = context.obj
    if fix or undo:
        _change_flats(address, nights, undo=undo)
        return
    with address.open(readonly=True) as archive:
        asked = archive.calibration.flat_times if evidence else archive.flat_conflicts
        show(asked(nights or None), as_json=as_json)


def _change_flats(address: ArchiveAddress, nights: list[str], *, undo: bool) -> None:
    with address.open() as archive:
        if undo:
            changed = archive.calibration.undo_flats(nights)
            typer.echo(f"{len(changed)} flats are as they were before run {changed.run}")
            return
        answer = archive.calibration.flat_times(nights)
        changed = archive.calibration.fix_flats(nights)
    undecided = [row for row in answer if row["decision"] == "undecided"]
    for row in undecided:
        typer.echo(f"{row['date']} exposure {row['exposure_number']}: undecided, {row['reason']}")
    if changed.run is None:
        typer.echo("nothing to change: the flats agree with all that is known")
    else:
        undo_it = f"darkroom flats {' '.join(nights)} --undo"
        typer.echo(f"{len(changed)} flats changed by run {changed.run}; `{undo_it}` puts back what was there")


def groups(
    context: typer.Context,
    kind: str = typer.Argument(help="dark, flat, bias"),
    nights: list[str] = NIGHTS,
    as_json: bool = json_option,
) -> None:
    """Group frames that may be combined, by every key of their instrument's profile."""
    from pipelines.cli.show import show

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        show(archive.calibration.groups(kind, nights or None), as_json=as_json)
