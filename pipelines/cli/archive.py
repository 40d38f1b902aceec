"""Commands about the archive itself: ``ingest``, ``status``, ``root``, ``demo``."""

from contextlib import ExitStack
from pathlib import Path

import typer

from pipelines.cli.options import Place, json_option


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(ingest)
    app.command()(status)
    app.command()(demo)
    root = typer.Typer(help="Named folders of original files.", no_args_is_help=True, rich_markup_mode=None)
    root.command("list")(root_list)
    root.command("add")(root_add)
    root.command("move")(root_move)
    app.add_typer(root, name="root")


def ingest(
    context: typer.Context,
    paths: list[Path] = typer.Argument(None, help="FITS files, and folders of them.", metavar="PATH..."),
    listed: Path = typer.Option(None, "--from", help="Take the paths from a file, one a line; - for standard input."),
    include: list[str] = typer.Option([], help="Take only files like GLOB, such as '*_SCE1.fits'.", metavar="GLOB"),
    exclude: list[str] = typer.Option([], help="Leave out files like GLOB, such as '*_LVL2.fits'.", metavar="GLOB"),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would be taken, with sizes, and take nothing."),
    headers_only: bool = typer.Option(False, "--headers-only", help="Documents now; run again without it for arrays."),
    profile: str = typer.Option(None, help="Instrument profile of these files [chosen for each]."),
    campaign: str = typer.Option(None, help="Test or campaign to record in each document."),
    jobs: int = typer.Option(None, min=1, help="Worker processes [as many as the work is worth]."),
    as_json: bool = json_option,
) -> None:
    """Take FITS files into the archive. Run again, only what changed is touched."""
    from pipelines.cli.show import show_object
    from pipelines.ingest.survey import Selection, chosen_files, manifest, survey

    place: Place = context.obj
    paths = [*(paths or []), *map(Path, manifest(listed) if listed is not None else [])]
    selection = Selection(tuple(include), tuple(exclude))
    if dry_run:
        with ExitStack() as stack:
            catalog = stack.enter_context(place.open(readonly=True)).catalog if place.exists() else None
            show_object(survey(paths, catalog=catalog, selection=selection, campaign=campaign), as_json=as_json)
        return
    with place.open(new=True) as archive:
        if include or exclude:
            paths = [Path(file) for file in chosen_files(paths, roots=archive.roots, selection=selection)]
        report = archive.ingest(paths, headers_only=headers_only, profile=profile, campaign=campaign, jobs=jobs)
    if not report.files and not as_json:
        typer.echo(f"no FITS files under {', '.join(map(str, paths))} (.fits .fit .fts .fz, also .gz and .bz2)")
    else:
        show_object(report, as_json=as_json)
    raise typer.Exit(report.exit_code)


def status(context: typer.Context, as_json: bool = json_option) -> None:
    """Say what the archive holds, and where."""
    from pipelines.cli.show import show_object

    place: Place = context.obj
    with place.open(readonly=True) as archive:
        show_object(archive.status(), as_json=as_json)


def demo(
    folder: Path = typer.Argument(Path("darkroom-demo"), help="Where to put files and archive; new or empty."),
    frame: str = typer.Option("320x256", help="Size of the simulated frames, WIDTHxHEIGHT; 3358x2536 is real."),
) -> None:
    """Simulate a night and a campaign, ingest them, ask the questions, say where things are."""
    from pipelines.demo.run import run

    width, _, height = frame.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) >= 32 and int(height) >= 32):
        raise typer.BadParameter(f"--frame is WIDTHxHEIGHT, at least 32x32, not {frame!r}")
    run(folder, shape=(int(height), int(width)), say=typer.echo)


def root_list(context: typer.Context) -> None:
    """List the roots."""
    place: Place = context.obj
    with place.open(readonly=True) as archive:
        for name, folder in archive.roots.all().items():
            typer.echo(f"{name}\t{folder}")


def root_add(context: typer.Context, name: str, folder: Path) -> None:
    """Name a folder of original files."""
    place: Place = context.obj
    with place.open(new=True) as archive:
        archive.roots.add(name, folder)


def root_move(context: typer.Context, name: str, folder: Path) -> None:
    """Point a root at the new place of its folder."""
    place: Place = context.obj
    with place.open() as archive:
        archive.roots.move(name, folder)
