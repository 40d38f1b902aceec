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
    from pipelines.calibration.masters.step import MapRules, MasterOptions
    from pipelines.calibration.select.criteria import Rules
    from pipelines.errors import DarkroomError, IntegrityError, Refused, SchemaTooNew, UnknownDocument, UsageError
    from pipelines.jwst.calibrate import RunLimits
    from pipelines.nightly.nights import wanted
    from pipelines.nightly.run import Schedule, on_signals
    from pipelines.processes.limits import Bounds
    from pipelines.settings import resolve
    from pipelines.table import Answer

_HOMES = {
    **dict.fromkeys(("Archive", "open_archive"), "pipelines.archive"),
    "Answer": "pipelines.table",
    "Bounds": "pipelines.processes.limits",
    **dict.fromkeys(
        ("DarkroomError", "IntegrityError", "Refused", "SchemaTooNew", "UnknownDocument", "UsageError"),
        "pipelines.errors",
    ),
    **dict.fromkeys(("MapRules", "MasterOptions"), "pipelines.calibration.masters.step"),
    "Rules": "pipelines.calibration.select.criteria",
    "RunLimits": "pipelines.jwst.calibrate",
    **dict.fromkeys(("Schedule", "on_signals"), "pipelines.nightly.run"),
    "resolve": "pipelines.settings",
    "wanted": "pipelines.nightly.nights",
}

__all__ = [
    "Answer",
    "Archive",
    "Bounds",
    "DarkroomError",
    "IntegrityError",
    "MapRules",
    "MasterOptions",
    "Refused",
    "Rules",
    "RunLimits",
    "Schedule",
    "SchemaTooNew",
    "UnknownDocument",
    "UsageError",
    "__version__",
    "on_signals",
    "open_archive",
    "resolve",
    "wanted",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pipelines' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
