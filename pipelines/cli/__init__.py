"""The ``darkroom`` command: each verb in a module of its own, imported by nobody.

Exit codes: 0 fine; 1 finished, with files in quarantine; 2 usage; 3 catalog or store not reachable;
4 damage found.
"""

import sys

import typer

from pipelines.cli import (
    archive,
    calibrating,
    checks,
    clock,
    deletion,
    finding,
    frames,
    groups,
    keeping,
    masters,
    nightly,
    pixels,
    query,
    trends,
    upkeep,
)
from pipelines.cli.options import Place, version_option

__all__ = ["app", "main"]

app = typer.Typer(
    name="darkroom",
    help="A catalog of FITS headers in MongoDB and of detector cubes in Zarr.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _place(
    context: typer.Context,
    home: str = typer.Option(None, "--home", help="Folder of catalog and arrays [DARKROOM_HOME, else ~/darkroom]."),
    catalog: str = typer.Option(None, "--catalog", help="mongodb:// URL or path of the catalog [CATALOG_URL]."),
    store: str = typer.Option(None, "--store", help="URL or path of the array store [ARRAYSTORE_URL]."),
    version: bool = version_option,
) -> None:
    context.obj = Place(home=home, catalog=catalog, store=store)


for module in (
    archive,
    calibrating,
    checks,
    clock,
    deletion,
    finding,
    frames,
    groups,
    keeping,
    masters,
    nightly,
    pixels,
    query,
    trends,
    upkeep,
):
    module.register(app)


def main() -> None:
    """Run the command; every foreseen error is one message and an exit code."""
    from pipelines.cli.exits import exit_code

    try:
        app()
    except KeyboardInterrupt:
        print("darkroom: interrupted; what was committed stays, run it again to go on", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        code = exit_code(error)
        if code is None:
            raise
        print(f"darkroom: {error}", file=sys.stderr)
        sys.exit(code)
