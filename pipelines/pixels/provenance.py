"""Questions about calibrations: which exposures used a reference file, a release, or lack a step.

A calibration is what made the products of one exposure in one folder. An exposure may have several, side
by side; none replaces another. Each question is one look into an index.
"""

from __future__ import annotations

from typing import Any

from catalog import Collection
from pipelines.detectors.keywords import file_name, step_keyword, version_range
from pipelines.table import Answer, Row

_COLUMNS = ("exposure", "kind", "version", "context", "document")
_FIELDS = {"exposure": 1, "kind": 1, "calibration.version": 1, "calibration.context": 1, "calibration.steps": 1}

Filter = dict[str, Any]


def used_reference_filter(reference: str) -> Filter:
    """Return the filter for products that used a reference file, named with or without its folder."""
    return {"calibration.references_used": file_name(reference)}


def version_filter(version: str) -> Filter:
    """Return the filter for products of a release: 1.17 is 1.17.0, 1.17.1 and so on."""
    return {"calibration.version": version_range(version)}


def lacking_step_filter(step: str) -> Filter:
    """Return the filter for products whose header does not say COMPLETE for a step."""
    return {"calibration.steps_lacking": step_keyword(step)}


def used_reference(headers: Collection, reference: str) -> Answer:
    """Products that were calibrated with a reference file, such as a dark.

    Parameters
    ----------
    reference : str
        Its file name, or as the header gives it (``crds://…``).

    Returns
    -------
    Answer
        Columns ``exposure``, ``kind``, ``version`` (CAL_VER), ``context`` (CRDS_CTX), ``document``.
    """
    return _answer(headers, used_reference_filter(reference), f"Calibrated with {file_name(reference)}")


def calibrated_with(headers: Collection, version: str) -> Answer:
    """Products that a release of the pipeline made; ``1.17`` is every 1.17.x. Columns as `used_reference`."""
    return _answer(headers, version_filter(version), f"Calibrated with jwst {version}")


def lacking_step(headers: Collection, step: str) -> Answer:
    """Products that lack a step, such as ``jump``: skipped, failed, or never heard of.

    Returns
    -------
    Answer
        Columns as `used_reference`, and ``state``: what the header says of the step, None if nothing.
    """
    keyword = step_keyword(step)
    return _answer(headers, lacking_step_filter(step), f"Lacking {keyword}", step=keyword)


def _answer(headers: Collection, query: Filter, title: str, *, step: str | None = None) -> Answer:
    found = headers.find(query, _FIELDS).sort([("exposure", 1), ("_id", 1)])
    columns = _COLUMNS if step is None else (*_COLUMNS, "state")
    return Answer(columns, tuple(_row(document, step) for document in found), title)


def _row(document: dict[str, Any], step: str | None) -> Row:
    calibration = document["calibration"]
    row: Row = {
        "exposure": document.get("exposure"),
        "kind": document["kind"],
        "version": calibration["version"],
        "context": calibration["context"],
        "document": document["_id"],
    }
    return row if step is None else {**row, "state": calibration["steps"].get(step)}
