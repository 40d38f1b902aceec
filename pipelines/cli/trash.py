"""Commands that delete in two steps, and bring back: ``delete``, ``restore``, ``sweep``."""

import typer

from pipelines.cli.application import Commands
from pipelines.cli.confirm import agree
from pipelines.cli.options import ArchiveAddress, duration, json_option, table_option, yes_option
from pipelines.table.cells import counted

SHOWN = 20  # documents named


def register(app: Commands) -> None:
    """Add the commands to the application."""
    app.command()(delete)
    app.command()(restore)
    app.command(for_cron=True)(sweep)
    trash = Commands(help="What was deleted and can come back.")
    trash.command("list")(trash_list)
    app.add_typer(trash, name="trash")


def delete(
    context: typer.Context,
    documents: list[str] = typer.Argument(help="Names of documents.", metavar="ID"),
    why: str = typer.Option("", help="Kept with the deleted documents."),
    only: bool = typer.Option(False, "--only", help="Only these, not what was made of them."),
    force: bool = typer.Option(False, "--force", help="Even if masters were made of them; this is recorded."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would go."),
    yes: bool = yes_option,
    as_json: bool = json_option,
) -> None:
    """Move documents and their derived products into the trash.

    Shows what would go and how much room it takes, asks, looks again that nothing has changed meanwhile,
    and deletes. `restore` brings it back, `sweep` empties the trash and frees the room.

    Examples
    --------
      darkroom delete Dragonfly101/2024-02-20/T13060400_1_flat.fits --why 'a test' --dry-run
    """
    from pipelines.cli.show import show_object

    address: ArchiveAddress = context.obj
    with address.open(readonly=dry_run) as archive:
        plan = archive.plan_deletion(documents, cascade=not only)
        if dry_run or not yes or as_json:
            show_object(plan, as_json=as_json)
        if dry_run:
            return
        if not plan.documents:
            typer.echo("they are in the trash already: a deletion that was cut short took them")
            return
        agree(f"Move {counted(len(plan.documents), 'document')} into the trash?", yes=yes)
        gone = archive.delete(plan, why=why, force=force)
    if not as_json:
        typer.echo(
            f"{counted(len(gone), 'document')} in the trash; `darkroom restore --run {gone.run}` brings them back, "
            "`darkroom sweep` empties it"
        )


def restore(
    context: typer.Context,
    documents: list[str] = typer.Argument(None, help="Names of documents.", metavar="ID"),
    run: str = typer.Option("", help="Everything one deletion took: its run, as `darkroom trash list` names it."),
    only: bool = typer.Option(False, "--only", help="Only these, not what else their deletion took."),
    as_json: bool = json_option,
) -> None:
    """Bring documents back from the trash, with everything else their deletion took.

    Examples
    --------
      darkroom restore Dragonfly101/2024-02-20/T13060400_1_flat.fits
    """
    from pipelines.cli.show import print_json

    if not documents and not run:
        raise typer.BadParameter("name documents to restore, or one --run")
    address: ArchiveAddress = context.obj
    with address.open() as archive:
        stay = archive.deleted_with(documents or ()) if only else []
        back = archive.restore(documents or (), run=run, only=only)
    if as_json:
        print_json({"restored": back, "in_trash": stay})
        return
    typer.echo(f"{counted(len(back), 'document')} restored" + (f": {', '.join(back)}" if len(back) <= SHOWN else ""))
    if stay:
        typer.echo(f"{len(stay)} of the same deletion stay in the trash: {', '.join(stay[:SHOWN])}")


def trash_list(context: typer.Context, as_json: bool = table_option) -> None:
    """List what is in the trash: when it was deleted, by which run, and why.

    Examples
    --------
      darkroom trash list
    """
    from pipelines.cli.show import show

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        show(archive.trash(), as_json=as_json)


def sweep(
    context: typer.Context,
    grace: str = typer.Option("14d", help="Touch nothing younger: 0, 90m, 12h, 14d, 4w. 0 only when no ingest runs."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would be removed."),
    forget: list[str] = typer.Option([], help="A document that only the store has: into the trash.", metavar="ID"),
    yes: bool = yes_option,
    as_json: bool = json_option,
) -> None:
    """Empty the old trash and remove arrays that nothing refers to.

    Refuses while the store keeps documents that the catalog lacks: `darkroom rebuild --missing` brings them
    back, and --forget moves one into the trash.

    Examples
    --------
      darkroom sweep --dry-run
    """
    from pipelines.cli.show import show_object

    address: ArchiveAddress = context.obj
    patience = duration(grace)
    with address.open() as archive:
        if dry_run or not yes:
            show_object(archive.sweep(grace=patience, dry_run=True, forget=forget), as_json=as_json)
            if dry_run:
                return
        agree("Remove them for good?", yes=yes)
        show_object(archive.sweep(grace=patience, dry_run=False, forget=forget), as_json=as_json)
