"""The README and the pages beside the code are true: commands and tests exist, the examples run on the demo archive."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from pipelines.cli import app
from pipelines.cli.renamed import COMMANDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = sorted(path for top in ("catalog", "arraystore", "pipelines", "tests") for path in (ROOT / top).rglob("*.md"))


def block(heading, language):
    """The code blocks of a section."""
    section = README.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.S)


def test_it_is_short():
    assert len(README.splitlines()) <= 200


def test_every_command_shown_exists_and_every_command_is_shown():
    commands = set(get_command(app).commands)
    text = README + "".join(path.read_text() for path in PAGES)
    shown = set(re.findall(r"(?:\$ |`|&& )darkroom ([a-z0-9]+)", text))
    assert shown <= commands | set(COMMANDS)  # the page on upgrading names the words of earlier releases
    assert commands <= shown | {"demo"}


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_test_a_guarantee_names_exists():
    guarantees = (ROOT / "tests/GUARANTEES.md").read_text()
    tests = {path: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    everything = "\n".join(tests.values())
    assert re.findall(r"::(\w+)", guarantees)
    for function in re.findall(r"::(\w+)", guarantees):
        assert f"def {function}(" in everything, function
    for path in re.findall(r"`(tests/[\w./]+)", guarantees):
        assert (ROOT / path).exists(), path


def test_the_conformance_it_claims_is_what_the_suite_expects():
    from tests.conformance.expectations import DEVIATIONS
    from tests.conformance.runner import Verdict
    from tests.conformance.suite import CASES

    def count(backend, verdict):
        return sum(len(d.cases) for d in DEVIATIONS[backend] if d.verdict is verdict)

    page = (ROOT / "tests/conformance/README.md").read_text()
    (total,) = [line for line in page.splitlines() if line.startswith("| **all** |")]
    cells = re.findall(r"(\d+) / (\d+) / (\d+)", total)
    for backend, cell in zip(("embedded", "mongoeco", "mongomock"), cells, strict=True):
        refused, wrong = count(backend, Verdict.REFUSED), count(backend, Verdict.WRONG)
        assert tuple(map(int, cell)) == (len(CASES) - refused - wrong, refused, wrong), backend


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The archive of the demo, with small frames."""
    from pipelines.demo.run import run

    folder = tmp_path_factory.mktemp("demo") / "darkroom-demo"
    run(folder, shape=(128, 160), say=lambda line: None)
    return folder / "archive"


@pytest.mark.patient
def test_its_python_runs_on_the_demo(demo, monkeypatch):
    monkeypatch.setenv("DARKROOM_HOME", str(demo))
    names = {}
    code = block("Five lines of Python", "python")
    assert len(code) == 2
    for part in code:
        exec(compile(part, "README.md", "exec"), names)
    archive = names["archive"]
    assert names["life"].ramps().sizes["exposure"] >= 5
    assert len(archive.dark_groups(date="2024-02-20")) == 40
    assert len(archive.flat_conflicts(date="2024-02-20")) == 5
    archive.session.close()


@pytest.mark.patient
def test_its_shell_runs_on_the_demo(demo, tmp_path):
    (text,) = block("Six lines of shell", "console")
    lines = [line.removeprefix("$ darkroom ") for line in text.splitlines()]
    assert len(lines) == 6
    for line in lines:
        words = shlex.split(line, comments=True)
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.cli", *words],
            env={**os.environ, "DARKROOM_HOME": str(demo)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == (1 if words[0] == "night" else 0), (line, done.stderr)
        assert done.stdout
