"""The command ``site``: where the cameras stand, as ``darkroom.toml`` says or as their frames imply."""

import typer

from pipelines.cli.options import ArchiveAddress, json_option


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(site)


def site(
    context: typer.Context,
    learn: bool = typer.Option(False, "--learn", help="Find the longitude, and write it to darkroom.toml."),
    dry_run: bool = typer.Option(False, "--dry-run", help="With --learn: say what it would be, and write nothing."),
    as_json: bool = json_option,
) -> None:
    """Say where cameras stand of which no header tells; --learn finds it from when they never exposed.

    Examples
    --------
      darkroom site
    """
    from pipelines.cli.show import print_json, show_object

    if dry_run and not learn:
        raise typer.BadParameter("--dry-run goes with --learn")
    address: ArchiveAddress = context.obj
    with address.open(readonly=dry_run or not learn) as archive:
        if learn:
            show_object(archive.upkeep.learn_site(dry_run=dry_run), as_json=as_json)
            return
        place = archive.session.site
    if as_json:
        print_json({"longitude": place.longitude, "latitude": place.latitude, "zone": place.zone})
    elif place.source is None:
        typer.echo("darkroom.toml names no site; write [site] with longitude there, or try: darkroom site --learn")
    else:
        said = {"longitude": place.longitude, "latitude": place.latitude, "zone": place.zone}
        typer.echo(", ".join(f"{name} {value}" for name, value in said.items() if value is not None))
