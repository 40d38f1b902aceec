"""The errors of the verbs, by what the caller would do about them.

::

    DarkroomError                 exit code 1
    ├── UsageError                2   the request itself is wrong: correct it
    │   └── UnknownDocument       2   no document of that name (also a KeyError)
    ├── IntegrityError            4   what is kept is not what went in
    ├── SchemaTooNew              3   a later release wrote this
    ├── MissingExtra          1   install what the message names (also an ImportError)
    ├── NothingThere              1   the words are right, and nothing is there
    └── Refused                   1   right request, but it would lose something

The trees of ``catalog`` and ``arraystore`` pass through unchanged: their messages already say what
happened, to what, and what to do next.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module
from typing import Any

NEAR = 3
"""Near misses that a message names."""


def near_misses(word: str, words: Iterable[str]) -> str:
    """Return the words that are nearly this one, as the end of a message; empty if there are none.

    Examples
    --------
    >>> near_misses("Darkss", ["dark", "flat"])
    '; is it dark?'
    """
    folded = {one.casefold(): one for one in words}
    near = [folded[one] for one in get_close_matches(word.casefold(), folded, n=NEAR, cutoff=0.6)]
    if not near:
        return ""
    return f"; is it {near[0]}?" if len(near) == 1 else f"; is it one of {', '.join(near)}?"


class DarkroomError(Exception):
    """Whatever a verb could not do; ``exit_code`` is what the command line returns for it."""

    exit_code = 1

    def _render_traceback_(self) -> list[str]:
        # Asked by Jupyter and IPython: the message is for the asker, the frames are ours; %debug has them.
        return [f"{type(self).__name__}: {self}"]


class MissingExtra(DarkroomError, ImportError):
    """A feature needs a library that is not installed; the message says what to install."""


class UsageError(DarkroomError, ValueError):
    """The request cannot be carried out as written."""

    exit_code = 2


class UnknownDocument(UsageError, KeyError):
    """No document has the name that was asked for."""

    def __str__(self) -> str:
        # KeyError would show the repr of the message.
        return str(self.args[0]) if self.args else ""


class NothingThere(DarkroomError):
    """The question is right, and there is nothing to answer with: a night without files, a kind without frames."""


class IntegrityError(DarkroomError):
    """What the archive holds is not what went in."""

    exit_code = 4


class SchemaTooNew(DarkroomError):
    """A document was written by a later release than this one."""

    exit_code = 3


class Refused(DarkroomError):
    """The request is clear, but carrying it out would lose something."""


def require(module: str, *, extra: str, what: str) -> Any:
    """Import a library that not everybody has.

    Parameters
    ----------
    module : str
        Its import name.
    extra : str
        The extra of this distribution that installs it.
    what : str
        What needs it, to begin the message.

    Raises
    ------
    MissingExtra
        It is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        library = {"PIL": "Pillow"}.get(module, module).partition(".")[0]
        raise MissingExtra(f"{what} needs {library}: pip install 'darkroom-archive[{extra}]'") from error
