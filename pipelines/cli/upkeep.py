"""Commands that prove and preserve: ``check``, ``rebuild``, ``backup``, ``copy``, ``migrate``."""

from pathlib import Path

import typer

from pipelines.cli.application import Commands
from pipelines.cli.options import ArchiveAddress, duration, json_option, scheduler_option, yes_option
from pipelines.cli.renamed import renamed_flag, renamed_option


def register(app: Commands) -> None:
    """Add the commands to the application."""
    app.command(for_cron=True)(check)
    for command in (rebuild, backup, copy, migrate):
        app.command()(command)


def check(
    context: typer.Context,
    level: str = typer.Option("digests", help="How deep: exists, sizes, digests or decode."),
    time_limit: str = typer.Option("", help="Stop after this time and go on there next time: 90m, 1h."),
    max_age: str = typer.Option("0", help="Pass over what was verified within this time: 4w."),
    grace: str = typer.Option("1h", help="Unreferenced arrays and records younger than this are an ingest at work."),
    repair: bool = typer.Option(False, "--repair", help="Repair what can be repaired without loss."),
    readonly: bool = typer.Option(False, "--readonly", help="Write nothing, not even what was verified when."),
    scheduler: str = scheduler_option,
    as_json: bool = json_option,
    max_duration: str = renamed_option("--max-duration", "--time-limit"),
    mend: bool = renamed_flag("--mend", "--repair"),
) -> None:
    """Prove that nothing is missing, across documents, arrays and records; exit 4 on damage, 1 on unfinished work.

    The least recently verified come first. Every finding is named with how to fix it.

    Examples
    --------
      darkroom check --level sizes
    """
    from pipelines.cli.show import show_object

    address: ArchiveAddress = context.obj
    with address.open(readonly=readonly, any_schema=True) as archive:
        report = archive.upkeep.check(
            level=level,
            time_limit=duration(time_limit) if time_limit else None,
            max_age=duration(max_age),
            grace=duration(grace),
            repair=repair,
            scheduler=scheduler,
        )
    show_object(report, as_json=as_json)
    raise typer.Exit(130 if report.stopped == "interrupted" and report.exit_code != 4 else report.exit_code)


def rebuild(
    context: typer.Context,
    into: str = typer.Option(None, help="URL or path of an empty catalog to rebuild into [the archive's own]."),
    missing: bool = typer.Option(False, "--missing", help="Add what the catalog does not have; leave the rest."),
    document: list[str] = typer.Option(None, help="Only this document, back to what the store keeps of it."),
    as_json: bool = json_option,
) -> None:
    """Make a lost catalog again from the array store: documents, masters, trash and history.

    Examples
    --------
      darkroom rebuild --missing
    """
    from pipelines.cli.show import show_object

    address: ArchiveAddress = context.obj
    target = ArchiveAddress(home=address.home, catalog=into or address.catalog, store=address.store)
    target.require_store()
    with target.open(any_schema=True, new=True) as archive:
        report = archive.upkeep.rebuild(missing=missing, documents=document or ())
    show_object(report, as_json=as_json)
    raise typer.Exit(report.exit_code)


def backup(
    context: typer.Context,
    out: Path = typer.Argument(help="File to write; it may not exist."),
    as_json: bool = json_option,
) -> None:
    """Copy the embedded catalog, as it is at this moment, to a file; others may go on writing. Arrays: `cp -a`.

    Examples
    --------
      darkroom backup catalog-copy.db
    """
    from pipelines.cli.show import show_object

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        show_object(archive.upkeep.backup(out), as_json=as_json)


def copy(
    context: typer.Context,
    to: str = typer.Option("", help="Catalog to copy into: mongodb:// URL or file; empty, or an unfinished copy."),
    store_to: str = typer.Option("", help="Where to copy the arrays: a folder or s3://bucket/prefix, likewise."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would be copied."),
    yes: bool = yes_option,
    as_json: bool = json_option,
) -> None:
    """Copy the catalog, the arrays or both to another place, and prove that each is there: the way up, or back.

    The archive is only read meanwhile. What changes in it during the copy is copied too. Cut short, run it
    again: it goes on where it stopped. Exit 1: the archive went on changing; 4: something in it is damaged.

    Examples
    --------
      darkroom copy --to other-catalog.db --store-to other-store
    """
    import sys

    from pipelines.cli.confirm import agree
    from pipelines.cli.show import show_object

    address: ArchiveAddress = context.obj
    with address.open(readonly=True, any_schema=True) as archive:
        asked = not (yes or as_json) and sys.stdin is not None and sys.stdin.isatty()
        if dry_run or asked:
            show_object(archive.copy_to(to or None, store=store_to or None, dry_run=True), as_json=as_json)
        if dry_run:
            return
        if asked:
            agree("Copy it?", yes=False)
        report = archive.copy_to(to or None, store=store_to or None)
    show_object(report, as_json=as_json)
    raise typer.Exit(report.exit_code)


def migrate(
    context: typer.Context,
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say how many documents are of an older schema."),
    as_json: bool = json_option,
) -> None:
    """Bring the documents of an older release to the schema of this one; cut short, run it again.

    Examples
    --------
      darkroom migrate --dry-run
    """
    from pipelines.cli.show import show_object

    address: ArchiveAddress = context.obj
    with address.open(readonly=dry_run, any_schema=True) as archive:
        report = archive.upkeep.migrate(dry_run=dry_run)
    show_object(report, as_json=as_json)
