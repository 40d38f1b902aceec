"""The command ``ingest``: FITS files into the archive."""

import os
import sys
from pathlib import Path

import typer

from pipelines.cli.application import Commands
from pipelines.cli.options import ArchiveAddress, duration, json_option, scheduler_option


def register(app: Commands) -> None:
    """Add the command to the application."""
    app.command(for_cron=True)(ingest)


def ingest(
    context: typer.Context,
    paths: list[Path] = typer.Argument(None, help="FITS files, and folders of them.", metavar="PATH"),
    listed: Path = typer.Option(None, "--from", help="Take the paths from a file, one a line; - for standard input."),
    include: list[str] = typer.Option([], help="Take only files like GLOB, such as '*_SCE1.fits'.", metavar="GLOB"),
    exclude: list[str] = typer.Option([], help="Leave out files like GLOB, such as '*_LVL2.fits'.", metavar="GLOB"),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what each file would be, with sizes, and take nothing."),
    headers_only: bool = typer.Option(False, "--headers-only", help="Documents now; run again without it for arrays."),
    profile: str = typer.Option(None, help="Instrument profile of these files [chosen for each]."),
    campaign: str = typer.Option(None, help="Test or campaign to record in each document."),
    jobs: int = typer.Option(None, min=1, help="Worker processes [as many as the work is worth]."),
    reread: bool = typer.Option(False, "--reread", help="Read known files too, whose size and time are as before."),
    patience: str = typer.Option("60s", help="Wait so long for a server of the catalog that does not answer."),
    scheduler: str = scheduler_option,
    as_json: bool = json_option,
) -> None:
    """Take FITS files into the archive. Run again, only what changed is touched.

    Examples
    --------
      darkroom ingest fits/
      darkroom ingest fits/ --dry-run --exclude '*_flat.fits'
    """
    from pipelines import on_signals
    from pipelines.cli.show import show_object

    address: ArchiveAddress = context.obj
    every: list[str | Path] = [*(paths or []), *(manifest(listed) if listed is not None else [])]
    if dry_run:
        with address.open_if_there() as archive:
            found = archive.survey(every, include=include, exclude=exclude, campaign=campaign, profile=profile)
        show_object(found, as_json=as_json)
        return
    with address.open(new=True) as archive, on_signals() as interrupted:
        report = archive.ingest(
            every,
            include=include,
            exclude=exclude,
            headers_only=headers_only,
            profile=profile,
            campaign=campaign,
            jobs=jobs,
            reread=reread,
            patience=duration(patience).total_seconds(),
            scheduler=scheduler,
            interrupted=interrupted,
        )
    if not report.files and not as_json:
        typer.echo(f"no FITS files under {', '.join(map(str, every))} (.fits .fit .fts .fz, also .gz and .bz2)")
        typer.echo("".join(f"{line}\n" for line in report.beside), nl=False)
    else:
        show_object(report, as_json=as_json)
    raise typer.Exit(130 if interrupted() else report.exit_code)


def manifest(file: str | os.PathLike[str]) -> list[str]:
    """Read a list of files and folders, one a line; blank lines and those that begin with ``#`` do not count.

    Parameters
    ----------
    file : path
        ``-`` reads standard input.

    Raises
    ------
    UsageError
        The list cannot be read, or names nothing.
    """
    from pipelines import UsageError

    try:
        text = sys.stdin.read() if os.fspath(file) == "-" else Path(file).read_text(errors="surrogateescape")
    except OSError as error:
        raise UsageError(f"the list {os.fspath(file)} cannot be read: {error.strerror}") from error
    lines = [line.strip() for line in text.splitlines()]
    listed = [line for line in lines if line and not line.startswith("#")]
    if not listed:
        raise UsageError(f"the list {os.fspath(file)} names no file; write one path a line")
    return listed
