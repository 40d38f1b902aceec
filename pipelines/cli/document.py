"""Commands about single files: ``header``, ``export``, ``history``."""

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from pipelines.cli.options import ArchiveAddress, json_option, table_option
from pipelines.table import plain


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (header, export, history):
        app.command()(command)


def header(
    context: typer.Context,
    document: str = typer.Argument(help="A document's name.", metavar="ID"),
    hdu: int = typer.Option(0, min=0, help="Which HDU, from 0."),
    as_json: bool = json_option,
) -> None:
    """Print a header card for card.

    Examples
    --------
      darkroom header Dragonfly101/2024-02-20/T13060400_1_flat.fits
    """
    from pipelines.cli.show import print_json

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        if as_json:
            print_json({"id": document, "hdu": hdu, "cards": archive.cards(document, hdu)})
            return
        cards = [plain(card.rstrip()) for card in archive.cards(document, hdu)]
    end = max((place for place, card in enumerate(cards) if card == "END"), default=len(cards))
    typer.echo("\n".join(cards[: end + 1]))


def export(
    context: typer.Context,
    document: str = typer.Argument(
        help="A document's name; with --with-calibration also a night or a filter {...}.", metavar="ID"
    ),
    out: Path | None = typer.Argument(None, help="File or folder to write to; - is standard output."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace files that are there."),
    certificate: bool = typer.Option(False, "--certificate", help="Print the digests, ingested and exported."),
    with_calibration: Path | None = typer.Option(
        None, metavar="DIR", help="Lights and the raw frames of their masters, in folders as Siril and WBPP take them."
    ),
    as_json: bool = json_option,
) -> None:
    """Write the original FITS file again, byte for byte; or a master as FITS, with all its planes.

    Examples
    --------
      darkroom export Dragonfly101/2024-02-20/T13060400_1_flat.fits original.fits
      darkroom export 2024-02-20 --with-calibration to-stack
    """
    from pipelines.cli.show import print_json

    address: ArchiveAddress = context.obj
    if (out is None) == (with_calibration is None):
        raise typer.BadParameter("name the file or folder to write to, or a folder with --with-calibration DIR")
    if out is None:
        _with_calibration(address, document, Path(str(with_calibration)), overwrite=overwrite, as_json=as_json)
        return
    if str(out) == "-":
        _to_stdout(address, document)
        return
    with address.open(readonly=True) as archive:
        if archive.session.collection_of(document) == "masters":
            target = out / f"{document.rpartition('/')[2]}.fits" if out.is_dir() else out
            path = archive.calibration.export(document, target, overwrite=overwrite)
            planes = archive.masters.find_one({"_id": document}, {"arrays": 1})
            names = list(planes["arrays"]) if planes else []
            if as_json:
                print_json({"id": document, "file": path, "nbytes": path.stat().st_size, "planes": names})
            else:
                typer.echo(f"{path}: {path.stat().st_size} bytes, {', '.join(names)}")
            return
        proof = archive.export(document, out, overwrite=overwrite)
    if as_json:
        digests = {"ingested": proof.ingested, "exported": proof.exported}
        print_json({"id": document, "file": proof.file, "nbytes": proof.nbytes, "sha256": digests})
        return
    typer.echo(f"{proof.file}: {proof.nbytes} bytes, as ingested")
    if certificate:
        typer.echo(f"ingested sha256 {proof.ingested}\nexported sha256 {proof.exported}")


def _with_calibration(address: ArchiveAddress, what: str, folder: Path, *, overwrite: bool, as_json: bool) -> None:
    """Write lights and the frames that belong to them. Exit code 1: a file could not be written."""
    from pipelines.cli.query import parse
    from pipelines.cli.show import show

    asked = parse(what) if what.lstrip().startswith(("{", "[")) else what
    if isinstance(asked, list):
        raise typer.BadParameter("lights are named by a filter {...}, not by a pipeline")
    with address.open(readonly=True) as archive:
        answer = archive.export_with_calibration(asked, folder, overwrite=overwrite)
    show(answer, as_json=as_json)
    raise typer.Exit(int(any(row["outcome"] == "failed" for row in answer)))


def _to_stdout(address: ArchiveAddress, document: str) -> None:
    """Write a file to standard output, once it is proved to be the original."""
    with TemporaryDirectory(prefix="darkroom-") as folder, address.open(readonly=True) as archive:
        whole = Path(folder, "export.fits")
        if document.startswith("masters/"):
            archive.calibration.export(document, whole)
        else:
            archive.export(document, whole)
        with whole.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def history(
    context: typer.Context,
    document: str = typer.Argument(help="Name of a document.", metavar="ID"),
    as_of: str = typer.Option(
        "", help="Return the document as it stood then, in JSON: 2024-02-20 or 2024-02-20T03:15Z."
    ),
    collection: str = typer.Option(None, help="headers or masters [where the document is]."),
    as_json: bool = table_option,
) -> None:
    """Say who changed a document, when, why, and what was there before; or show it as it stood at a time.

    Examples
    --------
      darkroom history Dragonfly101/2024-02-20/T13060400_1_flat.fits
    """
    from pipelines.cli.show import show

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        collection = collection or archive.session.collection_of(document)
        if not as_of:
            show(archive.upkeep.history(document, collection=collection), as_json=as_json)
            return
        from bson import json_util

        found = archive.upkeep.as_of(document, as_of, collection=collection)
    typer.echo(json_util.dumps(found, json_options=json_util.RELAXED_JSON_OPTIONS))
