"""Prometheus: the state of an archive as figures that a monitor reads, in the text format of exposition.

`darkroom status --prometheus` prints it; the textfile collector of node_exporter reads a file of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pipelines.upkeep.status import Status
from pipelines.version import __version__

__all__ = ["exposition"]

Labels = dict[str, str]
Family = tuple[str, str, list[tuple[Labels, float]]]
"""Name, what it is, and its samples: labels and value."""


def exposition(status: Status) -> str:
    """Return a status in the text format of Prometheus: a gauge per figure, instants in seconds since 1970.

    Figures that are not known, as those of a store that was never counted, are left out.

    Examples
    --------
    Of an archive of 502 darks::

        # HELP darkroom_documents FITS files in the catalog, by kind of frame.
        # TYPE darkroom_documents gauge
        darkroom_documents{kind="dark"} 502
    """
    lines: list[str] = []
    for name, what, samples in _families(status):
        if samples:
            lines += [f"# HELP darkroom_{name} {what}", f"# TYPE darkroom_{name} gauge"]
            lines += [f"darkroom_{name}{_written(labels)} {value:.17g}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _families(status: Status) -> Iterator[Family]:
    yield "info", "The release that counted.", [({"version": __version__}, 1)]
    yield "documents", "FITS files in the catalog, by kind of frame.", _by("kind", status.kinds)
    yield "nights", "Distinct observing nights.", [({}, status.nights)]
    yield "masters", "Masters, by status.", _by("status", status.masters)
    yield "pending_documents", "Documents whose arrays have not been taken yet.", [({}, status.pending)]
    yield "trashed_documents", "Documents in the trash.", [({}, status.trashed)]
    waiting: list[tuple[Labels, float]] = [
        ({"code": str(row["code"])}, row["files"] - row["acknowledged"]) for row in status.quarantine
    ]
    yield "quarantined_files", "Files not taken and not acknowledged, by reason.", waiting or [({"code": ""}, 0)]
    yield "store_objects", "Arrays in the store, when it was counted.", _known(status.objects)
    yield "store_bytes", "Bytes of the store, when it was counted.", _known(status.nbytes)
    yield (
        "fits_bytes",
        "Bytes of the FITS files whose arrays are kept, then.",
        _known(status.fits_nbytes),
    )
    yield "store_counted_timestamp_seconds", "When the store was counted.", _instant(status.counted)
    check = status.check or {}
    yield "check_timestamp_seconds", "When the archive was last checked.", _instant(check.get("at"))
    yield "check_findings", "Findings of the last check.", _known(check.get("findings"))
    yield "check_damage", "Findings of the last check that are damage.", _known(check.get("damage"))
    yield "check_left", "Arrays and documents that the last check had no time for.", _known(check.get("left"))
    runs: list[tuple[Labels, Any]] = [
        ({"verb": str(run["verb"]), "status": str(run["status"])}, run["started"]) for run in status.runs
    ]
    began: list[tuple[Labels, float]] = [(labels, value) for labels, at in runs for _, value in _instant(at)]
    yield "run_started_timestamp_seconds", "When the last run, and the last ingest, began.", began
    yield (
        "catalog_lacks_documents",
        "1 where the store keeps documents that the catalog lacks.",
        [({}, float(bool(status.lacking)))],
    )
    yield "attention", "Things that somebody should look at: darkroom status names them.", [({}, len(status.attention))]


def _by(label: str, counts: Mapping[str, int]) -> list[tuple[Labels, float]]:
    return [({label: name}, count) for name, count in counts.items()]


def _known(value: Any) -> list[tuple[Labels, float]]:
    return [] if value is None else [({}, value)]


def _instant(at: datetime | None) -> list[tuple[Labels, float]]:
    if at is None:
        return []
    return [({}, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())]


def _written(labels: Labels) -> str:
    if not labels:
        return ""
    escaped = {
        name: value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") for name, value in labels.items()
    }
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped.items()) + "}"
