"""The command ``demo``: a simulated night and campaign to try Darkroom on."""

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(demo)


def demo(
    folder: Path = typer.Argument(Path("darkroom-demo"), help="Where to put files and archive; new or empty."),
    frame: str = typer.Option("320x256", help="Size of the simulated frames, WIDTHxHEIGHT; 3358x2536 is real."),
) -> None:
    """Simulate a night and a campaign, ingest them, ask the questions, say where things are.

    Examples
    --------
      darkroom demo darkroom-demo
    """
    from pipelines.demo.run import run

    width, _, height = frame.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) >= 32 and int(height) >= 32):
        raise typer.BadParameter(f"--frame is WIDTHxHEIGHT, at least 32x32, not {frame!r}")
    run(folder, shape=(int(height), int(width)), say=typer.echo)
