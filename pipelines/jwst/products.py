"""The folder of a calibration's products: each file whole under its name, and last the record that says all are."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pipelines.processes.partial import partial_name

RECORD = "calibration.json"
"""Written last: what stands beside it is complete."""


def put(products: Sequence[Path], folder: Path, *, record: Mapping[str, Any]) -> None:
    """Move products to their folder, also from another disk, and write the record of them last.

    Parameters
    ----------
    products : sequence of Path
        Files elsewhere.
    folder : Path
        Made if it is not there.
    record : Mapping
        What is to be known of the calibration; the names of the products are added.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for product in products:
        with _partial(folder / product.name) as partial:
            shutil.copyfile(product, partial)
    text = json.dumps({**record, "products": [product.name for product in products]}, indent=1)
    with _partial(folder / RECORD) as partial:
        partial.write_text(text)


def record_in(folder: Path) -> dict[str, Any] | None:
    """Return the record of a folder; None where there is none, or not yet."""
    place = folder / RECORD
    if not place.exists():
        return None
    record: dict[str, Any] = json.loads(place.read_text())
    return record


@contextmanager
def _partial(target: Path) -> Iterator[Path]:
    """Return a name to write a file under; it appears under its own when it is whole, and on the disk."""
    partial = partial_name(target)
    try:
        yield partial
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, target)
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()
