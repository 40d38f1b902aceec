"""What a header or a file name holds is shown, never obeyed: no markup, no escape sequence, no forged line."""

from __future__ import annotations

import io
import sys

import pytest
from typer.testing import CliRunner

from pipelines import open_archive
from pipelines.cli import app
from pipelines.cli.show import show
from pipelines.table import Answer, short
from tests.crash.nights import document_id, frame

HOSTILE = [
    "[/link]",
    "[sii]",
    "M31 [oiii] [ha]",
    "\x1b[2J",
    "\x1b]52;c;aGk=\x07",
    "a\nALL FINE",
    "\u202egnp.exe",
    "\x9b2J",
]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("value", HOSTILE)
def test_a_terminal_shows_a_value_and_does_not_obey_it(monkeypatch, value):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "200")
    show(Answer(("object", "n"), ({"object": value, "n": 1},), "objects"), as_json=False)
    drawn = terminal.getvalue()
    assert short(value) in drawn
    assert short(value) in repr(Answer(("object",), ({"object": value},)))
    for odd in "\x07\x9b\u202e":
        assert odd not in drawn
    assert "\x1b[2J" not in drawn
    assert not any(line.strip() == "ALL FINE" for line in drawn.splitlines())


def test_a_header_of_any_file_that_was_taken_is_shown(tmp_path):
    raw = tmp_path / "raw"
    path = raw / document_id(1)
    path.parent.mkdir(parents=True)
    card = "OBSERVER= 'Jos\xe9 \x1b[2J'".ljust(80).encode("latin-1")
    path.write_bytes(frame(1).replace(b"FILTER  = 'G       '".ljust(80), card))
    with open_archive(tmp_path / "home") as archive:
        assert archive.ingest(raw, jobs=1, progress=False).new == 1
        name = archive.headers.find_one()["_id"]
        with pytest.warns(UserWarning, match="OBSERVER"):
            header = archive.header(name)
        assert "Jos?" in repr(header)
        assert any("Jos\xe9 \x1b[2J" in card for card in archive.cards(name))
    said = CliRunner().invoke(app, ["--home", str(tmp_path / "home"), "header", name])
    assert said.exit_code == 0
    assert "Jos\xe9 \\x1b[2J" in said.output


def test_a_file_name_forges_no_line_of_a_report(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "x\n0 files: fine\x1b[2J.fits").write_bytes(b"no FITS file")
    said = CliRunner().invoke(app, ["--home", str(tmp_path / "home"), "ingest", str(raw)])
    assert said.exit_code == 1
    assert "\x1b" not in said.output
    assert not any(line.startswith("0 files") for line in said.output.splitlines())
