"""The documents that the pages show have the keys of real ones."""

import json
import re
from pathlib import Path

from tests.pipelines.calibration.conftest import NIGHT

ROOT = Path(__file__).parents[4]


def blocks(page):
    return [json.loads(text) for text in re.findall(r"```json\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)]


def foreign(shown, real, path=""):
    """Return the keys that the shown document has and the real one has not."""
    if isinstance(shown, list):
        return [key for one in shown for key in foreign(one, (real or [None])[0], path)] if real else []
    if not isinstance(shown, dict):
        return []
    lacking = [f"{path}{key}" for key in shown if key not in real]
    return lacking + [
        found for key in shown if key in real for found in foreign(shown[key], real[key], f"{path}{key}.")
    ]


def test_a_document_a_plan_row_and_a_master(made_readonly):
    (document,) = blocks("catalog/README.md")
    row, master = blocks("pipelines/calibration/README.md")
    assert foreign(document, made_readonly.headers.find_one({"kind": "dark"})) == []
    assert set(row) == set(made_readonly.calibration.plan(NIGHT, kinds=["dark"]).rows[0])
    assert foreign(master, made_readonly.masters.find_one({"kind": "dark"})) == []
