"""A process of its own that runs Detector1 on one file: what it is told is JSON, what it made it says in JSON.

CRDS ends the process it is in when a reference cannot be had, and the pipeline's memory is its own
affair, so this is never imported by the archive: `calibrate` starts it and watches it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

SUFFIXES = ("ramp", "rateints", "rate")


def run(order: dict[str, Any]) -> dict[str, Any]:
    """Run Detector1.

    Parameters
    ----------
    order : dict
        ``uncal``: the file; ``out``: folder of the products; ``skip``: steps left out; ``references``: type
        to file, or None to ask CRDS.

    Returns
    -------
    dict
        ``products``: the files made; ``steps``: the parameters that were not left at their defaults;
        ``versions``: of the packages that did it.
    """
    from importlib.metadata import version

    from jwst.pipeline import Detector1Pipeline

    uncal = with_metadata(Path(order["uncal"]))
    steps = _steps(Detector1Pipeline.step_defs, order["skip"], order["references"])
    Detector1Pipeline.call(
        str(uncal), steps=steps, save_results=True, save_calibrated_ramp=True, output_dir=order["out"]
    )
    stem = uncal.name.removesuffix("_uncal.fits")
    files = [Path(order["out"], f"{stem}_{suffix}.fits") for suffix in SUFFIXES]
    return {
        "products": [str(path) for path in files if path.exists()],
        "steps": steps,
        "versions": {name: version(name) for name in ("jwst", "stcal", "stdatamodels", "crds", "numpy")},
    }


def with_metadata(uncal: Path) -> Path:
    """Return a file that the pipeline can open by name: with the ASDF extension that it reads metadata from."""
    from astropy.io import fits

    with fits.open(uncal) as hdus:
        if "ASDF" in hdus:
            return uncal
    from stdatamodels.jwst.datamodels import Level1bModel

    saved = uncal.with_name("saved") / uncal.name
    saved.parent.mkdir()
    with Level1bModel(str(uncal)) as model:
        model.save(str(saved))
    return saved


def _steps(defined: dict[str, Any], skip: list[str], references: dict[str, str] | None) -> dict[str, dict[str, Any]]:
    """Return the parameters of each step: left out, or told its references so that CRDS is not asked for any."""
    steps: dict[str, dict[str, Any]] = {}
    for name, step in defined.items():
        told: dict[str, Any] = {"skip": True} if name in skip else {}
        if references is not None:
            told |= {f"override_{kind}": references.get(kind, "N/A") for kind in step.reference_file_types}
        if told:
            steps[name] = told
    return steps


def _end_with_parent() -> None:
    """End this process when the one that started it has gone: its end of standard input closes then."""

    def wait() -> None:
        while os.read(0, 4096):  # not sys.stdin, whose lock would be held when this process ends by itself
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    _end_with_parent()
    place = Path(sys.argv[1])
    made = run(json.loads((place / "order.json").read_text()))
    (place / "made.json").write_text(json.dumps(made))
