"""The demo archive, made once, and the command in this process."""

import shlex
import sys
from contextlib import chdir
from dataclasses import dataclass

import pytest

from pipelines.cli import main
from pipelines.demo.run import run as make_demo


@dataclass(frozen=True)
class Done:
    exit_code: int
    output: str
    errors: str


@pytest.fixture(scope="package")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "darkroom-demo"
    make_demo(folder, shape=(256, 320), say=lambda line: None)
    return folder


@pytest.fixture
def darkroom(demo, monkeypatch, capsys):
    """Run a command line as `darkroom` does, in the folder of the demo; standard output is no terminal."""
    monkeypatch.setenv("DARKROOM_HOME", str(demo / "archive"))
    for name in ("CATALOG_URL", "ARRAYSTORE_URL"):
        monkeypatch.delenv(name, raising=False)

    def run(line):
        monkeypatch.setattr(sys, "argv", ["darkroom", *shlex.split(line)])
        capsys.readouterr()
        with chdir(demo), pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Done(ended.value.code, said.out, said.err)

    return run
