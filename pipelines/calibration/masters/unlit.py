"""Drafts and makes biases and darks: what a camera shows without light."""

from collections.abc import Mapping, Sequence
from typing import Any

from catalog import Catalog
from pipelines.calibration.masters.drafting import frame_steps
from pipelines.calibration.masters.make import planes as make
from pipelines.calibration.masters.step import MasterOptions, Step

__all__ = ["draft", "make"]


def draft(
    catalog: Catalog,
    kind: str,
    *,
    date: str,
    expected: Sequence[Mapping[str, Any]],
    without: frozenset[str],
    options: MasterOptions,
) -> list[Step]:
    """Draft the biases, or the darks, of a night."""
    return frame_steps(catalog, kind, date=date, without=without, options=options, parameters=options.combining)
