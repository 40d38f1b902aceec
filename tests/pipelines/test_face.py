"""The face: one set of names, by `darkroom` as by `pipelines`; the command and the notebooks know nothing deeper."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import darkroom
import pytest

import pipelines
from tests.pipelines import command

ROOT = Path(__file__).parents[2]
PUBLIC = {"pipelines", "darkroom", "pipelines.combine", "pipelines.fits", "pipelines.instruments"}
# How an answer looks is the command's affair; the demo is no part of the face.
OF_THE_COMMAND = PUBLIC | {"pipelines.table", "pipelines.table.cells", "pipelines.demo.run"}
OF_THE_COMMAND |= {"pipelines.pages", "pipelines.pictures.inline", "pipelines.web"}
OF_A_NOTEBOOK = PUBLIC | {"pipelines.demo.simulate"}


def imported(source: str) -> set[str]:
    """The modules of ours that a program imports, those for type checkers left out."""
    tree = ast.parse(source)
    hints = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in hints:
            continue
        if isinstance(node, ast.ImportFrom):
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.partition(".")[0] in ("pipelines", "catalog", "arraystore", "darkroom")}


@pytest.mark.parametrize("path", sorted((ROOT / "pipelines/cli").glob("*.py")), ids=lambda path: path.stem)
def test_the_command_uses_the_face_alone(path):
    own = {name for name in imported(path.read_text()) if name.startswith("pipelines.cli")}
    errors = {"catalog", "arraystore"}  # their errors have exit codes
    assert imported(path.read_text()) - own <= OF_THE_COMMAND | errors


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_notebooks_use_the_face_alone(path):
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    source = "\n".join(line for cell in cells for line in "".join(cell["source"]).splitlines() if line[:1] != "%")
    assert imported(source) <= OF_A_NOTEBOOK


def test_both_names_give_the_same():
    for name in pipelines.__all__:
        assert getattr(darkroom, name) is getattr(pipelines, name)
    assert darkroom.fits is pipelines.fits
    assert set(pipelines.__all__) <= set(dir(darkroom))
    with pytest.raises(AttributeError, match="nothing_such"):
        darkroom.nothing_such  # noqa: B018


def test_importing_it_imports_no_engine():
    heavy = {"numpy", "astropy", "zarr", "pymongo", "rich", "pandas"}
    script = f"import sys, darkroom; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def words_that_changed():
    """The old words of the command and the new, as the page on upgrading lists them."""
    page = (ROOT / "pipelines/upkeep/UPGRADING.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `darkroom (.+)` \| `(.+)` \|$", page, re.MULTILINE)


@pytest.mark.parametrize(("words", "now"), words_that_changed())
def test_a_word_of_an_earlier_release_names_the_one_of_today(tmp_path, words, now):
    done = command.darkroom("--home", tmp_path / "home", *words.split())
    assert done.returncode == 2
    assert now in " ".join(done.stderr.replace("│", " ").split())


def test_a_name_of_an_earlier_release_works_and_says_its_name_of_today(tmp_path):
    with pipelines.open_archive(tmp_path / "home") as archive:
        with pytest.warns(DeprecationWarning, match="run_detector1"), pytest.raises(pipelines.UnknownDocument):
            archive.calibrate("nothing")
        with pytest.warns(DeprecationWarning, match="needs"):
            assert archive.calibration.shoot("2024-02-20").rows == archive.calibration.needs("2024-02-20").rows
