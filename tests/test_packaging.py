"""The distribution: a wheel holds exactly the three packages, and installs where nothing else is."""

import itertools
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"catalog", "arraystore", "pipelines"}
INSTALLED = PACKAGES | {"darkroom"}  # the face: pipelines/darkroom


def listed_packages() -> set[str]:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    return set(config["options"]["packages"].split())


def _folder(package: str) -> Path:
    return ROOT / "pipelines/darkroom" if package == "darkroom" else ROOT.joinpath(*package.split("."))


def test_the_package_list_is_the_tree():
    found = {
        "darkroom" if path.parent.name == "darkroom" else ".".join(path.parent.relative_to(ROOT).parts)
        for package in PACKAGES
        for path in (ROOT / package).rglob("__init__.py")
    }
    assert listed_packages() == found


def test_the_extra_all_is_every_extra_but_jwst_and_readme_names_them():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]

    def inside(name):
        names = {
            found
            for one in extras[name]
            if (m := re.match(r"darkroom-archive\[(.*)\]", one))
            for found in m[1].split(",")
        }
        return names | {deeper for found in names for deeper in inside(found)}

    ours = set(extras) - {"all", "jwst", "test", "dev", "bench"}
    assert inside("all") == ours
    named = re.search(r"Extras: (.*?)\.\s", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    assert set(re.findall(r"`(\w+)`", named)) == ours | {"all", "jwst"}


def test_the_top_level_holds_nothing_else():
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    top = {line.partition("/")[0] for line in done.stdout.splitlines() if not line.startswith(".")}
    allowed = PACKAGES | {"tests", "notebooks", "setup.cfg", "pyproject.toml", "README.md"}
    assert top <= allowed | {"Makefile", "LICENSE", "CHANGELOG.md"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    source, dist = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in (*PACKAGES, "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        (source / name).symlink_to(ROOT / name)
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", dist, source]
    subprocess.run(command, check=True, capture_output=True)
    (made,) = dist.glob("darkroom_archive-*.whl")
    return made


def test_a_wheel_holds_the_three_packages(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.partition("/")[0] for name in names}
    (info,) = [name for name in top if name.endswith(".dist-info")]
    assert top == INSTALLED | {info}
    modules = {
        f"{package.replace('.', '/')}/{path.name}"
        for package in listed_packages()
        for path in _folder(package).glob("*.py")
    }
    assert {name for name in names if name.endswith(".py")} == modules
    assert {f"{package}/py.typed" for package in INSTALLED} <= set(names)


@pytest.mark.slow  # every dependency is fetched
def test_a_wheel_installs_into_an_empty_environment(wheel, tmp_path):
    place = tmp_path / "empty"
    venv.create(place, with_pip=True)
    python = place / "bin/python"
    subprocess.run([python, "-I", "-m", "pip", "install", "--quiet", wheel], check=True, capture_output=True)
    script = "from darkroom import open_archive; open_archive('home').status(); print('opened')"
    done = subprocess.run([python, "-I", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("opened\n", "")
    done = subprocess.run(
        [place / "bin/darkroom", "--home", "home", "status"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_every_lower_bound_has_its_reason():
    text = (ROOT / "pyproject.toml").read_text()
    block = text[text.index("dependencies = [") : text.index("[project.optional-dependencies]")]
    for above, line in itertools.pairwise(block.splitlines()):
        if line.strip().startswith('"'):
            assert "#" in line or above.strip().startswith("#"), line


def test_extras_are_imported_where_they_are_used():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"jwst", "dask", "s3", "xarray", "pandas", "plot"} <= set(project["optional-dependencies"])
    optional = ("jwst", "stdatamodels", "dask", "obstore", "xarray", "pandas", "matplotlib")
    at_import = re.compile(rf"^(?:import|from) ({'|'.join(optional)})\b", re.MULTILINE)
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            assert not at_import.findall(path.read_text()), path
