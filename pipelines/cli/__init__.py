"""The ``darkroom`` command: every module here that has a ``register`` adds its commands; nobody imports this package.

Exit codes: 0 fine; 1 finished, with files in quarantine or something that needs attention; 2 usage; 3 catalog or
store not usable; 4 damage found; 130 interrupted.
"""

import sys
from importlib import import_module
from pkgutil import iter_modules

import typer

from pipelines.cli.logs import log_file_option, verbose_option
from pipelines.cli.options import ArchiveAddress, version_option
from pipelines.cli.renamed import RenamedGroup

__all__ = ["app", "exit_code", "main"]

app = typer.Typer(
    name="darkroom",
    help="A catalog of FITS headers in MongoDB and of detector cubes in Zarr.",
    cls=RenamedGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _address(
    context: typer.Context,
    home: str = typer.Option(None, "--home", help="Folder of catalog and arrays [DARKROOM_HOME, else ~/darkroom]."),
    catalog: str = typer.Option(None, "--catalog", help="mongodb:// URL or path of the catalog [CATALOG_URL]."),
    store: str = typer.Option(None, "--store", help="URL or path of the array store [ARRAYSTORE_URL]."),
    verbose: int = verbose_option,
    log_file: str = log_file_option,
    version: bool = version_option,
) -> None:
    context.obj = ArchiveAddress(home=home, catalog=catalog, store=store)


for _found in sorted(iter_modules(__path__), key=lambda found: found.name):
    if not _found.name.startswith("_"):
        _module = import_module(f"{__name__}.{_found.name}")
        if hasattr(_module, "register"):
            _module.register(app)


def main() -> None:
    """Run the command; every foreseen error is one message and an exit code."""
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


def exit_code(error: Exception) -> int | None:
    """Return the exit code for an error; None for one that is a fault of the program."""
    import arraystore
    import catalog
    from pipelines import DarkroomError
    from pipelines.fits import FitsError

    if isinstance(error, DarkroomError):
        return error.exit_code
    if isinstance(error, catalog.Damaged | arraystore.ArrayDamaged | arraystore.Lost):
        return 4
    if isinstance(error, catalog.InvalidURL | catalog.InvalidQuery | catalog.InvalidName | arraystore.InvalidStoreURL):
        return 2
    if isinstance(error, catalog.CatalogError | arraystore.StoreError):
        return 3
    return 1 if isinstance(error, FitsError) else None
