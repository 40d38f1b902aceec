"""A fresh interpreter that imports exactly what this one would, wherever the user stands."""

import os
import sys


def command(module: str, *arguments: object) -> list[str]:
    """Return the command line that runs a module of ours in a new process.

    ``-P`` keeps the working folder off the path: a folder named ``catalog`` there is not ours.
    """
    return [sys.executable, "-P", "-m", module, *map(str, arguments)]


def environment() -> dict[str, str]:
    """Return the environment for it: this process's, with its import path."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
