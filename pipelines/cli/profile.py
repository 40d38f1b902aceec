"""The commands ``profile list | show | check``: which instruments are known, and what one makes of a file."""

from pathlib import Path

import typer

from pipelines.cli.application import Commands
from pipelines.cli.options import json_option


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    profile = Commands(help="Instrument profiles: list them, and see what one makes of files.")
    profile.command("list")(profile_list)
    profile.command("show")(profile_show)
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
    file: Path = typer.Argument(help="A FITS file."),
    profile: str = typer.Option(None, help="Profile to read it by [the one that claims it]."),
    as_json: bool = json_option,
) -> None:
    """Show what a file is: each field, its value, and the keyword it comes from.

    Examples
    --------
      darkroom profile show fits/dragonfly/Dragonfly101/2024-02-20/T13060400_1_flat.fits
    """
    from pipelines.cli.show import show
    from pipelines.instruments import explain

    show(explain.explain(file, profile=profile), as_json=as_json)


def profile_check(
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

    answer = explain.checked(name, files)
    show(answer, as_json=as_json)
    raise typer.Exit(1 if any(row["unknown"] or not row["claimed"] for row in answer) else 0)
