"""Commands about single files: ``header``, ``export``, ``delete``, ``restore``."""

import sys
from pathlib import Path

import typer

from pipelines.cli.options import Place, yes_option


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (header, export, delete, restore):
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


def delete(
    context: typer.Context,
    documents: list[str] = typer.Argument(help="Names of documents.", metavar="ID..."),
    why: str = typer.Option("", help="Kept with the deleted documents."),
    yes: bool = yes_option,
) -> None:
    """Move documents into the trash; `restore` brings them back, `sweep` empties it."""
    place: Place = context.obj
    with place.open() as archive:
        if sys.stdin.isatty() and not yes:
            nbytes = sum(archive.document(name)["file"]["size"] for name in documents)
            typer.confirm(
                f"Move {len(documents)} documents ({nbytes / 1e6:.1f} MB of FITS) into the trash?", abort=True
            )
        gone = archive.delete(documents, why=why)
    typer.echo(f"{len(gone)} documents in the trash; `darkroom restore` brings them back, `darkroom sweep` empties it")


def restore(
    context: typer.Context, documents: list[str] = typer.Argument(help="Names of documents.", metavar="ID...")
) -> None:
    """Bring documents back from the trash."""
    place: Place = context.obj
    with place.open() as archive:
        typer.echo(f"{len(archive.restore(documents))} documents restored")
