"""The command ``calibrate``: frames less bias and dark, over their flat."""

from pathlib import Path

import typer

from pipelines.cli.options import ArchiveAddress, duration, elsewhere_option, table_option


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(calibrate)


def calibrate(
    context: typer.Context,
    what: str = typer.Argument(help="A frame's name, or a night YYYY-MM-DD: all its lights.", metavar="ID|NIGHT"),
    out: Path = typer.Option(None, help="Folder for FITS files: value, variance (UNCERT) and mask (MASK)."),
    keep: bool = typer.Option(False, "--keep", help="Keep the outcome in the archive, as derived documents."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace files that are in the folder already."),
    cosmic_rays: bool = typer.Option(False, "--cosmic-rays", help="Mask and fill cosmic rays, by astroscrappy."),
    max_age: str = typer.Option("30d", help="How far from the frame a master may be: 12h, 30d, 8w."),
    elsewhere: bool = elsewhere_option,
    jobs: int = typer.Option(None, min=1, help="Frames at a time [one for each processor, 4 at most]."),
    as_json: bool = table_option,
) -> None:
    """Calibrate frames by their masters; without --out and --keep only say what would be done.

    Overscan, trim, bias, dark (scaled where only a longer one is there), flat, gain. What a frame lacks is
    said, and what was done without it. Exit code 1: a frame could not be calibrated.

    Examples
    --------
      darkroom calibrate 2024-02-20
    """
    from pipelines import Rules
    from pipelines.cli.show import show

    address: ArchiveAddress = context.obj
    rules = Rules(max_age=duration(max_age), max_scale=float("inf"))
    rules = rules.with_elsewhere() if elsewhere else rules
    with address.open(readonly=not keep) as archive:
        answer = archive.calibration.calibrate(
            what, out=out, keep=keep, overwrite=overwrite, cosmic_rays=cosmic_rays, rules=rules, jobs=jobs
        )
    show(answer, as_json=as_json)
    raise typer.Exit(int(any(row["outcome"] in ("not calibrated", "failed") for row in answer)))
