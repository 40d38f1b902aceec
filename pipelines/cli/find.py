"""Commands that find pixels: of JWST's detectors by flags and slopes, of cameras by noise and dark current."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pipelines.cli.application import Commands
from pipelines.cli.confirm import new_file, overwrite_option
from pipelines.cli.options import ArchiveAddress, json_option, scheduler_option
from pipelines.cli.query import parse

if TYPE_CHECKING:
    from pipelines import Archive
    from pipelines.pixels.search import FoundPixels

where_option = typer.Option("{}", help='A filter of the catalog, in JSON, such as \'{"detector": "MIRIMAGE"}\'.')
plot_option = typer.Option(None, help="Draw the map into this file.", callback=new_file)
limit_option = typer.Option(50, min=0, help="Pixels to show at most, 0 for all; --json gives all.")
camera_argument = typer.Argument(help="The camera, as `darkroom darks` lists it.")
share_option = typer.Option(0.5, help="On which share of the nights, at least.")
date_option = typer.Option(None, help="A day, or A:B, YYYY-MM-DD; either end may be left open.")
sigma_option = typer.Option(5.0, help="How many sigma.")


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    find = Commands(help="Find pixels by what they did.")
    for command in (flag, above, changed, telegraph, noisy, hot):
        find.command()(command)
    app.add_typer(find, name="find")


def flag(
    context: typer.Context,
    names: list[str] = typer.Argument(help="Data-quality flags, such as JUMP_DET.", metavar="FLAG"),
    where: str = where_option,
    ramps: bool = typer.Option(False, "--ramps", help="List every ramp: document,integration,x,y,pixel_id,where."),
    scheduler: str = scheduler_option,
    as_json: bool = json_option,
) -> None:
    """Count the ramps with a flag in each exposure; PIXELDQ and GROUPDQ both count.

    Examples
    --------
      darkroom find flag JUMP_DET
    """
    from pipelines.cli.show import show_object

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        if ramps:
            for found in archive.pixels.flagged_ramps(names, where=_filter(where)):
                _list(found)
            return
        counted = archive.find_flag(names, where=_filter(where), scheduler=scheduler)
    show_object(counted, as_json=as_json)
    raise typer.Exit(1 if counted.unreadable else 0)


def above(
    context: typer.Context,
    sigma: float = sigma_option,
    where: str = where_option,
    limit: int = limit_option,
    plot: Path | None = plot_option,
    overwrite: bool = overwrite_option,
    scheduler: str = scheduler_option,
    as_json: bool = json_option,
) -> None:
    """Find pixels with a slope above so many sigma of their own history.

    Examples
    --------
      darkroom find above --sigma 8
    """

    def ask(archive: "Archive", where: dict[str, Any]) -> "FoundPixels":
        return archive.find_above(sigmas=sigma, where=where, scheduler=scheduler)

    _find(context, ask, where, limit, plot, as_json=as_json)


def changed(
    context: typer.Context,
    before: str = typer.Argument(help="Last day, or instant in UTC, of the time before."),
    after: str = typer.Argument(help="First day, or instant in UTC, of the time after."),
    sigma: float = sigma_option,
    where: str = where_option,
    limit: int = limit_option,
    plot: Path | None = plot_option,
    overwrite: bool = overwrite_option,
    scheduler: str = scheduler_option,
    as_json: bool = json_option,
) -> None:
    """Find pixels that turned hot or are no longer hot between two dates.

    Examples
    --------
      darkroom find changed 2024-03-01 2024-04-01
    """

    def ask(archive: "Archive", where: dict[str, Any]) -> "FoundPixels":
        return archive.find_changed(before, after, sigmas=sigma, where=where, scheduler=scheduler)

    _find(context, ask, where, limit, plot, as_json=as_json)


def telegraph(
    context: typer.Context,
    separation: float = typer.Option(5.0, help="How far apart the two levels are: Ashman's D."),
    switches: int = typer.Option(2, min=1, help="How often it goes from one to the other, at least."),
    ramps: bool = typer.Option(False, "--ramps", help="In ramps, by readout pattern, in place of slopes."),
    camera: str | None = typer.Option(
        None, help="A camera: its biases and darks, over all nights, in place of slopes."
    ),
    date: str | None = typer.Option(None, help="Of a camera: a day, or A:B, YYYY-MM-DD."),
    where: str = where_option,
    limit: int = limit_option,
    plot: Path | None = plot_option,
    overwrite: bool = overwrite_option,
    scheduler: str = scheduler_option,
    as_json: bool = json_option,
) -> None:
    """Find pixels whose slope, or whose dark of a camera, jumps between two levels.

    Examples
    --------
      darkroom find telegraph
      darkroom find telegraph --ramps
      darkroom find telegraph --camera T13060400
    """
    if camera is None and date is not None:
        raise typer.BadParameter("--date goes with --camera; choose slopes by --where")
    if camera is not None and ramps:
        raise typer.BadParameter("frames of a camera have no ramps; use one of --camera and --ramps")
    if camera is not None and parse(where):
        raise typer.BadParameter("--where is for slopes; choose the frames of a camera by --date")

    def ask(archive: "Archive", where: dict[str, Any]) -> "FoundPixels":
        if camera is not None:
            return archive.pixels.find_camera_telegraph(
                camera, separation=separation, switches=switches, date=date, scheduler=scheduler
            )
        if ramps:
            return archive.pixels.find_ramp_telegraph(
                separation=separation, jumps=2 * switches, where=where, scheduler=scheduler
            )
        return archive.find_telegraph(separation=separation, switches=switches, where=where, scheduler=scheduler)

    _find(context, ask, where, limit, plot, as_json=as_json)


def noisy(
    context: typer.Context,
    camera: str = camera_argument,
    times: float = typer.Option(3.0, help="Noisy from so many times the median noise."),
    share: float = share_option,
    date: str = date_option,
    limit: int = limit_option,
    plot: Path | None = plot_option,
    overwrite: bool = overwrite_option,
    as_json: bool = json_option,
) -> None:
    """Find pixels of a camera that are noisy night after night, on its pixel maps.

    Examples
    --------
      darkroom find noisy T13060400
    """

    def ask(archive: "Archive", _: dict[str, Any]) -> "FoundPixels":
        return archive.pixels.find_noisy(camera, times=times, share=share, date=date)

    _find(context, ask, "{}", limit, plot, as_json=as_json)


def hot(
    context: typer.Context,
    camera: str = camera_argument,
    share: float = share_option,
    date: str = date_option,
    limit: int = limit_option,
    plot: Path | None = plot_option,
    overwrite: bool = overwrite_option,
    as_json: bool = json_option,
) -> None:
    """Find pixels of a camera that are hot night after night, on its pixel maps.

    Examples
    --------
      darkroom find hot T13060400
    """

    def ask(archive: "Archive", _: dict[str, Any]) -> "FoundPixels":
        return archive.pixels.find_hot(camera, share=share, date=date)

    _find(context, ask, "{}", limit, plot, as_json=as_json)


def _find(
    context: typer.Context,
    ask: Callable[["Archive", dict[str, Any]], "FoundPixels"],
    where: str,
    limit: int,
    plot: Path | None,
    *,
    as_json: bool,
) -> None:
    from pipelines.cli.show import show_object
    from pipelines.table import plain

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        found = ask(archive, _filter(where))
    if plot is not None:
        found.plot(plot)
    if as_json:
        show_object(found, as_json=True)
    else:
        typer.echo(plain(found.text(limit), lines=True))
    raise typer.Exit(1 if found.unreadable else 0)


def _filter(where: str) -> dict[str, Any]:
    asked = parse(where)
    if not isinstance(asked, dict):
        raise typer.BadParameter("--where is a filter {...}, not a pipeline")
    return asked


def _list(found: Any) -> None:
    """Print the ramps of a band, one a line."""
    for integration, x, y, pixel, groups, whole in zip(
        found.integration, found.x, found.y, found.pixel_id, found.in_groups, found.in_pixel, strict=True
    ):
        place = "both" if groups and whole else "groups" if groups else "pixel"
        typer.echo(f"{found.document},{integration},{x},{y},{pixel},{place}")
