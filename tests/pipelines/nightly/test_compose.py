"""The compose file of the README: it parses, and every command in it is one that there is, with options that it has."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from typer.main import get_command

import pipelines.nightly
from arraystore.backends.buckets import Bucket
from catalog.url import parse_url
from pipelines.cli import app

yaml = pytest.importorskip("yaml")

README = Path(pipelines.nightly.__file__).with_name("README.md")
(TEXT,) = re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]


def commands(service):
    """The commands of ours, and of Dask, that a service runs: one, or those of a line of a shell."""
    words = service.get("command", [])
    words = words if isinstance(words, list) else shlex.split(words)
    if words[:2] == ["sh", "-c"]:
        found = re.findall(r"(darkroom [^;>&|]*)", words[2])
        assert found, words
        return [shlex.split(one) for one in found]
    return [words]


OURS = [(name, words) for name, service in SERVICES.items() for words in commands(service) if words[:1] == ["darkroom"]]


def test_every_service_is_of_ours_or_of_an_image():
    assert set(SERVICES) >= {"mongo", "bucket", "scheduler", "worker", "nightly", "metrics"}
    assert all(service["image"] for service in SERVICES.values())
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            place = volume.partition(":")[0]
            assert place.startswith("/") or place in COMPOSE["volumes"]
        assert set(service.get("depends_on", {})) <= set(SERVICES)
    assert len(OURS) == 3


@pytest.mark.parametrize(("name", "words"), OURS, ids=[name for name, _ in OURS])
def test_its_commands_are_commands(name, words):
    group = get_command(app)
    command = group.commands[words[1]]
    known = {option for one in (*command.params, *group.params) for option in one.opts}
    given = [word for word in words[2:] if word.startswith("-")]
    assert set(given) <= known
    for option, value in pairwise(words):
        if option == "--scheduler":
            host = value.removeprefix("tcp://").partition(":")[0]
            assert host in SERVICES


def test_its_addresses_are_addresses_and_have_no_keys():
    environment = COMPOSE["x-darkroom"]["environment"]
    assert parse_url(environment["CATALOG_URL"])
    pytest.importorskip("obstore")
    assert Bucket.connect(environment["ARRAYSTORE_URL"]).url == "s3://darkroom/store"
    assert all(value.startswith("${") for name, value in environment.items() if name.startswith("AWS_"))
