"""The verbs: ingest FITS files, ask about nights and groups, export, delete.

The only package that knows FITS and instruments. It joins documents (``catalog``) and arrays
(``arraystore``); nothing is connected, read from the environment or configured when it is imported.

Examples
--------
>>> from pipelines import open_archive
>>> archive = open_archive("/tmp/some-archive")  # doctest: +SKIP
>>> archive.ingest(["/data/dragonfly/Dragonfly101/2024-02-20"])  # doctest: +SKIP
>>> archive.dark_groups(date="2024-02-20")  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

from pipelines.version import __version__

if TYPE_CHECKING:
    from pipelines.archive import Archive, open_archive
    from pipelines.errors import DarkroomError

__all__ = ["Archive", "DarkroomError", "__version__", "open_archive"]

_HOMES = {
    "Archive": "pipelines.archive",
    "open_archive": "pipelines.archive",
    "DarkroomError": "pipelines.errors",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pipelines' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
