"""The notebooks run from top to bottom, show what they promise, and are committed with the outputs of such a run."""

import re

import nbformat
import pytest

from tests.notebooks import NOTEBOOKS, kernel, run

MACHINE = re.compile(r"/tmp/|/root/|/home/|/var/")
LARGEST = 1_000_000  # bytes: a host of code shows no notebook that is much larger


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(cell):
    """What a cell puts out, by kind; that of a picture or a table is the same in every run."""
    return {name for output in cell.outputs for name in (output.get("data") or {output.output_type: None})}


@pytest.fixture(scope="module")
def manager(tmp_path_factory):
    with kernel(tmp_path_factory.mktemp("notebooks")) as started:
        yield started


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_with_the_outputs_of_one_run(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), "run `make notebooks`"
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    shown = [str(output.get("text", "")) + str((output.get("data") or {}).get("text/html", "")) for output in outputs]
    assert not [text for text in shown if MACHINE.search(re.sub(r'src="data:[^"]*"', "", text))]
    assert path.stat().st_size < LARGEST


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's own libraries
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_puts_out_what_is_committed(path, manager):
    committed = code_cells(nbformat.read(path, as_version=4))
    cells = code_cells(run(path, manager))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "stream" and output.name == "stderr"]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert any("text/html" in output.get("data", {}) for output in outputs)
    for ran, was in zip(cells, committed, strict=True):
        assert kinds(ran) == kinds(was), f"run `make notebooks`:\n{was.source}"
