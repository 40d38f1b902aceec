"""A progress bar when a person waits: on a terminal or in Jupyter, and silence in a pipe."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int], None]
"""Told how many are done, and how many there are."""


@contextmanager
def bar(title: str, *, shown: bool | None = None) -> Iterator[Callable[[int, int], None] | None]:
    """Show a progress bar while the block runs.

    Parameters
    ----------
    title : str
        What is being done.
    shown : bool, optional
        By default when standard error is a terminal, or in Jupyter.

    Yields
    ------
    callable or None
        To be told how many are done, and how many there are; None when nothing is shown.
    """
    if shown is None:
        shown = sys.stderr.isatty() or _in_jupyter()
    if not shown:
        yield None
    elif _in_jupyter():
        yield _in_notebook()
    else:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(title, total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)


def _in_notebook() -> Callable[[int, int], None]:
    """Show IPython's own bar, which needs no widgets."""
    from IPython.display import ProgressBar

    bars: list[ProgressBar] = []

    def advance(done: int, total: int) -> None:
        if not bars:
            bars.append(ProgressBar(total))
            bars[0].display()
        bars[0].progress = done

    return advance


def _in_jupyter() -> bool:
    """Tell whether this is a Jupyter kernel, without importing IPython where it is not at work."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"
