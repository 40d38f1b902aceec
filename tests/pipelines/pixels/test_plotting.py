"""The picture of a pixel, and the commands ``pixel`` and ``rates``."""

import json

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.errors import UsageError
from pipelines.pixels import pixel
from tests.pipelines.command import darkroom


@pytest.fixture
def run(campaign):
    def invoke(*arguments):
        return CliRunner().invoke(app, ["--home", str(campaign.folder / "home"), *map(str, arguments)])

    return invoke


def test_a_picture_in_one_call(campaign, tmp_path):
    x, y = campaign.truth.turned_hot
    path = tmp_path / "pixel.png"
    figure = pixel(campaign.archive, "MIRIMAGE", x=x, y=y).plot(path)
    assert path.stat().st_size > 20_000
    assert path.read_bytes()[:4] == b"\x89PNG"
    texts = [axes.get_title(loc="left") for axes in figure.get_axes()]
    assert sum("jwst 3.0.0" in text for text in texts) >= 2
    assert any("slope of" in text for text in texts)
    with pytest.raises(UsageError, match="too many for one plot"):
        pixel(campaign.archive, "MIRIMAGE", pixels=[(n, 779) for n in range(1, 10)]).plot()
    with pytest.raises(UsageError, match="no picture is written as"):
        pixel(campaign.archive, "MIRIMAGE", x=x, y=y).plot(tmp_path / "pixel.doc")


def test_a_picture_of_raw_ramps_alone(campaign, tmp_path):
    figure = pixel(campaign.archive, "MIRIMAGE", x=3, y=800, readpatt="FAST").plot(tmp_path / "raw.svg")
    assert any("no slopes" in text.get_text() for axes in figure.get_axes() for text in axes.texts)


def test_the_command_prints_one_line_an_exposure_and_writes_what_is_asked(run, tmp_path):
    outs = {name: tmp_path / f"p.{'png' if name == 'plot' else name}" for name in ("plot", "csv", "parquet")}
    options = [part for name, path in outs.items() for part in (f"--{name}", path)]
    result = run("pixel", "MIRIMAGE", 40, 800, "--version", "3.0", *options)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "MIRIMAGE x=40, y=800 (pixel 824608)"
    assert len([line for line in lines if line.startswith("jw09999")]) == 4
    assert all(path.stat().st_size for path in outs.values())
    assert outs["csv"].read_text().splitlines()[0].startswith("exposure,calibration,version,start,pixel_id,x,y,integ")
    assert len(outs["csv"].read_text().splitlines()) == 1 + 4 * 3 * 8


def test_json_has_every_value(run, campaign):
    found = json.loads(run("pixel", "MIRIMAGE", 40, 800, "--date", "2024-02-01:", "--json").stdout)
    read = pixel(campaign.archive, "MIRIMAGE", x=40, y=800, date="2024-02-01:").read()
    assert [one["raw"] for one in found["ramps"]] == [one.raw.tolist() for one in read]
    assert [one["corrected"] for one in found["ramps"]] == [
        None if one.corrected is None else one.corrected.tolist() for one in read
    ]
    assert found["unread"] == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("pixel", "MIRIMAGE", 40, 800, "--where", '{"header.FILTER": "F1000W"}'), 0),
        (("pixel", "MIRIMAGE", 40, 800, "--where", '{"$where": "1"}'), 2),
        (("pixel", "MIRIMAGE", 40, 800, "--where", "[]"), 2),
        (("rates", "polish"), 2),
        (("rates", "update"), 0),
        (("rates", "check"), 0),
        (("rates", "rebuild", "--detector", "mirimage"), 0),
    ],
)
def test_exit_codes(run, arguments, code):
    assert run(*arguments).exit_code == code


@pytest.mark.parametrize("arguments", [("MIRIMAGE", "0", "800"), ("NRS1", "1", "1"), ("MIRIMAGE", "900", "5")])
def test_a_bad_question_is_one_message_and_exit_code_2(campaign, arguments):
    done = darkroom("--home", campaign.folder / "home", "pixel", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("darkroom: ")
    assert len(done.stderr.splitlines()) == 1


def test_rates_check_exits_1_while_the_view_is_behind(run, campaign):
    run("rates", "update")
    campaign.archive.catalog["views"].delete_many({})
    result = run("rates", "check", "--json")
    assert result.exit_code == 1
    assert len(json.loads(result.stdout)["missing"]) == 7
    run("rates", "update")
