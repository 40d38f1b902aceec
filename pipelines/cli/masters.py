"""Commands about masters: ``masters make | list | certify | compare``, ``why``, ``needs``, ``recall``."""

from datetime import UTC, datetime
from pathlib import Path

import typer

from pipelines.cli.application import Commands
from pipelines.cli.chapters import Masters
from pipelines.cli.confirm import agree
from pipelines.cli.options import (
    ArchiveAddress,
    elsewhere_option,
    json_option,
    scheduler_option,
    table_option,
    yes_option,
)
from pipelines.table.cells import counted


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    masters = Commands(cls=Masters, help="Master frames.")
    masters.command("make", for_cron=True)(masters_make)
    masters.command("list")(masters_list)
    masters.command("show")(masters_show)
    masters.command("export")(masters_export)
    masters.command("certify")(certify)
    masters.command("compare")(compare)
    app.add_typer(masters, name="masters")
    for command in (why, needs, recall):
        app.command()(command)


def masters_make(
    context: typer.Context,
    night: str = typer.Argument(help="The night, YYYY-MM-DD."),
    kind: list[str] = typer.Option([], help="bias, dark, flat or pixelmap; may be repeated [all]."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would be made, and how much that is."),
    method: str = typer.Option(None, help="How to combine [noise-model]."),
    minimum: int = typer.Option(None, min=1, help="Fewest frames of a master [as the profile says]."),
    borrow: bool = typer.Option(False, "--borrow", help="Fill small groups with like frames of nights nearby."),
    jobs: int = typer.Option(None, min=1, help="Masters made at a time [one for each processor]."),
    scheduler: str = scheduler_option,
    as_json: bool = table_option,
) -> None:
    """Make the masters of a night; what is unchanged is left alone.

    Examples
    --------
      darkroom masters make 2024-02-20 --dry-run
      darkroom masters make 2024-02-20 --kind dark
    """
    from pipelines import MasterOptions
    from pipelines.cli.show import show

    address: ArchiveAddress = context.obj
    options = MasterOptions(method=method, minimum=minimum, borrow=borrow)
    with address.open(readonly=dry_run) as archive:
        if dry_run:
            show(archive.calibration.plan(night, kinds=kind or None, options=options), as_json=as_json)
            return
        answer = archive.calibration.make_masters(
            night, kinds=kind or None, options=options, jobs=jobs, scheduler=scheduler
        )
    show(answer, as_json=as_json)
    raise typer.Exit(int(any(row["outcome"] == "failed" for row in answer)))


def masters_list(
    context: typer.Context,
    nights: list[str] = typer.Argument(None, help="Nights, YYYY-MM-DD; all by default.", metavar="NIGHT"),
    kind: str = typer.Option(None, help="Only bias, dark, flat or pixelmap."),
    camera: str = typer.Option(None, help="Only of this camera."),
    status: str = typer.Option(
        None,
        help="Only those that are today certified, verified, proposed, withdrawn, set-aside, recalled, stale, "
        "retired or superseded.",
    ),
    as_json: bool = table_option,
) -> None:
    """List the masters of some nights, or all.

    Examples
    --------
      darkroom masters list 2024-02-20 --kind dark
    """
    from pipelines.cli.show import show

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        show(
            archive.calibration.masters(nights or None, kind=kind, camera=camera, status=status),
            as_json=as_json,
        )


def masters_show(
    context: typer.Context,
    master: str = typer.Argument(help="A master's name, or its beginning.", metavar="MASTER"),
    as_json: bool = json_option,
) -> None:
    """Show what a master is: its frames, how it was accepted, its noise, where it is valid.

    Examples
    --------
      darkroom masters show masters/83F010711/2024-02-20/dark-6s
    """
    from pipelines.cli.show import print_json
    from pipelines.table import plain

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        found = archive.calibration.master(master)
    if as_json:
        print_json(found)
    else:
        typer.echo(plain(repr(found), lines=True))


def masters_export(
    context: typer.Context,
    master: str = typer.Argument(help="A master's name, or its beginning.", metavar="MASTER"),
    out: Path = typer.Argument(help="File or folder to write to."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace a file that is there."),
    as_json: bool = json_option,
) -> None:
    """Write a master as FITS, with all its planes and where it comes from.

    Examples
    --------
      darkroom masters export masters/83F010711/2024-02-20/dark-6s master.fits
    """
    from pipelines.cli.show import print_json

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        found = archive.calibration.master(master)
        target = out / f"{found['_id'].rpartition('/')[2]}.fits" if out.is_dir() else out
        path = archive.calibration.export(found["_id"], target, overwrite=overwrite)
    planes = list(found["arrays"])
    if as_json:
        print_json({"id": found["_id"], "file": path, "nbytes": path.stat().st_size, "planes": planes})
    else:
        typer.echo(f"{path}: {path.stat().st_size} bytes, {', '.join(planes)}")


def certify(
    context: typer.Context,
    names: list[str] = typer.Argument(help="Names of masters.", metavar="MASTER"),
    why: str = typer.Option(..., help="Kept in the history."),
    since: str = typer.Option(None, help="First instant of validity, UTC [the noon that began its night]."),
    until: str = typer.Option(None, help="End of validity, UTC [open]."),
    split: bool = typer.Option(False, "--split", help="Cut the intervals of others to make room."),
    override: bool = typer.Option(False, "--override", help="Certify also what was set aside."),
    status: str = typer.Option("certified", help="certified, verified, proposed or withdrawn."),
    as_json: bool = json_option,
) -> None:
    """Certify masters for an interval of time, or withdraw them.

    Examples
    --------
      darkroom masters certify masters/83F010711/2024-02-20/dark-6s --why 'compared with last week'
    """
    from pipelines.cli.show import show_object

    address: ArchiveAddress = context.obj
    with address.open() as archive:
        if status != "certified":
            changed = archive.calibration.set_status(names, status, why=why)
            typer.echo(f"{counted(len(changed), 'master')} now {status}")
            return
        for name in names:
            done = archive.calibration.certify(
                name, since=_instant(since), until=_instant(until), split=split, override=override, why=why
            )
            show_object(done, as_json=as_json)


def compare(
    context: typer.Context,
    name: str = typer.Argument(help="A master bias, dark or flat.", metavar="MASTER"),
    peer: str = typer.Option("ccdproc", "--with", help="The other program; it must be installed."),
    as_json: bool = table_option,
) -> None:
    """Combine a master's frames by ccdproc, and say where and by how much the two differ.

    Examples
    --------
      darkroom masters compare masters/83F010711/2024-02-20/dark-6s --with ccdproc
    """
    from pipelines.cli.show import show

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        show(archive.calibration.compare(name, peer=peer), as_json=as_json)


def why(
    context: typer.Context,
    frame: str = typer.Argument(help="A frame's name.", metavar="FRAME"),
    kind: str = typer.Argument("dark", help="dark, flat, bias or pixelmap."),
    before: bool = typer.Option(False, "--before", help="Only masters from before the frame."),
    max_age: str = typer.Option("30d", help="How far from the frame a master may be: 12h, 30d, 8w."),
    elsewhere: bool = elsewhere_option,
    as_json: bool = json_option,
) -> None:
    """Say which master a frame has and why, or why it has none and what to take.

    Examples
    --------
      darkroom why Dragonfly101/2024-02-20/T13060400_1_flat.fits dark
    """
    from pipelines import Rules
    from pipelines.cli.options import duration
    from pipelines.cli.show import show, show_object

    address: ArchiveAddress = context.obj
    rules = Rules(order="before" if before else "nearest", max_age=duration(max_age))
    rules = rules.with_elsewhere() if elsewhere else rules
    with address.open(readonly=True) as archive:
        answer = archive.calibration.why(frame, kind, rules=rules)
    if as_json:
        show_object(answer, as_json=True)
        return
    typer.echo(answer.reason)
    if answer.needs:
        typer.echo(answer.needs)
    if len(answer.table):
        show(answer.table, as_json=False)


def needs(
    context: typer.Context,
    nights: list[str] = typer.Argument(help="Nights, YYYY-MM-DD.", metavar="NIGHT"),
    as_json: bool = table_option,
) -> None:
    """List the calibration frames needed by a night, by what a minute of them gains.

    Examples
    --------
      darkroom needs 2024-02-20
    """
    from pipelines.cli.show import show

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        needed = archive.calibration.needs(nights)
        archive.require_answer(needed, nights=nights)
        show(needed, as_json=as_json)


def recall(
    context: typer.Context,
    names: list[str] = typer.Argument(None, help="Names of frames and masters.", metavar="ID"),
    why: str = typer.Option("", help="Kept with all that is marked."),
    undo: str = typer.Option(None, metavar="RUN", help="Take back what a recall, or a certification, did."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would be flagged and made again."),
    yes: bool = yes_option,
    as_json: bool = json_option,
) -> None:
    """Mark frames or masters bad; derived products are listed, flagged and sized.

    Examples
    --------
      darkroom recall Dragonfly101/2024-02-20/T13060400_1_flat.fits --why 'shutter stuck' --dry-run
    """
    from pipelines.cli.show import show_object

    address: ArchiveAddress = context.obj
    if bool(names) == bool(undo):
        raise typer.BadParameter("name what to recall, or a run with --undo")
    if names and not why:
        raise typer.BadParameter("say why: it is kept with all that is marked (--why TEXT)")
    with address.open() as archive:
        if undo:
            reason = why or "taken back"
            back = archive.calibration.undo(undo, why=reason)
            typer.echo(f"{counted(len(back), 'document')} put back as before run {undo}")
            return
        if dry_run or not yes:
            planned = archive.calibration.recall(names, why=why, dry_run=True)
            show_object(planned, as_json=as_json)
            if dry_run:
                return
        agree("Mark them?", yes=yes)
        done = archive.calibration.recall(names, why=why)
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
