"""A night ingested straight into a bucket: whole, cut at a request and run again, copied down and up."""

import importlib.util
import uuid
from contextlib import suppress
from pathlib import Path

import pytest

from arraystore import StoreError
from pipelines import open_archive
from tests.crash.nights import write_night

pytest.importorskip("obstore")
pytest.importorskip("moto")
SERVERS = Path(__file__).parents[2] / "arraystore/servers.py"
KEYS = "access_key_id=AKIDEXAMPLE&secret_access_key=tell-nobody&region=us-east-1"


@pytest.fixture
def line():
    spec = importlib.util.spec_from_file_location("servers", SERVERS)
    servers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(servers)
    with servers.s3_server() as server:
        line = servers.Line(server)
        yield line
        line.close()


@pytest.mark.patient
def test_a_night_goes_straight_into_a_bucket_and_comes_down_again(tmp_path, line):
    night = write_night(tmp_path / "raw", range(1, 6), broken=1)
    url = f"s3://pixels/{uuid.uuid4().hex}?endpoint={line.url}&{KEYS}&max_retries=0"
    with open_archive(catalog=str(tmp_path / "catalog.db"), store=url) as archive:
        line.skip, line.cut = 30, 1
        with suppress(StoreError):
            archive.ingest(night.folder, jobs=1, progress=False)
        assert line.cut == 0
        archive.ingest(night.folder, jobs=1, progress=False)
        assert {one["_id"] for one in archive.headers.find()} == set(night.truth)
        assert archive.upkeep.check(level="decode", progress=False).exit_code != 4
        assert not list(archive.store._backend.bucket.list(".staging"))
        report = archive.copy_to(tmp_path / "down.db", store=tmp_path / "down", progress=False)
        assert (report.state, report.documents["headers"]) == ("finished", 5)
        assert "tell-nobody" not in repr(report) + str(report.to_dict())
        before = {one["_id"]: archive.cube(one)[...].tolist() for one in archive.headers.find()}
    with open_archive(catalog=str(tmp_path / "down.db"), store=str(tmp_path / "down")) as down:
        assert {one["_id"]: down.cube(one)[...].tolist() for one in down.headers.find()} == before
        assert down.upkeep.check(level="decode", progress=False).exit_code != 4
        again = f"s3://pixels/{uuid.uuid4().hex}?endpoint={line.url}&{KEYS}"
        assert down.copy_to(tmp_path / "up.db", store=again, progress=False).state == "finished"
    with open_archive(catalog=str(tmp_path / "up.db"), store=again, readonly=True) as up:
        assert {one["_id"]: up.cube(one)[...].tolist() for one in up.headers.find()} == before
