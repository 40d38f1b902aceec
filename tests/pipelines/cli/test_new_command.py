"""A new command is one module in the package of commands: nothing else is touched."""

import sys
import textwrap

import pytest

from pipelines import cli
from tests.pipelines.command import darkroom

TOY = """
    import typer

    from pipelines.cli.application import Commands
    from pipelines.cli.options import table_option


    def register(app: Commands) -> None:
        app.command(rich_help_panel="Every night", for_cron=True)(moons)


    def moons(context: typer.Context, as_json: bool = table_option) -> None:
        '''Say which moons an archive knows.

        Examples
        --------
          darkroom moons
        '''
        from pipelines.cli.show import show
        from pipelines.table import Answer

        with context.obj.open(readonly=True) as archive:
            show(Answer(("moon", "documents"), ({"moon": "Io", "documents": archive.status().documents},), "Moons"),
                 as_json=as_json)
    """


@pytest.fixture
def moons(tmp_path, monkeypatch):
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "moons.py").write_text(textwrap.dedent(TOY))
    monkeypatch.setattr(cli, "__path__", [*cli.__path__, str(folder)])
    monkeypatch.setattr(cli, "app", cli.application())
    yield
    del sys.modules["pipelines.cli.moons"], cli.moons


def test_it_is_listed_in_its_chapter_and_has_what_every_command_has(moons, archive, raw, write_frame, tmp_path):
    write_frame()
    archive.ingest(raw)
    chapter = darkroom("--help").stdout.partition("Every night:")[2].partition("\n\n")[0]
    assert "moons       Say which moons an archive knows" in chapter
    for option in ("--json", "--csv", "--wide", "--quiet", "--log-file"):
        assert option in darkroom("moons", "--help").stdout
    home = ("--home", tmp_path / "home")
    assert '"Io"' in darkroom("moons", *home, "--json").stdout
    assert "Io" in darkroom(*home, "moons", "-v").stdout
    assert darkroom(*home, "moons", "--quiet").stdout == ""
