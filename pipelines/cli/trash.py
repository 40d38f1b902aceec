"""Commands that delete in two steps, and bring back: ``delete``, ``restore``, ``sweep``."""

import sys

import typer

from pipelines.cli.options import ArchiveAddress, duration, json_option, yes_option


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(delete)
    app.command()(restore)
    app.command()(sweep)


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
    """Move documents, and all that was made of them, into the trash.

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
        asks = sys.stdin.isatty() and not yes
        if dry_run or asks or as_json:
            show_object(plan, as_json=as_json)
        if dry_run:
            return
        if asks:
            typer.confirm(f"Move {len(plan.documents)} documents into the trash?", abort=True)
        gone = archive.delete(plan, why=why, force=force)
    if not as_json:
        typer.echo(
            f"{len(gone)} documents in the trash; `darkroom restore` brings them back, `darkroom sweep` empties it"
        )


def restore(
    context: typer.Context,
    documents: list[str] = typer.Argument(None, help="Names of documents.", metavar="ID"),
    run: str = typer.Option("", help="Everything one deletion took: its run, as `darkroom history` names it."),
) -> None:
    """Bring documents back from the trash.

    Examples
    --------
      darkroom restore Dragonfly101/2024-02-20/T13060400_1_flat.fits
    """
    if not documents and not run:
        raise typer.BadParameter("name documents to restore, or one --run")
    address: ArchiveAddress = context.obj
    with address.open() as archive:
        back = archive.restore(documents or (), run=run)
        typer.echo(f"{len(back)} documents restored")


def sweep(
    context: typer.Context,
    grace: str = typer.Option("14d", help="Touch nothing younger: 0, 90m, 12h, 14d, 4w. 0 only when no ingest runs."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would be removed."),
    yes: bool = yes_option,
) -> None:
    """Empty the old trash and remove arrays that nothing refers to.

    Examples
    --------
      darkroom sweep --dry-run
    """
    address: ArchiveAddress = context.obj
    patience = duration(grace)
    with address.open() as archive:
        if dry_run or (sys.stdin.isatty() and not yes):
            typer.echo(repr(archive.sweep(grace=patience, dry_run=True)))
            if dry_run:
                return
            typer.confirm("Remove them for good?", abort=True)
        typer.echo(repr(archive.sweep(grace=patience, dry_run=False)))
