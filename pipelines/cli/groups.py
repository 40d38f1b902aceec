"""Commands about groups of frames: ``darks`` and ``flats``."""

import typer

from pipelines.cli.options import Place, json_option

NIGHTS = typer.Argument(None, help="Nights, YYYY-MM-DD; all by default.", metavar="[NIGHT]...")


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(darks)
    app.command()(flats)


def darks(context: typer.Context, nights: list[str] = NIGHTS, as_json: bool = json_option) -> None:
    """Group darks by camera serial number and exposure time."""
    from pipelines.cli.show import show

    place: Place = context.obj
    with place.open(readonly=True) as archive:
        show(archive.dark_groups(nights or None), as_json=as_json)


def flats(context: typer.Context, nights: list[str] = NIGHTS, as_json: bool = json_option) -> None:
    """List the flats whose cameras disagree on evening or morning, and what most say."""
    from pipelines.cli.show import show

    place: Place = context.obj
    with place.open(readonly=True) as archive:
        show(archive.flat_conflicts(nights or None), as_json=as_json)
