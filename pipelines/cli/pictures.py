"""The command ``show``: the picture of a frame or a master, the contact sheet of a night."""

import os
import sys
from pathlib import Path

import typer

from pipelines.cli.options import ArchiveAddress, json_option


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("show")(show)


def show(
    context: typer.Context,
    what: str = typer.Argument(help="A document, a master, or a night, YYYY-MM-DD.", metavar="ID|NIGHT|MASTER"),
    out: Path | None = typer.Option(
        None, "--out", "-o", help="File, .png or .jpg, or folder; - is standard output [shown, or the name, here]."
    ),
    array: str = typer.Option(None, help="Another array of it, such as err or variance."),
    size: int = typer.Option(None, help="Points along the longer side of an image [1000; 150 on a contact sheet]."),
    no_mask: bool = typer.Option(False, "--no-mask", help="Do not show flagged and saturated pixels in red."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace a file that is there."),
    as_json: bool = json_option,
) -> None:
    """Draw a frame or a master, or a contact sheet of a night, as a picture.

    ZScale limits; flagged and saturated pixels in red; what it shows is written below it. Without --out a terminal that
    can show pictures (kitty, Ghostty, iTerm2, WezTerm, mintty) shows it; elsewhere it becomes a file.

    Examples
    --------
      darkroom show Dragonfly101/2024-02-20/T13060400_1_flat.fits --out flat.png
      darkroom show 2024-02-20 --out night.png
    """
    from pipelines.cli.show import print_json
    from pipelines.pictures.inline import encoded, protocol
    from pipelines.table import plain

    address: ArchiveAddress = context.obj
    with address.open(readonly=True) as archive:
        picture = archive.show(what, array=array, size=size, mask=not no_mask)
    for line in picture.unread:
        typer.echo(plain(line), err=True)
    spoken = protocol(os.environ) if out is None and not as_json and sys.stdout.isatty() else ""
    if spoken:
        typer.echo(encoded(picture.png(), spoken))
        typer.echo(plain(repr(picture), lines=True))
    elif out is not None and str(out) == "-":
        sys.stdout.buffer.write(picture.png())
        sys.stdout.buffer.flush()
    else:
        name = f"{Path(what.rstrip('/')).name.removesuffix('.fits')}.png"
        target = Path(name) if out is None else out / name if out.is_dir() else out
        path = picture.save(target, overwrite=overwrite)
        if as_json:
            print_json({"file": str(path), "facts": list(picture.facts), "unread": list(picture.unread)})
        else:
            typer.echo(plain(f"{path}\n{picture!r}", lines=True))
    raise typer.Exit(int(bool(picture.unread)))
