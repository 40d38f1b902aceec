"""An archive of its own for each test of the verbs."""

import pytest

from pipelines import open_archive


@pytest.fixture
def archive(tmp_path):
    with open_archive(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    return folder


@pytest.fixture
def third_party_profile(tmp_path, monkeypatch):
    """Install a profile as another distribution would: a module and its entry point on the path."""
    import textwrap

    def install(source: str, *, name: str = "deadly") -> None:
        site = tmp_path / "site"
        site.mkdir()
        (site / f"{name}_profile.py").write_text(textwrap.dedent(source))
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[darkroom.instruments]\n{name} = {name}_profile:PROFILE\n")
        monkeypatch.syspath_prepend(str(site))

    return install
