"""The log of a command: ``-v``, ``-vv``, ``--log-file`` and ``--log-format``, before the command as after it.

Every module of the three packages logs to a logger of its own name and configures nothing; only this
module, at work for a command, says where the lines go.
"""

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import Any, TextIO

import typer

LOGGERS = ("pipelines", "catalog", "arraystore")
SCREEN, FILE = "darkroom-screen", "darkroom-file"
FORMATS = ("text", "json")


_CONTROL = {number: f"\\x{number:02x}" for number in (*range(32), 127) if chr(number) != "\n"}


def configure(verbose: int, log_file: str | None) -> None:
    """Say where the log goes; the file tells as much as the screen, and decisions in any case.

    Parameters
    ----------
    verbose : int
        1 shows decisions on standard error, 2 also every step.
    log_file : str or None
        A file they are added to, whether or not they are shown.

    Raises
    ------
    typer.BadParameter
        The file cannot be written.
    """
    if verbose:
        _add(_Screen(), SCREEN)
    if log_file is not None:
        try:
            _add(logging.FileHandler(log_file, encoding="utf-8", errors="backslashreplace"), FILE)
        except OSError as error:
            raise typer.BadParameter(f"the log file {log_file} cannot be written: {error.strerror}") from error
    level = logging.DEBUG if verbose > 1 else logging.INFO
    for logger in map(logging.getLogger, LOGGERS):
        logger.setLevel(min(level, logger.level or level))


def with_log(group: Any, command: Any) -> Any:
    """Return a command of a group, or a group of them, with the group's options of the log after its name too."""
    shared = [parameter for parameter in group.params if parameter.name in ("verbose", "log_file", "log_format")]
    for each in getattr(command, "commands", {"": command}).values():
        each.params += [parameter for parameter in shared if parameter not in each.params]
    return command


def _louder(verbose: int) -> int:
    if verbose:
        configure(verbose, None)
    return verbose


def _into(log_file: str | None) -> str | None:
    if log_file is not None:
        configure(0, log_file)
    return log_file


def _as(log_format: str) -> str:
    """Write lines in a format from now on, those of handlers that are there already too."""
    global _formatter
    if log_format not in FORMATS:
        raise typer.BadParameter(f"{log_format!r} is no format of a log; there are {' and '.join(FORMATS)}")
    _formatter = _Json() if log_format == "json" else _Lines()
    for handler in {handler for name in LOGGERS for handler in logging.getLogger(name).handlers}:
        if handler.get_name() in (SCREEN, FILE):
            handler.setFormatter(_formatter)
    return log_format


# Not exposed: their callbacks do all there is to do, so that no command has to know of them.
verbose_option = typer.Option(
    0,
    "--verbose",
    "-v",
    count=True,
    show_default=False,
    callback=_louder,
    expose_value=False,
    help="Tell what is decided about each file, and why; -vv tells every step.",
)
log_file_option = typer.Option(
    None,
    "--log-file",
    metavar="FILE",
    callback=_into,
    expose_value=False,
    help="Add that to the end of a file too.",
)


log_format_option = typer.Option(
    FORMATS[0],
    "--log-format",
    metavar="FORMAT",
    is_eager=True,  # before a handler is made by another option
    show_default=False,
    callback=_as,
    expose_value=False,
    help="Lines of the log as text, or each as an object in json.",
)


def _add(handler: logging.Handler, name: str) -> None:
    """Send the log to a handler, in place of the one of its name."""
    handler.set_name(name)
    handler.setFormatter(_formatter)
    for logger in map(logging.getLogger, LOGGERS):
        for known in [each for each in logger.handlers if each.get_name() == name]:
            logger.removeHandler(known)
        logger.addHandler(handler)


class _Lines(logging.Formatter):
    """One line per decision, in UTC; a name of a file can neither begin a line nor steer a terminal."""

    converter = staticmethod(time.gmtime)  # the log is in UTC, as documents are

    def __init__(self) -> None:
        super().__init__("{asctime}Z {levelname:5} {name}: {message}", "%Y-%m-%dT%H:%M:%S", style="{")

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).translate(_CONTROL).replace("\n", "\n    ")


class _Json(logging.Formatter):
    """One object in JSON per decision: ``time`` (UTC), ``level``, ``logger``, ``message``; ``error`` where one was."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(told)  # ASCII alone: a name of a file can neither end a line nor steer a terminal


_formatter: logging.Formatter = _Lines()


class _Screen(logging.StreamHandler[TextIO]):
    """Standard error, whatever it is at the moment: a progress bar puts itself in its place while it is shown."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        """Where lines go."""
        return sys.stderr
