"""Run the notebooks: for their tests, and by ``make notebooks`` to write their outputs, which are committed."""

import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import nbformat

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@contextmanager
def kernel(folder):
    """One kernel for all: starting one takes as long as running a notebook."""
    from jupyter_client import KernelManager

    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(folder))
    try:
        yield manager
    finally:
        manager.shutdown_kernel(now=True)
        manager.context.destroy()


def run(path, manager):
    """Return a notebook as it is after running from top to bottom in an empty namespace."""
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    begin = nbformat.v4.new_code_cell("%reset -f")
    notebook.cells.insert(0, begin)
    client = NotebookClient(notebook, km=manager, timeout=100, record_timing=False)
    try:
        client.execute()
    finally:
        if client.kc is not None:
            client.kc.stop_channels()
    del notebook.cells[0]
    number = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            number += 1
            cell.execution_count = number
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = number
    return notebook


def main(names):
    """Write the outputs of the notebooks of some names, or all."""
    with tempfile.TemporaryDirectory() as folder, kernel(folder) as manager:
        for path in NOTEBOOKS:
            if not names or path.stem in names:
                nbformat.write(run(path, manager), path)
                print(path.name)


if __name__ == "__main__":
    main(sys.argv[1:])
