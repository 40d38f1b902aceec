"""Confirmation: what destroys or overwrites is agreed to, by an answer or by ``--yes``; silence is no answer."""

import sys
from pathlib import Path

import typer

YES, NO = ("y", "yes"), ("n", "no")

overwrite_option = typer.Option(False, "--overwrite", is_eager=True, help="Replace a file that is there.")
"""Eager: it is known when the names of files are looked at."""


def new_file(context: typer.Context, path: Path | None) -> Path | None:
    """Refuse the name of a file that is there, unless ``--overwrite`` was given; a callback of options.

    Raises
    ------
    typer.BadParameter
        The file is there; nothing is done.
    """
    if path is not None and path.exists() and not context.params.get("overwrite"):
        raise typer.BadParameter(f"{path} is there already; name another file, or add --overwrite")
    return path


def agree(question: str, *, yes: bool) -> None:
    """Ask before something is destroyed; a terminal and standard input may both answer.

    Parameters
    ----------
    question : str
        What is about to be done.
    yes : bool
        It was agreed to on the command line: nothing is asked.

    Raises
    ------
    UsageError
        There is nobody to answer; exit code 2, nothing is done.
    typer.Abort
        The answer is no; exit code 1, nothing is done.
    """
    from pipelines import UsageError

    if yes:
        return
    if sys.stdin is not None and sys.stdin.isatty():
        typer.confirm(question, abort=True)
        return
    typer.echo(f"{question} [y/N]: ", nl=False, err=True)
    answer = "" if sys.stdin is None else sys.stdin.readline().strip().lower()
    typer.echo(answer, err=True)
    if answer in NO:
        raise typer.Abort
    if answer not in YES:
        raise UsageError("standard input is not a terminal and gives no answer; add --yes. Nothing was changed")
