"""The commands ``quarantine list | retry | acknowledge | forget``: files that could not be taken, and why."""

import typer

from pipelines.cli.application import Commands
from pipelines.cli.confirm import agree
from pipelines.cli.options import ArchiveAddress, duration, json_option, size, table_option, yes_option
from pipelines.table.cells import counted


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    quarantine = Commands(help="Files that could not be taken, and why.")
    quarantine.command("list")(quarantine_list)
    quarantine.command("retry", for_cron=True)(quarantine_retry)
    quarantine.command("acknowledge")(quarantine_acknowledge)
    quarantine.command("forget")(quarantine_forget)
    app.add_typer(quarantine, name="quarantine")


def quarantine_list(
    context: typer.Context,
    code: str = typer.Option(None, help="Only this kind of refusal."),
    as_json: bool = table_option,
) -> None:
    """List the files that could not be taken, with the reason and how to fix it.

    Examples
    --------
      darkroom quarantine list --wide
    """
    from pipelines.cli.show import show

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        show(archive.upkeep.quarantined(code=code), as_json=as_json)


def quarantine_retry(
    context: typer.Context,
    names: list[str] = typer.Argument(None, help="Names as listed, ROOT:PATH; all by default.", metavar="NAME"),
    everything: bool = typer.Option(False, "--all", help="Also files that have not changed since."),
    memory: str = typer.Option("1G", help="Memory one file may take."),
    timeout: str = typer.Option("30s", help="Time one file may take, plus one second per MiB."),
    as_json: bool = json_option,
) -> None:
    """Take files in quarantine again: those that have changed, or all.

    Examples
    --------
      darkroom quarantine retry --all
    """
    from pipelines import Bounds
    from pipelines.cli.show import show_object

    address: ArchiveAddress = context.obj
    bounds = Bounds(memory=size(memory), seconds=duration(timeout).total_seconds())
    with address.open() as archive:
        report = archive.upkeep.retry(names or [], bounds=bounds, everything=everything or bool(names))
    if report is None:
        typer.echo("nothing to retry: no file in quarantine has changed; --all tries them as they are")
        return
    show_object(report, as_json=as_json)
    raise typer.Exit(report.exit_code)


def quarantine_acknowledge(
    context: typer.Context,
    names: list[str] = typer.Argument(help="Names as listed, ROOT:PATH.", metavar="NAME"),
    why: str = typer.Option(..., help="The reason, kept with the entries."),
    as_json: bool = json_option,
) -> None:
    """Say that files may stay in quarantine: runs no longer report them, until they change.

    Examples
    --------
      darkroom quarantine acknowledge fits:broken.fits --why 'the disk was full'
    """
    from pipelines.cli.show import print_json

    address: ArchiveAddress = context.obj
    with address.open() as archive:
        done = archive.upkeep.acknowledge(names, why=why)
    if as_json:
        print_json({"acknowledged": done, "why": why})
    else:
        typer.echo(f"{counted(len(done), 'entry', 'entries')} acknowledged; `darkroom quarantine list` still has them")


def quarantine_forget(
    context: typer.Context,
    names: list[str] = typer.Argument(None, help="Names as listed, ROOT:PATH; all by default.", metavar="NAME"),
    force: bool = typer.Option(False, "--force", help="Also files that are still there; they need names."),
    why: str = typer.Option("", help="The reason, kept in the ledger."),
    yes: bool = yes_option,
    as_json: bool = json_option,
) -> None:
    """Strike out entries whose files are no more, or with --force any.

    Examples
    --------
      darkroom quarantine forget --yes
    """
    from pipelines.cli.show import print_json

    address: ArchiveAddress = context.obj
    with address.open() as archive:
        count = len(names) if force and names else len(archive.upkeep.gone(names or []))
        if count:
            agree(f"Forget {count} entries?", yes=yes)
        struck = archive.upkeep.forget(names or [], force=force, why=why)
    if as_json:
        print_json({"forgotten": struck, "why": why})
    elif struck:
        typer.echo(f"{len(struck)} entries forgotten")
    else:
        typer.echo("nothing to forget: no file in quarantine is gone; --force NAME strikes one out all the same")
