"""The ``darkroom`` command: every module here that has a ``register`` adds its commands; nobody imports this package.

A new command is a module: its ``register`` names its chapter of ``--help`` by ``rich_help_panel``.

Exit codes: 0 fine; 1 finished, with files in quarantine or something that needs attention; 2 usage; 3 catalog or
store not usable; 4 damage found; 130 interrupted.
"""

import os
import signal
import sys
from importlib import import_module
from pkgutil import iter_modules

import typer

from pipelines.cli.application import Commands, Interrupted
from pipelines.cli.chapters import Chapters
from pipelines.cli.logs import log_file_option, log_format_option, verbose_option
from pipelines.cli.options import ArchiveAddress, version_option
from pipelines.table import plain

__all__ = ["app", "application", "exit_code", "main"]


def _address(
    context: typer.Context,
    home: str = typer.Option(None, "--home", help="Folder of catalog and arrays [DARKROOM_HOME, else ~/darkroom]."),
    catalog: str = typer.Option(None, "--catalog", help="mongodb:// URL or path of the catalog [CATALOG_URL]."),
    store: str = typer.Option(None, "--store", help="URL or path of the array store [ARRAYSTORE_URL]."),
    verbose: int = verbose_option,
    log_file: str = log_file_option,
    log_format: str = log_format_option,
    version: bool = version_option,
) -> None:
    if home is not None:
        os.environ["DARKROOM_HOME"] = home  # its profiles count for this command and the processes it starts
    context.obj = ArchiveAddress(home=home, catalog=catalog, store=store)


def application() -> Commands:
    """Return the command with all that the modules of this package add to it."""
    made = Commands(
        name="darkroom",
        help="An archive of FITS headers and of detector pixels: ask, group, calibrate, follow one pixel.",
        cls=Chapters,
        pretty_exceptions_enable=False,
    )
    made.callback()(_address)
    for found in sorted(iter_modules(__path__), key=lambda found: found.name):
        if not found.name.startswith("_"):
            module = import_module(f"{__name__}.{found.name}")
            if hasattr(module, "register"):
                module.register(made)
    return made


app = application()


def main() -> None:
    """Run the command; every foreseen error is one message and an exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # told to end, a verb writes down how far it came
    try:
        code = app(standalone_mode=False, prog_name="darkroom")
    except (KeyboardInterrupt, Interrupted):
        code = _say("interrupted; what was committed stays, run it again to go on", 130)
    except typer.Abort:
        code = _say("nothing was done", 1)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        sys.stderr.close()
        code = 0
    except Exception as error:  # noqa: BLE001 - a fault of the program is raised again
        code = _told(error)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more
    sys.exit(code if isinstance(code, int) else 0)


def _told(error: Exception) -> int:
    """Say what was wrong, and return the exit code; raise what is a fault of the program."""
    told = getattr(error, "format_message", None)  # Typer's own: a word or an option that does not exist
    if told is not None:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(told(), file=sys.stderr)
            return 2
        context = getattr(error, "ctx", None)
        if context is not None and not _wants_json():
            print(f"{context.get_usage()}\nTry '{context.command_path} -h' for help.\n", file=sys.stderr)
        return _say(told(), getattr(error, "exit_code", 2))
    code = exit_code(error)
    if code is None:
        raise error
    return _say(str(error), code)


def _say(message: str, code: int) -> int:
    from pipelines.cli.show import error_json

    print(error_json(message, code) if _wants_json() else f"darkroom: {plain(message, lines=True)}", file=sys.stderr)
    return code


def _wants_json() -> bool:
    # Asked of the words themselves: a wrong option is found before any option is read.
    return "--json" in sys.argv[1:]


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
