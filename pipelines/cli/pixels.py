"""The commands ``pixel``, the life of a detector pixel, and ``rates``, the view that makes its history fast."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pipelines.cli.application import Commands
from pipelines.cli.confirm import new_file, overwrite_option
from pipelines.cli.options import ArchiveAddress, json_option, table_option

if TYPE_CHECKING:
    from pipelines.pixels import PixelSelection
    from pipelines.pixels.cameras import CameraPixels

VERBS = ("update", "check", "rebuild")


def register(app: Commands) -> None:
    """Add the commands to the application."""
    app.command()(pixel)
    app.command(for_cron=True)(rates)


def pixel(
    context: typer.Context,
    detector: str = typer.Argument(help="A JWST detector, such as MIRIMAGE, NRCA1 or NRS1, or a camera."),
    x: int = typer.Argument(help="Column of the detector, from 1."),
    y: int = typer.Argument(help="Row of the detector, from 1."),
    also: list[str] = typer.Option([], "--also", help="A further pixel, X,Y; may be repeated."),
    box: str = typer.Option(None, help="All pixels as far as the corner X,Y, in place of one."),
    date: str = typer.Option(None, help="A day, or A:B, YYYY-MM-DD; either end may be left open."),
    readpatt: str = typer.Option(None, help="JWST: only this readout pattern."),
    subarray: str = typer.Option(None, help="JWST: only this subarray."),
    version: str = typer.Option(None, help="JWST: only calibrations of this release, such as 1.17."),
    kind: list[str] = typer.Option([], help="Camera: only these kinds, such as dark; may be repeated."),
    image: str = typer.Option(None, help="Camera: which image, of files of several."),
    where: str = typer.Option(None, help="Only exposures that answer a filter of the catalog, in JSON."),
    plot: Path = typer.Option(None, help="Write the picture there (png, pdf, svg).", callback=new_file),
    csv: Path = typer.Option(None, help="Write every value as a row of a CSV file.", callback=new_file),
    parquet: Path = typer.Option(None, help="Write every value as a row of a Parquet file.", callback=new_file),
    overwrite: bool = overwrite_option,
    as_json: bool = table_option,
) -> None:
    """Follow a pixel through every exposure of a detector, or every frame of a camera, one line each.

    Examples
    --------
      darkroom pixel MIRIMAGE 40 800
      darkroom pixel MIRIMAGE 40 800 --also 41,800 --plot pixels.png
      darkroom pixel T13060400 100 200 --kind dark
    """
    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        selection = archive.pixel(
            detector,
            **_which(x, y, also, box),
            date=date,
            readpatt=readpatt,
            subarray=subarray,
            version=version,
            where=_where(where),
            kind=kind or None,
            image=image,
        )
        _show(selection, as_json=as_json)
        if plot is not None:
            selection.plot(plot)
        if csv is not None:
            selection.to_csv(csv)
        if parquet is not None:
            selection.to_parquet(parquet)
        unread = selection.unread
        assumed = getattr(selection, "assumed", ())
    for out in (plot, csv, parquet):
        if out is not None:
            typer.echo(f"written: {out}", err=True)
    for text in assumed:
        typer.echo(f"assumed: {text}", err=True)
    for row in unread:
        named = " ".join(str(part) for part in (row["document"] or row["exposure"], row["what"]) if part)
        typer.echo(f"missing or contradictory: {named}: {row['reason']}", err=True)
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


def _which(x: int, y: int, also: list[str], box: str | None) -> dict[str, Any]:
    """Return the pixels asked for as `pipelines.pixels.selection.pixel` takes them."""
    if box is not None and also:
        raise typer.BadParameter("--also names single pixels, --box all to a corner; use one of them")
    if box is not None:
        return {"box": (x, y, *_pair("--box", box))}
    if also:
        return {"pixels": [(x, y), *(_pair("--also", text) for text in also)]}
    return {"x": x, "y": y}


def _pair(option: str, text: str) -> tuple[int, int]:
    parts = text.split(",")
    try:
        first, second = (int(part) for part in parts)
    except ValueError:
        raise typer.BadParameter(f"{option} takes X,Y, such as 41,800; not {text!r}") from None
    return first, second


def _where(text: str | None) -> Any:
    if text is None:
        return None
    from pipelines.cli.query import parse

    asked = parse(text)
    if not isinstance(asked, dict):
        raise typer.BadParameter("--where takes a filter {...}")
    return asked


def _show(selection: PixelSelection | CameraPixels, *, as_json: bool) -> None:
    """Print one line an exposure, or as JSON every value of it."""
    from pipelines.cli.show import print_json, show

    if as_json:
        print_json(selection.values())
    else:
        show(selection.summary(), as_json=False)
