"""Commands about single files: ``header``, ``export``."""

from pathlib import Path

import typer

from pipelines.cli.options import Place


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (header, export):
        app.command()(command)


def header(
    context: typer.Context,
    document: str = typer.Argument(help="A document's name.", metavar="ID"),
    hdu: int = typer.Option(0, min=0, help="Which HDU, from 0."),
) -> None:
    """Print a header card for card."""
    place: Place = context.obj
    with place.open(readonly=True) as archive:
        typer.echo(archive.header(document, hdu).tostring(sep="\n", endcard=True, padding=False))


def export(
    context: typer.Context,
    document: str = typer.Argument(help="A document's name.", metavar="ID"),
    out: Path = typer.Argument(help="File to write."),
    certificate: bool = typer.Option(False, "--certificate", help="Print the digests, ingested and exported."),
) -> None:
    """Write the original FITS file again, byte for byte; or a master as FITS, with all its planes."""
    from pipelines.cli.masters import export_master

    place: Place = context.obj
    if export_master(place, document, out):
        return
    with place.open(readonly=True) as archive:
        proof = archive.export(document, out)
    typer.echo(f"{proof.file}: {proof.nbytes} bytes, as ingested")
    if certificate:
        typer.echo(f"ingested sha256 {proof.ingested}\nexported sha256 {proof.exported}")
