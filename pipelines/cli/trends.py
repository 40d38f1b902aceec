"""The command that follows cameras over the nights: ``trends``."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pipelines.cli.confirm import new_file, overwrite_option
from pipelines.cli.options import ArchiveAddress, scheduler_option, table_option

if TYPE_CHECKING:
    from pipelines import Answer, Archive


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(trends)


def trends(
    context: typer.Context,
    nights: list[str] = typer.Argument(None, help="Nights, YYYY-MM-DD; all by default.", metavar="NIGHT"),
    camera: str = typer.Option(None, help="Only this camera."),
    kind: str = typer.Option(None, help="Only frames of this kind: dark, bias or flat."),
    picture: Path = typer.Option(None, "--plot", help="Draw them into this file: .png, .pdf, .svg.", callback=new_file),
    overwrite: bool = overwrite_option,
    fleet: bool = typer.Option(False, "--fleet", help="Cameras that depart from the others in these nights."),
    transfer: bool = typer.Option(
        False, "--photon-transfer", help="Gain, read noise, linearity and full well, by pairs of flats and darks."
    ),
    unstable: bool = typer.Option(
        False, "--unstable", help="Pixels of the camera that are noisy over all nights; `find telegraph` tells levels."
    ),
    scheduler: str = scheduler_option,
    as_json: bool = table_option,
) -> None:
    """Follow level, noise, hot pixels, gradient and temperature of each camera over the nights.

    Examples
    --------
      darkroom trends 2024-02-20 --camera T13100636
      darkroom trends --kind dark --plot trends.png
      darkroom trends --photon-transfer --camera T13100636 --plot transfer.png
      darkroom trends --unstable --camera T13100636 --plot noise.png
    """
    from pipelines import Answer
    from pipelines.cli.show import show

    if fleet and (not nights or picture):
        raise typer.BadParameter("--fleet needs the nights, and draws nothing")
    if fleet + transfer + unstable > 1:
        raise typer.BadParameter("--fleet, --photon-transfer and --unstable are three questions; ask one")
    if kind and (transfer or unstable):
        raise typer.BadParameter("--photon-transfer and --unstable choose the kinds of frames themselves")
    if scheduler and not unstable:
        raise typer.BadParameter("--scheduler goes with --unstable: the other questions read no pixels")
    if unstable and not camera:
        raise typer.BadParameter("--unstable needs --camera")
    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        if fleet:
            answers = [archive.calibration.fleet(night) for night in nights]
            rows = tuple(row for one in answers for row in one if camera in (None, row["camera"]))
            show(Answer(answers[0].columns, rows, f"Outlier cameras, {', '.join(nights)}"), as_json=as_json)
            return
        if transfer or unstable:
            if transfer:
                answer = _transfer(archive, nights, camera, picture)
            else:
                answer = _unstable(archive, nights, camera, picture, scheduler)
            show(answer, as_json=as_json)
            return
        answer = archive.calibration.trends(nights or None, camera=camera, kind=kind)
        archive.require_answer(answer, nights=nights or (), kinds=(kind,) if kind else (), camera=camera)
        if picture is not None:
            archive.calibration.plot_trends(nights or None, camera=camera, kind=kind).savefig(picture)
            typer.echo(f"{picture}: {len(answer)} points", err=True)
        show(answer, as_json=as_json)


def _transfer(archive: "Archive", nights: list[str], camera: str, picture: Path | None) -> "Answer":
    """Measure photon transfer, and draw it if asked to."""
    answer = archive.calibration.photon_transfer(camera, nights or None)
    archive.require_answer(answer, nights=nights or (), camera=camera)
    if picture is not None and any(row["points"] for row in answer):
        archive.calibration.plot_photon_transfer(answer).savefig(picture)
    elif picture is not None:
        typer.echo(f"{picture} is not drawn: there are no pairs of flats of one exposure time and level", err=True)
    return answer


def _unstable(
    archive: "Archive", nights: list[str], camera: str, picture: Path | None, scheduler: str | None
) -> "Answer":
    """Find the unstable pixels of a camera, and draw its noise map if asked to."""
    found = archive.calibration.noise_map(camera, nights or None, scheduler=scheduler)
    if found.left_out:
        typer.echo(f"{len(found.left_out)} masters of another setup are left out", err=True)
    if picture is not None:
        archive.calibration.plot_noise_map(found).savefig(picture)
    return found.noisiest
