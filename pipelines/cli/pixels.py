"""The commands ``pixel``, the life of a detector pixel, and ``rates``, the view that makes its history fast."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pipelines.cli.options import ArchiveAddress, json_option, table_option

if TYPE_CHECKING:
    from pipelines.pixels import PixelSelection

VERBS = ("update", "check", "rebuild")


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(pixel)
    app.command()(rates)


def pixel(
    context: typer.Context,
    detector: str = typer.Argument(help="MIRIMAGE, MIRIFULONG or MIRIFUSHORT."),
    x: int = typer.Argument(help="Column in the full frame, 1..1032."),
    y: int = typer.Argument(help="Row in the full frame, 1..1024."),
    date: str = typer.Option(None, help="A day, or A:B, YYYY-MM-DD; either end may be left open."),
    readpatt: str = typer.Option(None, help="Only this readout pattern."),
    subarray: str = typer.Option(None, help="Only this subarray."),
    version: str = typer.Option(None, help="Only calibrations of this release, such as 1.17."),
    where: str = typer.Option(None, help="Only exposures that answer a filter of the catalog, in JSON."),
    plot: Path = typer.Option(None, help="Write the picture there (png, pdf, svg)."),
    csv: Path = typer.Option(None, help="Write every group as a row of a CSV file."),
    parquet: Path = typer.Option(None, help="Write every group as a row of a Parquet file."),
    as_json: bool = table_option,
) -> None:
    """Follow one pixel through every exposure: its ramps, flags and slopes, one line an exposure.

    Examples
    --------
      darkroom pixel MIRIMAGE 40 800
      darkroom pixel MIRIMAGE 40 800 --plot pixel.png
    """
    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        selection = archive.pixel(
            detector,
            x=x,
            y=y,
            date=date,
            readpatt=readpatt,
            subarray=subarray,
            version=version,
            where=_where(where),
        )
        _show(selection, as_json=as_json)
        if plot is not None:
            selection.plot(plot)
        if csv is not None:
            selection.to_csv(csv)
        if parquet is not None:
            selection.to_parquet(parquet)
        unread = selection.unread
    for out in (plot, csv, parquet):
        if out is not None:
            typer.echo(f"written: {out}", err=True)
    for row in unread:
        typer.echo(f"not read: {row['document'] or row['exposure']} {row['what']}: {row['reason']}", err=True)
    if len(unread):
        raise typer.Exit(1)


def rates(
    context: typer.Context,
    verb: str = typer.Argument("update", help="update, check or rebuild.", metavar="[VERB]"),
    detector: str = typer.Option(None, help="Only of this detector."),
    as_json: bool = json_option,
) -> None:
    """Stack the slopes of each detector along time, check the stacks, or make them anew.

    Examples
    --------
      darkroom rates update
    """
    from pipelines.cli.show import show_object

    if verb not in VERBS:
        raise typer.BadParameter(f"{verb!r} is none of {', '.join(VERBS)}")
    address: ArchiveAddress = context.obj
    with address.open(readonly=verb == "check") as archive:
        verbs = (archive.pixels.update_rates, archive.pixels.check_rates, archive.pixels.rebuild_rates)
        report = verbs[VERBS.index(verb)](detector)
    show_object(report, as_json=as_json)
    if report.wrong:
        raise typer.Exit(4)
    if report.missing or report.stale:
        raise typer.Exit(1)


def _where(text: str | None) -> Any:
    if text is None:
        return None
    from pipelines.cli.query import parse

    asked = parse(text)
    if not isinstance(asked, dict):
        raise typer.BadParameter("--where takes a filter {...}")
    return asked


def _show(selection: PixelSelection, *, as_json: bool) -> None:
    """Print one line an exposure, or as JSON every value of it."""
    from pipelines.cli.show import print_json, show

    if as_json:
        print_json(selection.values())
    else:
        show(selection.summary(), as_json=False)
