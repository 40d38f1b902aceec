"""The commands ``profile list | show | new | check``: which instruments are known, and what one makes of a file."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pipelines.cli.application import Commands
from pipelines.cli.options import ArchiveAddress, json_option

if TYPE_CHECKING:
    from pipelines.instruments.sites import Place


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    profile = Commands(help="Instrument profiles: list them, see what one makes of files, write one.")
    profile.command("list")(profile_list)
    profile.command("show")(profile_show)
    profile.command("new")(profile_new)
    profile.command("check")(profile_check)
    app.add_typer(profile, name="profile")


def profile_list(as_json: bool = json_option) -> None:
    """List the instrument profiles.

    Examples
    --------
      darkroom profile list
    """
    from pipelines import Answer
    from pipelines.cli.show import show
    from pipelines.instruments import profiles

    rows = [{"name": name, "title": one.title} for name, one in profiles().items()]
    show(Answer(("name", "title"), tuple(rows), "Instrument profiles"), as_json=as_json)


def profile_show(
    context: typer.Context,
    file: Path = typer.Argument(help="A FITS file."),
    profile: str = typer.Option(None, help="Profile to read it by [the one that claims it]."),
    varying: bool = typer.Option(False, "--varying", help="The keywords that may differ within a group, instead."),
    as_json: bool = json_option,
) -> None:
    """Show what a file is: each field, its value and its keyword; then keywords that look like setup and were not used.

    Examples
    --------
      darkroom profile show fits/dragonfly/Dragonfly101/2024-02-20/T13060400_1_flat.fits
    """
    from pipelines.cli.show import show
    from pipelines.instruments import explain

    if varying:
        show(explain.varying(file, profile=profile), as_json=as_json)
    else:
        show(explain.explain(file, profile=profile, site=_site(context.obj)), as_json=as_json)


def profile_new(
    context: typer.Context,
    name: str = typer.Argument(help="Name of the new profile: lower case, digits, _."),
    files: list[Path] = typer.Argument(help="FITS files of one camera, best of every kind it takes."),
    as_json: bool = json_option,
) -> None:
    """Draft a profile from the headers of some files: NAME.toml in the folder profiles of DARKROOM_HOME, to be edited.

    Examples
    --------
      darkroom profile new my_camera fits/dragonfly/Dragonfly101/2024-02-20/T13060400_1_flat.fits
    """
    from pipelines.cli.show import print_json
    from pipelines.instruments import draft

    address: ArchiveAddress = context.obj
    file = draft.write_draft(name, files, folder=address.folder() / "profiles", site=_site(address))
    if as_json:
        print_json({"file": str(file), "profile": name})
        return
    typer.echo(f"{file}: a draft from the headers; edit it, then: darkroom profile check {name} {files[0]}")


def profile_check(
    context: typer.Context,
    name: str = typer.Argument(help="A profile."),
    files: list[Path] = typer.Argument(help="FITS files."),
    as_json: bool = json_option,
) -> None:
    """Check a profile on files: does it claim them, and what do they become? Exit 1 where something is unknown.

    Examples
    --------
      darkroom profile check dragonfly fits/dragonfly/Dragonfly101/2024-02-20/T13060400_1_flat.fits
    """
    from pipelines.cli.show import show
    from pipelines.instruments import explain

    answer = explain.checked(name, files, site=_site(context.obj))
    show(answer, as_json=as_json)
    raise typer.Exit(1 if any(row["unknown"] or not row["claimed"] for row in answer) else 0)


def _site(address: ArchiveAddress) -> "Place":
    from pipelines.instruments import home

    return home.read_site(address.folder())
