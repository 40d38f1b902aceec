"""Commands that run the JWST pipeline: ``calibrate``, and ``log`` for what it said."""

import re
from pathlib import Path

import typer

from pipelines.cli.options import Place, duration, json_option


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(calibrate)
    app.command()(log)


def calibrate(
    context: typer.Context,
    document: str = typer.Argument(help="An uncalibrated MIRI exposure.", metavar="ID"),
    references: Path = typer.Option(None, help="Folder of reference files; the network is not used then."),
    override: list[str] = typer.Option([], help="Reference file of a type, TYPE=FILE; may be given again."),
    skip: list[str] = typer.Option([], help="Step to leave out; may be given again."),
    memory: str = typer.Option("8G", help="Memory it may take, such as 500M or 4G."),
    timeout: str = typer.Option("1h", help="Time it may take, such as 90s or 30m."),
    out: Path = typer.Option(None, help="Folder of the products [`products` beside the array store]."),
    as_json: bool = json_option,
) -> None:
    """Run Detector1 on an exposure of the archive, and ingest what it makes."""
    from pipelines.cli.show import show_object
    from pipelines.jwst.calibrate import Limits
    from pipelines.jwst.calibrate import calibrate as run
    from pipelines.progress import bar

    place: Place = context.obj
    limits = Limits(memory=_bytes(memory), seconds=duration(timeout).total_seconds() or None)
    overrides = dict(_pair(text) for text in override)
    with place.open() as archive, bar("Detector1") as advance:
        done = run(
            archive,
            document,
            out=out,
            references=references,
            overrides=overrides,
            skip=skip,
            limits=limits,
            progress=advance,
        )
    show_object(done, as_json=as_json)


def log(context: typer.Context, document: str = typer.Argument(help="A product made here.", metavar="ID")) -> None:
    """Print what the pipeline said when it made a product."""
    from pipelines.jwst.log import log_of

    place: Place = context.obj
    with place.open(readonly=True) as archive:
        typer.echo(log_of(archive.document(document)), nl=False)


def _pair(text: str) -> tuple[str, Path]:
    kind, equals, file = text.partition("=")
    if not (kind and equals and file):
        raise typer.BadParameter(f"--override is TYPE=FILE, such as gain=my_gain.fits, not {text!r}")
    return kind.strip().lower(), Path(file)


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT])i?B?", text.strip(), re.IGNORECASE)
    if match is None or not float(match[1]):
        raise typer.BadParameter(f"{text!r} is not a size; write 500M or 4G")
    return int(float(match[1]) * 1024 ** ("KMGT".index(match[2].upper()) + 1))
