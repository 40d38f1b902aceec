"""Commands that prove and preserve: ``check``, ``rebuild``, ``backup``, ``copy``, ``migrate``, ``history``."""

from pathlib import Path
from typing import Any

import typer

from pipelines.cli.options import Place, duration, json_option


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (check, rebuild, backup, copy, migrate, history):
        app.command()(command)


def check(
    context: typer.Context,
    level: str = typer.Option("digests", help="How deep: exists, sizes, digests or decode."),
    max_duration: str = typer.Option("", help="Stop after this time and go on there next time: 90m, 1h."),
    max_age: str = typer.Option("0", help="Pass over what was verified within this time: 4w."),
    grace: str = typer.Option("1h", help="Unreferenced arrays and records younger than this are an ingest at work."),
    mend: bool = typer.Option(False, "--mend", help="Mend what can be mended without loss."),
    readonly: bool = typer.Option(False, "--readonly", help="Write nothing, not even what was verified when."),
    as_json: bool = json_option,
) -> None:
    """Prove that nothing is missing, across documents, arrays and records; exit 4 on damage, 1 on unfinished work.

    The least recently verified come first. Every finding is named with what would mend it.
    """
    from pipelines.cli.show import show_object
    from pipelines.progress import bar
    from pipelines.upkeep.check import check as check_archive

    place: Place = context.obj
    limit = duration(max_duration) if max_duration else None
    with place.open(readonly=readonly, any_schema=True) as archive, bar("Check") as advance:
        report = check_archive(
            catalog=archive.catalog,
            store=archive.store,
            level=level,
            max_duration=limit,
            max_age=duration(max_age),
            grace=duration(grace),
            mend=mend,
            progress=advance,
        )
    show_object(report, as_json=as_json)
    raise typer.Exit(report.exit_code)


def rebuild(
    context: typer.Context,
    into: str = typer.Option(None, help="URL or path of an empty catalog to rebuild into [the archive's own]."),
    missing: bool = typer.Option(False, "--missing", help="Add what the catalog does not have; leave the rest."),
    document: list[str] = typer.Option(None, help="Only this document, back to what the store keeps of it."),
    as_json: bool = json_option,
) -> None:
    """Make a lost catalog again from the array store: documents, masters, trash and history."""
    from pipelines.cli.show import show_object
    from pipelines.progress import bar
    from pipelines.upkeep.rebuild import rebuild as rebuild_catalog

    place: Place = context.obj
    target = Place(home=place.home, catalog=into or place.catalog, store=place.store)
    with target.open(any_schema=True, new=True) as archive, bar("Rebuild") as advance:
        report = rebuild_catalog(
            catalog=archive.catalog, store=archive.store, missing=missing, documents=document or (), progress=advance
        )
    show_object(report, as_json=as_json)
    raise typer.Exit(report.exit_code)


def backup(
    context: typer.Context,
    out: Path = typer.Argument(help="File to write; it may not exist."),
    as_json: bool = json_option,
) -> None:
    """Copy the embedded catalog, as it is at this moment, to a file; others may go on writing. Arrays: `cp -a`."""
    from pipelines.cli.show import show_object
    from pipelines.upkeep.backup import backup as back_up

    place: Place = context.obj
    with place.open(readonly=True) as archive:
        show_object(back_up(out, catalog=archive.catalog), as_json=as_json)


def copy(
    context: typer.Context,
    to: str = typer.Option(help="Catalog to copy into: mongodb:// URL or path; empty, or an unfinished copy."),
    as_json: bool = json_option,
) -> None:
    """Copy every document into another catalog, and hold each against the original: the way up to MongoDB, or back."""
    from catalog import connect
    from pipelines.cli.show import show_object
    from pipelines.progress import bar
    from pipelines.settings import resolve
    from pipelines.upkeep.backup import copy as copy_catalog

    place: Place = context.obj
    settings = resolve(place.home, catalog=to, store=place.store)
    options: dict[str, Any] = dict(settings.options)
    with (
        place.open(readonly=True) as archive,
        connect(settings.catalog, **options) as target,
        bar("Copy") as advance,
    ):
        show_object(copy_catalog(source=archive.catalog, target=target, progress=advance), as_json=as_json)


def migrate(
    context: typer.Context,
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say how many documents are of an older schema."),
    as_json: bool = json_option,
) -> None:
    """Bring the documents of an older release to the schema of this one; cut short, run it again."""
    from pipelines.cli.show import show_object
    from pipelines.documents.migrate import migrate as migrate_catalog
    from pipelines.progress import bar

    place: Place = context.obj
    with place.open(readonly=dry_run, any_schema=True) as archive, bar("Migrate") as advance:
        report = migrate_catalog(catalog=archive.catalog, store=archive.store, dry_run=dry_run, progress=advance)
    show_object(report, as_json=as_json)


def history(
    context: typer.Context,
    document: str = typer.Argument(help="Name of a document.", metavar="ID"),
    as_of: str = typer.Option("", help="Give the document as it stood then, in JSON: 2024-02-20 or 2024-02-20T03:15Z."),
    collection: str = typer.Option("headers", help="headers or masters."),
    as_json: bool = json_option,
) -> None:
    """Say who changed a document, when, why, and what was there before; or give it as it stood at a time."""
    from pipelines.cli.show import show
    from pipelines.documents.story import instant, story

    place: Place = context.obj
    with place.open(readonly=True) as archive:
        if not as_of:
            show(story(document, catalog=archive.catalog, collection=collection), as_json=as_json)
            return
        from bson import json_util

        from pipelines.documents.history import as_of as as_it_stood

        found = as_it_stood(document, instant(as_of), catalog=archive.catalog, collection=collection)
    typer.echo(json_util.dumps(found, json_options=json_util.RELAXED_JSON_OPTIONS))
