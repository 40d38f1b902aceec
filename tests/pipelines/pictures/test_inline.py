"""Pictures in a terminal: the bytes that arrive are those of the PNG."""

import os
import re
import subprocess
import sys
from base64 import b64decode
from contextlib import suppress

import numpy as np
import pytest
from astropy.io import fits

from pipelines.pictures.inline import encoded, protocol
from pipelines.pictures.picture import Panel, Picture


@pytest.mark.parametrize(
    ("environment", "spoken"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"), ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM_PROGRAM": "ghostty"}, "kitty"), ({"TERM_PROGRAM": "iTerm.app"}, "iterm"),
        ({"TERM_PROGRAM": "WezTerm"}, "iterm"), ({"LC_TERMINAL": "iTerm2", "TERM": "xterm-256color"}, "iterm"),
        ({"TERM": "xterm-256color"}, ""), ({}, ""), ({"TERM": "screen", "LC_TERMINAL": "iTerm2"}, ""),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/x"}, ""),
    ],
)  # fmt: skip
def test_a_terminal_says_what_it_speaks(environment, spoken):
    assert protocol(environment) == spoken


def kitty(text):
    messages = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", text)
    assert all(len(part) <= 4096 for _, part in messages)
    assert [f"m={int(n < len(messages) - 1)}" in keys for n, (keys, _) in enumerate(messages)] == [True] * len(messages)
    return b64decode("".join(part for _, part in messages))


def test_both_protocols_hold_the_picture_whole():
    noise = np.random.default_rng(1).integers(0, 255, (90, 120, 3)).astype(np.uint8)
    png = Picture((Panel(noise),)).png()
    assert len(png) > 20_000
    assert kitty(encoded(png, "kitty")) == png
    head, _, text = encoded(png, "iterm").rstrip("\a").partition(":")
    assert head == f"\x1b]1337;File=inline=1;size={len(png)}"
    assert b64decode(text) == png


@pytest.mark.patient
def test_show_draws_in_a_terminal_that_can_and_writes_a_file_for_others(tmp_path, archive):
    raw = tmp_path / "raw"
    raw.mkdir()
    fits.PrimaryHDU(np.arange(600, dtype=np.int16).reshape(20, 30)).writeto(raw / "a.fits")
    archive.ingest(raw)
    command = [sys.executable, "-m", "pipelines.cli", "--home", str(tmp_path / "home"), "show", "raw/a.fits"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment = {name: value for name, value in environment.items() if name != "TMUX"} | {"TERM": "xterm-kitty"}
    terminal, end = os.openpty()
    try:
        shown = subprocess.Popen(command, stdout=end, cwd=tmp_path, env=environment)
        os.close(end)
        said = b""
        with suppress(OSError):  # of a terminal that nobody writes to any more
            while part := os.read(terminal, 65536):
                said += part
        assert shown.wait() == 0
    finally:
        os.close(terminal)
    assert kitty(said.decode().replace("\r\n", "\n")).startswith(b"\x89PNG")
    assert "30 x 20 pixels" in said.decode()
    assert not (tmp_path / "a.png").exists()
    subprocess.run(command, stdout=subprocess.PIPE, cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "a.png").exists()
