"""Commands of every night: ``nightly``, ``night`` and ``quarantine``."""

import sys
from pathlib import Path

import typer

from pipelines.cli.options import Place, duration, json_option, size, yes_option


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(nightly)
    app.command()(night)
    shelf = typer.Typer(help="Files that could not be taken, and why.", no_args_is_help=True, rich_markup_mode=None)
    shelf.command("list")(quarantine_list)
    shelf.command("retry")(quarantine_retry)
    shelf.command("forget")(quarantine_forget)
    app.add_typer(shelf, name="quarantine")


def nightly(
    context: typer.Context,
    roots: list[Path] = typer.Argument(help="Folders of files.", metavar="ROOT..."),
    date: str | None = typer.Option(None, "--date", help="This night, YYYY-MM-DD."),
    dates: str | None = typer.Option(None, "--dates", help="These nights, FIRST:LAST."),
    since_last: bool = typer.Option(False, "--since-last", help="What arrived since the last nightly of these roots."),
    settle: str = typer.Option("60s", help="Leave files that changed more lately than this for the next run."),
    wait: str = typer.Option("0", help="Wait so long for a night that another run is at work on."),
    time_limit: str | None = typer.Option(None, "--time-limit", help="Stop after 90m, 6h …, keep what is done."),
    headers_only: bool = typer.Option(False, "--headers-only", help="Documents now, arrays in a later run."),
    profile: str = typer.Option(None, help="Instrument profile of these files [chosen for each]."),
    jobs: int = typer.Option(None, min=1, help="Worker processes [as many as the work is worth]."),
    memory: str = typer.Option("1G", help="Memory one file may take; a larger file may take its own size."),
    timeout: str = typer.Option("30s", help="Time one file may take, and a second more for each MiB."),
    as_json: bool = json_option,
) -> None:
    """Take the files of some nights, or all; for cron. Only one run at a time is at work on a night."""
    from pipelines.cli.show import show_object
    from pipelines.ingest.run import Options
    from pipelines.nightly.nights import wanted
    from pipelines.nightly.run import Schedule, on_signals
    from pipelines.nightly.run import nightly as run
    from pipelines.nightly.run import since_last as newer
    from pipelines.processes.limits import Bounds
    from pipelines.progress import bar

    place: Place = context.obj
    if since_last and (date is not None or dates is not None):
        raise typer.BadParameter("give one of --date, --dates and --since-last")
    want = wanted(date, dates)
    bounds = Bounds(memory=size(memory), seconds=duration(timeout).total_seconds())
    schedule = Schedule(
        settle=duration(settle).total_seconds(),
        wait=duration(wait).total_seconds(),
        limit=None if time_limit is None else duration(time_limit).total_seconds(),
    )
    with place.open(new=True) as archive, on_signals() as interrupted, bar("Nightly") as advance:
        report = run(
            roots,
            catalog=archive.catalog,
            store=archive.store,
            store_url=place.store_url(),
            wanted=newer(archive.catalog, roots) if since_last else want,
            options=Options(headers_only=headers_only, profile=profile, jobs=jobs, bounds=bounds),
            schedule=schedule,
            progress=advance,
            interrupted=interrupted,
        )
    show_object(report, as_json=as_json)
    raise typer.Exit(report.exit_code)


def night(
    context: typer.Context,
    date: str = typer.Argument(help="The night, YYYY-MM-DD."),
    recent: int = typer.Option(14, min=1, help="Nights before it that it is measured by."),
    as_json: bool = json_option,
) -> None:
    """Say what of a night is missing or odd; exit 1 when something needs attention."""
    from pipelines.cli.show import show
    from pipelines.nights.completeness import night as ask

    place: Place = context.obj
    with place.open(readonly=True) as archive:
        answer = ask(archive.catalog, date, recent=recent)
    show(answer, as_json=as_json)
    raise typer.Exit(1 if any(row["attention"] for row in answer) else 0)


def quarantine_list(
    context: typer.Context,
    code: str = typer.Option(None, help="Only this kind of refusal."),
    as_json: bool = json_option,
) -> None:
    """List the files that could not be taken, with the reason and what would mend it."""
    from pipelines.cli.show import show
    from pipelines.ingest.quarantine import listed

    place: Place = context.obj
    with place.open(readonly=True) as archive:
        show(listed(archive.catalog, code=code), as_json=as_json)


def quarantine_retry(
    context: typer.Context,
    names: list[str] = typer.Argument(None, help="Names as listed, ROOT:PATH; all by default.", metavar="[NAME]..."),
    everything: bool = typer.Option(False, "--all", help="Also files that have not changed since."),
    memory: str = typer.Option("1G", help="Memory one file may take."),
    timeout: str = typer.Option("30s", help="Time one file may take, and a second more for each MiB."),
    as_json: bool = json_option,
) -> None:
    """Take files in quarantine again: those that have changed, or all."""
    from pipelines.cli.show import show_object
    from pipelines.ingest.retry import retry
    from pipelines.ingest.run import Options
    from pipelines.processes.limits import Bounds

    place: Place = context.obj
    bounds = Bounds(memory=size(memory), seconds=duration(timeout).total_seconds())
    with place.open() as archive:
        report = retry(
            names or [],
            catalog=archive.catalog,
            store=archive.store,
            store_url=place.store_url(),
            options=Options(bounds=bounds),
            everything=everything or bool(names),
        )
    if report is None:
        typer.echo("nothing to retry: no file in quarantine has changed; --all tries them as they are")
        return
    show_object(report, as_json=as_json)
    raise typer.Exit(report.exit_code)


def quarantine_forget(
    context: typer.Context,
    names: list[str] = typer.Argument(None, help="Names as listed, ROOT:PATH; all by default.", metavar="[NAME]..."),
    force: bool = typer.Option(False, "--force", help="Also files that are still there; they need names."),
    why: str = typer.Option("", help="The reason, kept in the ledger."),
    yes: bool = yes_option,
) -> None:
    """Strike out entries whose files are no more, or with --force any."""
    from pipelines.ingest.retry import forget, gone

    place: Place = context.obj
    with place.open() as archive:
        if sys.stdin.isatty() and not yes:
            count = len(names) if force and names else len(gone(names or [], catalog=archive.catalog))
            typer.confirm(f"Forget {count} entries?", abort=True)
        struck = forget(names or [], catalog=archive.catalog, force=force, why=why)
    if struck:
        typer.echo(f"{len(struck)} entries forgotten")
    else:
        typer.echo("nothing to forget: no file in quarantine is gone; --force NAME strikes one out all the same")
