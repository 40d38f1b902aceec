"""Commands that delete in two steps: ``delete``, ``restore``."""

import sys

import typer

from pipelines.cli.options import Place, json_option, yes_option


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(delete)
    app.command()(restore)


def delete(
    context: typer.Context,
    documents: list[str] = typer.Argument(help="Names of documents.", metavar="ID..."),
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
    """
    from pipelines.cli.show import show_object
    from pipelines.documents.deletion import delete_planned, plan_deletion

    place: Place = context.obj
    with place.open(readonly=dry_run) as archive:
        plan = plan_deletion(documents, catalog=archive.catalog, cascade=not only)
        asks = sys.stdin.isatty() and not yes
        if dry_run or asks or as_json:
            show_object(plan, as_json=as_json)
        if dry_run:
            return
        if asks:
            typer.confirm(f"Move {len(plan.documents)} documents into the trash?", abort=True)
        gone = delete_planned(plan, catalog=archive.catalog, store=archive.store, why=why, force=force)
    if not as_json:
        typer.echo(
            f"{len(gone)} documents in the trash; `darkroom restore` brings them back, `darkroom sweep` empties it"
        )


def restore(
    context: typer.Context,
    documents: list[str] = typer.Argument(None, help="Names of documents.", metavar="[ID]..."),
    run: str = typer.Option("", help="Everything one deletion took: its run, as `darkroom history` names it."),
) -> None:
    """Bring documents back from the trash."""
    from pipelines.documents.deletion import restore_run
    from pipelines.errors import UsageError

    place: Place = context.obj
    if bool(documents) == bool(run):
        raise UsageError("name documents to restore, or one --run")
    with place.open() as archive:
        if run:
            back = restore_run(run, catalog=archive.catalog, store=archive.store)
        else:
            back = archive.restore(documents)
        typer.echo(f"{len(back)} documents restored")
