"""Commands about groups of frames: ``darks``, ``flats``, ``groups``."""

import typer

from pipelines.cli.options import Place, json_option

NIGHTS = typer.Argument(None, help="Nights, YYYY-MM-DD; all by default.", metavar="[NIGHT]...")


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(darks)
    app.command()(flats)
    app.command()(groups)


def darks(context: typer.Context, nights: list[str] = NIGHTS, as_json: bool = json_option) -> None:
    """Group darks by camera serial number and exposure time."""
    from pipelines.cli.show import show

    place: Place = context.obj
    with place.open(readonly=True) as archive:
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
    place: Place = context.obj
    if fix or undo:
        _change_flats(place, nights, undo=undo)
        return
    with place.open(readonly=True) as archive:
        if evidence:
            from pipelines.calibration.times.flats import flat_times

            show(flat_times(archive.headers, nights or None), as_json=as_json)
        else:
            show(archive.flat_conflicts(nights or None), as_json=as_json)


def _change_flats(place: Place, nights: list[str], *, undo: bool) -> None:
    from pipelines.calibration.times import flats as flattimes

    with place.open() as archive:
        if undo:
            run, changed = flattimes.undo_last(nights, catalog=archive.catalog, store=archive.store)
            typer.echo(f"{len(changed)} flats are as they were before run {run}")
            return
        answer = flattimes.flat_times(archive.headers, nights)
        fixed, changed = flattimes.fix(answer, catalog=archive.catalog, store=archive.store)
    undecided = [row for row in answer if row["decision"] == "undecided"]
    for row in undecided:
        typer.echo(f"{row['date']} exposure {row['exposure_number']}: undecided, {row['reason']}")
    if fixed is None:
        typer.echo("nothing to change: the flats agree with all that is known")
    else:
        typer.echo(f"{len(changed)} flats changed by run {fixed}; `darkroom flats {' '.join(nights)} --undo` puts back")


def groups(
    context: typer.Context,
    kind: str = typer.Argument(help="dark, flat, bias"),
    nights: list[str] = NIGHTS,
    as_json: bool = json_option,
) -> None:
    """Group frames that may be combined, by every key of their instrument's profile."""
    from pipelines.calibration.groups.groups import groups as grouped
    from pipelines.cli.show import show

    place: Place = context.obj
    with place.open(readonly=True) as archive:
        show(grouped(archive.headers, kind, date=nights or None), as_json=as_json)
