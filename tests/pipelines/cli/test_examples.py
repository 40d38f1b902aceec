"""Every help text has an example, and every example runs on the demo archive."""

import json

import pytest
from typer.main import get_command

from pipelines.cli import app
from pipelines.cli.chapters import CHAPTERS, chapter_of, first_sentence

ELSEWHERE = ("darkroom demo", "darkroom detector1", "darkroom log")
"""The demo is the fixture; the pipeline of JWST takes minutes, and has tests of its own."""

FAILS = {
    "darkroom night 2024-02-20": 1,
    "darkroom calibrate 2024-02-20": 1,
    "darkroom quarantine acknowledge fits:broken.fits --why 'the disk was full'": 2,
    "darkroom find noisy T13060400": 1,
    "darkroom find hot T13060400": 1,
    "darkroom find telegraph --camera T13060400": 1,
    "darkroom trends --unstable --camera T13100636 --plot noise.png": 1,
}
"""The exit codes that are not 0, and why: the demo night needs attention, its lights have no masters, its quarantine
is empty; its cameras have no pixel maps and masters when they are looked at, and too few darks of one setup."""


def commands(group, path=("darkroom",)):
    for name, one in group.commands.items():
        if hasattr(one, "commands"):
            yield from commands(one, (*path, name))
        else:
            yield " ".join((*path, name)), one


COMMANDS = dict(commands(get_command(app)))


def examples(command):
    _, _, after = command.help.partition("\b\nExamples:\n")
    return [line.strip() for line in after.split("\n\n")[0].splitlines()]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples_of_itself(name):
    shown = examples(COMMANDS[name])
    assert shown
    assert all(line.startswith(name) for line in shown)


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"darkroom demo"}))
def test_every_command_has_json(name):
    assert "--json" in {option for one in COMMANDS[name].params for option in one.opts}


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"darkroom demo"}))
def test_an_error_of_any_command_is_json_under_json(darkroom, tmp_path, name):
    """An archive that cannot be: under a file; and an option that is none."""
    (tmp_path / "file").write_text("no folder")
    line = examples(COMMANDS[name])[0].removeprefix("darkroom ").partition(" | ")[0]
    errors = [("--no-such-option", (2,))]
    if name not in ("darkroom profile check", "darkroom profile show"):  # these look at files alone
        errors.append((f"--home {tmp_path / 'file' / 'home'}", (2, 3)))
    for more, codes in errors:
        done = darkroom(f"{line} --json {more}")
        assert done.exit_code in codes
        assert done.output == ""
        told = json.loads(done.errors)["error"]
        assert told["exit_code"] == done.exit_code
        assert told["reason"]


def test_every_command_has_a_chapter_and_a_summary_that_fits():
    listed = {name for names in CHAPTERS.values() for name in names}
    top = get_command(app).commands
    assert {name for name, one in top.items() if name not in listed and chapter_of(one) not in CHAPTERS} == set()
    for one in top.values():
        assert first_sentence(one.help)


@pytest.mark.patient
@pytest.mark.timeout(600)  # it makes an archive and its masters
def test_every_example_runs_on_the_demo_archive(darkroom):
    """In the order of the chapters, in one archive: what one makes, the next may show."""
    ran = 0
    for names in CHAPTERS.values():
        for name in names:
            for full, command in COMMANDS.items():
                if full.split()[1] == name:
                    for line in examples(command):
                        if line.startswith(ELSEWHERE):
                            continue
                        if line.startswith("darkroom restore"):
                            assert darkroom(line.replace("darkroom restore", "delete") + " --yes").exit_code == 0
                        done = darkroom(line.removeprefix("darkroom "))
                        assert done.exit_code == FAILS.get(line, 0), f"{line}\n{done.output}{done.errors}"
                        ran += 1
    assert ran >= len(COMMANDS) - len(ELSEWHERE)
