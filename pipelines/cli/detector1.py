"""Commands that run the JWST pipeline: ``detector1``, and ``log`` for what it said."""

from pathlib import Path

import typer

from pipelines.cli.options import ArchiveAddress, duration, json_option, size


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(detector1)
    app.command()(log)


def detector1(
    context: typer.Context,
    document: str = typer.Argument(help="An uncalibrated exposure of MIRI, NIRCam or NIRSpec.", metavar="ID"),
    references: Path = typer.Option(None, help="Folder of reference files; the network is not used then."),
    override: list[str] = typer.Option([], help="Reference file of a type, TYPE=FILE; may be given again."),
    skip: list[str] = typer.Option([], help="Step to leave out; may be given again."),
    memory: str = typer.Option("8G", help="Memory it may take, such as 500M or 4G."),
    timeout: str = typer.Option("1h", help="Time it may take, such as 90s or 30m."),
    out: Path = typer.Option(None, help="Folder of the products [`products` beside the array store]."),
    as_json: bool = json_option,
) -> None:
    """Run Detector1 on an exposure of the archive, and ingest what it makes.

    Examples
    --------
      darkroom detector1 MIRI_9999_1_S_20180308-010230_SCE1.fits --timeout 30m
    """
    from pipelines import RunLimits
    from pipelines.cli.show import show_object

    address: ArchiveAddress = context.obj
    limits = RunLimits(memory=size(memory), seconds=duration(timeout).total_seconds() or None)
    overrides = dict(_pair(text) for text in override)
    with address.open() as archive:
        done = archive.run_detector1(
            document, out=out, references=references, overrides=overrides, skip=skip, limits=limits
        )
    show_object(done, as_json=as_json)


def log(
    context: typer.Context,
    document: str = typer.Argument(help="A product made here.", metavar="ID"),
    as_json: bool = json_option,
) -> None:
    """Print what the pipeline said when it made a product.

    Examples
    --------
      darkroom log jw09999001001_02101_00001_mirimage_rate.fits
    """
    from pipelines.cli.show import print_json

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        said = archive.detector1_log(document)
    if as_json:
        print_json({"id": document, "log": said})
    else:
        typer.echo(said, nl=False)


def _pair(text: str) -> tuple[str, Path]:
    kind, equals, file = text.partition("=")
    if not (kind and equals and file):
        raise typer.BadParameter(f"--override is TYPE=FILE, such as gain=my_gain.fits, not {text!r}")
    return kind.strip().lower(), Path(file)
