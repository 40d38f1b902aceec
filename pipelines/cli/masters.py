"""Commands about masters: ``masters``, ``certify``, ``why``, ``shoot``, ``recall``."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import typer

from pipelines.cli.options import Place, json_option, yes_option


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (masters, certify, why, shoot, recall):
        app.command()(command)


def masters(
    context: typer.Context,
    night: str = typer.Argument(help="The night, YYYY-MM-DD."),
    kind: list[str] = typer.Option([], help="bias, dark, flat or pixelmap; may be repeated [all]."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would be made, and how much that is."),
    method: str = typer.Option(None, help="How to combine [noise-model]."),
    minimum: int = typer.Option(None, min=1, help="Fewest frames of a master [as the profile says]."),
    borrow: bool = typer.Option(False, "--borrow", help="Fill small groups with like frames of nights nearby."),
    jobs: int = typer.Option(None, min=1, help="Masters made at a time [one for each processor]."),
    as_json: bool = json_option,
) -> None:
    """Make the masters of a night; what is unchanged is left alone."""
    from pipelines.calibration.masters.plan import KINDS, plan_masters, plan_table
    from pipelines.calibration.masters.run import make_masters
    from pipelines.calibration.masters.step import Options
    from pipelines.cli.show import show
    from pipelines.progress import bar

    place: Place = context.obj
    options = Options(method=method, minimum=minimum, borrow=borrow)
    with place.open(readonly=dry_run) as archive:
        if dry_run:
            steps = plan_masters(archive.catalog, date=night, kinds=kind or KINDS, options=options)
            show(plan_table(steps, date=night), as_json=as_json)
            return
        with bar("Masters") as advance:
            answer = make_masters(
                catalog=archive.catalog,
                store=archive.store,
                date=night,
                kinds=kind or KINDS,
                options=options,
                jobs=jobs,
                progress=advance,
            )
    show(answer, as_json=as_json)
    raise typer.Exit(int(any(row["outcome"] == "failed" for row in answer)))


def certify(
    context: typer.Context,
    names: list[str] = typer.Argument(help="Names of masters.", metavar="MASTER..."),
    why: str = typer.Option(..., help="Kept in the history."),
    since: str = typer.Option(None, help="First instant of validity, UTC [the noon that began its night]."),
    until: str = typer.Option(None, help="End of validity, UTC [open]."),
    split: bool = typer.Option(False, "--split", help="Cut the intervals of others to make room."),
    override: bool = typer.Option(False, "--override", help="Certify also what was set aside."),
    status: str = typer.Option("certified", help="certified, verified, proposed or withdrawn."),
    as_json: bool = json_option,
) -> None:
    """Certify masters for an interval of time, or withdraw them."""
    from pipelines.calibration.select.certify import certify as certify_one
    from pipelines.calibration.select.certify import set_status
    from pipelines.cli.show import show_object

    place: Place = context.obj
    with place.open() as archive:
        if status != "certified":
            changed = set_status(names, status, catalog=archive.catalog, store=archive.store, why=why)
            typer.echo(f"{len(changed)} masters are {status} now")
            return
        for name in names:
            done = certify_one(
                name,
                catalog=archive.catalog,
                store=archive.store,
                since=_instant(since),
                until=_instant(until),
                split=split,
                override=override,
                why=why,
            )
            show_object(done, as_json=as_json)


def why(
    context: typer.Context,
    frame: str = typer.Argument(help="A frame's name.", metavar="FRAME"),
    kind: str = typer.Argument("dark", help="dark, flat, bias or pixelmap."),
    before: bool = typer.Option(False, "--before", help="Only masters from before the frame."),
    max_age: str = typer.Option("30d", help="How far from the frame a master may be: 12h, 30d, 8w."),
    as_json: bool = json_option,
) -> None:
    """Say which master a frame has and why, or why it has none and what to take."""
    from pipelines.calibration.select.criteria import Rules
    from pipelines.calibration.select.why import why as explain
    from pipelines.cli.options import duration
    from pipelines.cli.show import show, show_object

    place: Place = context.obj
    rules = Rules(order="before" if before else "nearest", max_age=duration(max_age))
    with place.open(readonly=True) as archive:
        answer = explain(frame, kind, catalog=archive.catalog, rules=rules)
    if as_json:
        show_object(answer, as_json=True)
        return
    typer.echo(answer.reason)
    if answer.shoot:
        typer.echo(answer.shoot)
    if len(answer.table):
        show(answer.table, as_json=False)


def shoot(
    context: typer.Context,
    nights: list[str] = typer.Argument(help="Nights, YYYY-MM-DD.", metavar="NIGHT..."),
    as_json: bool = json_option,
) -> None:
    """List the darks and flats a night lacks, by what a minute of them gains."""
    from pipelines.calibration.select.needs import what_to_shoot
    from pipelines.cli.show import show

    place: Place = context.obj
    with place.open(readonly=True) as archive:
        show(what_to_shoot(archive.catalog, nights), as_json=as_json)


def recall(
    context: typer.Context,
    names: list[str] = typer.Argument(None, help="Names of frames and masters.", metavar="[ID]..."),
    why: str = typer.Option("", help="Kept with all that is marked."),
    undo: str = typer.Option(None, metavar="RUN", help="Take back what a recall, or a certification, did."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would be flagged and made again."),
    yes: bool = yes_option,
    as_json: bool = json_option,
) -> None:
    """Mark frames or masters bad; all that was made from them is listed, flagged and sized."""
    from pipelines.calibration.masters.recall import recall as mark
    from pipelines.cli.show import show_object
    from pipelines.documents.changes import undo as take_back

    place: Place = context.obj
    if bool(names) == bool(undo):
        raise typer.BadParameter("name what to recall, or a run with --undo")
    if names and not why:
        raise typer.BadParameter("say why: it is kept with all that is marked (--why TEXT)")
    with place.open() as archive:
        if undo:
            reason = why or "taken back"
            back = take_back(undo, catalog=archive.catalog, store=archive.store, why=reason)
            typer.echo(f"{len(back)} documents are as they were before run {undo}")
            return
        if dry_run or (sys.stdin.isatty() and not yes):
            planned = mark(names, catalog=archive.catalog, store=archive.store, why=why, dry_run=True)
            show_object(planned, as_json=as_json)
            if dry_run:
                return
            typer.confirm("Mark them?", abort=True)
        done = mark(names, catalog=archive.catalog, store=archive.store, why=why)
    show_object(done, as_json=as_json)


def _instant(text: str | None) -> datetime | None:
    """Read an instant, in UTC unless it says otherwise.

    Raises
    ------
    typer.BadParameter
        It is none.
    """
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no time; write 2024-02-20 or 2024-02-20T19:00") from error
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def export_master(place: Place, name: str, out: Path) -> bool:
    """Write a master as FITS; False if there is no master of that name."""
    if not name.startswith("masters/"):
        return False
    from pipelines.calibration.masters.fits import export_master as write
    from pipelines.calibration.select.certify import find_master

    with place.open(readonly=True) as archive:
        master = find_master(name, catalog=archive.catalog)
        path = write(master, out, store=archive.store)
    typer.echo(f"{path}: {path.stat().st_size} bytes, {', '.join(master['arrays'])}")
    return True
