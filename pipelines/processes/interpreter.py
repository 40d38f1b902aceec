"""A fresh interpreter that imports exactly what this one would, wherever the user stands."""

import os
import re
import sys

SECRET = re.compile(
    r"PASSW|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|^PGPASS|^CATALOG_|_URI$|^(MONGO|DATABASE)",
    re.IGNORECASE,
)
"""Names of variables that hold what lets their reader into a database or an account, or may hold it."""
_ACCOUNT = re.compile(r"://[^/\\s@]*@")
"""A user name, and perhaps a password, in an address."""
_OF_STORE = ("AWS_", "GOOGLE_", "AZURE_")
"""Beginnings of the names that a bucket is opened by."""


def command(module: str, *arguments: object) -> list[str]:
    """Return the command line that runs a module of ours in a new process.

    ``-P`` keeps the working folder off the path: a folder named ``catalog`` there is not ours.
    """
    return [sys.executable, "-P", "-m", module, *map(str, arguments)]


def environment(*, store: str | None = None) -> dict[str, str]:
    """Return the environment for it: this process's, with its import path and without its secrets.

    Parameters
    ----------
    store : str, optional
        Address of the array store that the process opens; the keys of a bucket stay for that alone.
    """
    bucket = store is not None and store.startswith(("s3://", "gs://", "az://"))
    kept = {
        name: value
        for name, value in os.environ.items()
        if (bucket and name.startswith(_OF_STORE)) or not (SECRET.search(name) or _ACCOUNT.search(value))
    }
    return {**kept, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
