"""Commands of every night: ``nightly`` and ``night``."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pipelines.cli.application import Commands
from pipelines.cli.options import ArchiveAddress, duration, json_option, scheduler_option, size, table_option

if TYPE_CHECKING:
    from pipelines import Schedule


def register(app: Commands) -> None:
    """Add the commands to the application."""
    app.command(for_cron=True)(nightly)
    app.command(for_cron=True)(night)


def nightly(
    context: typer.Context,
    roots: list[Path] = typer.Argument(help="Folders of files.", metavar="ROOT"),
    date: str | None = typer.Option(None, "--date", help="This night, YYYY-MM-DD."),
    dates: str | None = typer.Option(None, "--dates", help="These nights, FIRST:LAST."),
    since_last: bool = typer.Option(False, "--since-last", help="What arrived since the last nightly of these roots."),
    settle: str | None = typer.Option(
        None, help="Leave files that changed more lately than this for the next run [60s; 20s with --watch]."
    ),
    wait: str = typer.Option("0", help="Wait so long for a night that another run is at work on."),
    time_limit: str | None = typer.Option(None, "--time-limit", help="Stop after 90m, 6h …, keep what is done."),
    rates: bool = typer.Option(False, "--rates", help="Then bring the rate history of JWST's detectors up to date."),
    headers_only: bool = typer.Option(False, "--headers-only", help="Documents now, arrays in a later run."),
    profile: str = typer.Option(None, help="Instrument profile of these files [chosen for each]."),
    jobs: int = typer.Option(None, min=1, help="Worker processes [as many as the work is worth]."),
    memory: str = typer.Option("1G", help="Memory one file may take; a larger file may take its own size."),
    timeout: str = typer.Option("30s", help="Time one file may take, plus one second per MiB."),
    patience: str = typer.Option("60s", help="Wait so long for a server of the catalog that does not answer."),
    scheduler: str = scheduler_option,
    report_to: Path | None = typer.Option(
        None, "--report", help="Write the pages of these nights, and an index, into this folder."
    ),
    watch: str | None = typer.Option(
        None, "--watch", help="Do it again every 20s, 5m …, until Ctrl-C or --time-limit; keeps the pages of --report."
    ),
    as_json: bool = json_option,
) -> None:
    """Take the files of some nights, or all; for cron. Only one run at a time is at work on a night.

    Examples
    --------
      darkroom nightly fits/ --date 2024-02-20 --quiet
      darkroom nightly fits/ --date 2024-02-20 --report pages
    """
    from pipelines import Bounds, Schedule, on_signals, wanted
    from pipelines.cli.show import show_object

    address: ArchiveAddress = context.obj
    if since_last and (date is not None or dates is not None):
        raise typer.BadParameter("give one of --date, --dates and --since-last")
    schedule = Schedule(
        settle=duration(settle or ("60s" if watch is None else "20s")).total_seconds(),
        wait=duration(wait).total_seconds(),
        limit=None if time_limit is None else duration(time_limit).total_seconds(),
        rates=rates,
    )
    pause = None if watch is None else duration(watch).total_seconds()
    began = time.monotonic()
    with address.open(new=True) as archive, on_signals() as interrupted:
        while True:
            report = archive.nightly(
                roots,
                wanted=wanted(date, dates),
                since_last=since_last,
                schedule=_left(schedule, began),
                headers_only=headers_only,
                profile=profile,
                jobs=jobs,
                bounds=Bounds(memory=size(memory), seconds=duration(timeout).total_seconds()),
                patience=duration(patience).total_seconds(),
                scheduler=scheduler,
                interrupted=interrupted,
            )
            if report_to is not None:
                from pipelines.pages import write_pages

                write_pages(archive, report_to, report.nights)
            if pause is None or _is_over(pause, began, schedule.limit, interrupted):
                break
            show_object(report, as_json=as_json)
    show_object(report, as_json=as_json)
    raise typer.Exit(report.exit_code)


def _left(schedule: "Schedule", began: float) -> "Schedule":
    """Return the schedule with what is left of its time."""
    if schedule.limit is None:
        return schedule
    return replace(schedule, limit=max(0.0, schedule.limit - (time.monotonic() - began)))


def _is_over(pause: float, began: float, limit: float | None, interrupted: Callable[[], str]) -> bool:
    """Wait for the next look; tell whether there is none, because of a signal or because the time is up."""
    until = time.monotonic() + pause
    while True:
        over = interrupted() or (limit is not None and time.monotonic() - began >= limit)
        if over or time.monotonic() >= until:
            return bool(over)
        time.sleep(min(0.5, max(0.0, until - time.monotonic())))


def night(
    context: typer.Context,
    date: str = typer.Argument(help="The night, YYYY-MM-DD."),
    recent: int = typer.Option(14, min=1, help="Nights before it that it is measured by."),
    as_json: bool = table_option,
) -> None:
    """Say what of a night is missing or odd; exit 1 when something needs attention.

    Examples
    --------
      darkroom night 2024-02-20
    """
    from pipelines import Answer
    from pipelines.cli.show import show

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        answer = archive.night(date, recent=recent)
    if not as_json:  # what somebody should act on is marked, and first
        marked = tuple({**row, "": "!" if row["attention"] else ""} for row in answer)
        show(Answer(("", "code", "what", "hint", "which"), marked, answer.title), as_json=False)
    else:
        show(answer, as_json=as_json)
    raise typer.Exit(1 if any(row["attention"] for row in answer) else 0)
