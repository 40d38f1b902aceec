"""The README is true: its commands exist, its tests exist, its table of limits is the one the code uses."""

import re
from pathlib import Path

from typer.main import get_command

from pipelines.cli import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_every_command_it_shows_exists_and_every_command_is_shown():
    commands = set(get_command(app).commands)
    shown = set(re.findall(r"(?:\$ |`|&& )darkroom ([a-z0-9]+)", README))
    assert shown <= commands
    assert commands <= shown | {"demo"}


def test_every_test_it_names_exists():
    named = re.findall(r"`(tests/[\w./]+|test_\w+\.py)?((?:::\w+)?)`", README)
    guarantees = README[README.index("## Guarantees") : README.index("## Limits")]
    tests = {path: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    everything = "\n".join(tests.values())
    for function in re.findall(r"::(\w+)", guarantees):
        assert f"def {function}(" in everything, function
    for path in re.findall(r"`(tests/[\w./]+)", guarantees):
        assert (ROOT / path).exists(), path
    assert named


def test_the_conformance_it_claims_is_what_the_suite_expects():
    from tests.conformance.expectations import DEVIATIONS
    from tests.conformance.runner import Verdict
    from tests.conformance.suite import CASES

    def count(backend, verdict):
        return sum(len(d.cases) for d in DEVIATIONS[backend] if d.verdict is verdict)

    (total,) = [line for line in README.splitlines() if line.startswith("| **all** |")]
    cells = re.findall(r"(\d+) / (\d+) / (\d+)", total)
    for backend, cell in zip(("embedded", "mongoeco", "mongomock"), cells, strict=True):
        refused, wrong = count(backend, Verdict.REFUSED), count(backend, Verdict.WRONG)
        assert tuple(map(int, cell)) == (len(CASES) - refused - wrong, refused, wrong), backend
