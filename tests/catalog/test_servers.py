"""Servers that cannot be used as they are: too old, another clock, no right to write, no majority, a fork beneath."""

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
from pymongo import InsertOne

from catalog import AuthenticationFailed, DocumentTooLarge, ServerError, ServerTooOld, Unreachable, connect
from pipelines.processes import interpreter
from tests.catalog.scripted import Scripted


def url(server, database="db", user=""):
    return f"mongodb://{user}127.0.0.1:{server.port}/{database}?serverSelectionTimeoutMS=2000"


FORKED = """
import os, sys
from catalog import connect
with connect(sys.argv[1]) as catalog:
    catalog.headers.find_one({"process": os.getpid()})
    child = os.fork()
    for number in range(5):
        assert catalog.headers.find_one({"process": os.getpid()}) == {"_id": 1}
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.parametrize("version", [13, 5])
def test_a_server_that_is_too_old_is_refused_before_anything_is_written(version):
    """PyMongo refuses the oldest itself; both are said in the same way."""
    with Scripted(maxWireVersion=version) as server, pytest.raises(ServerTooOld, match=r"MongoDB 6\.0 or later"):
        connect(url(server))
    assert not {"createIndexes", "insert"} & set(server.asked)


def test_a_clock_that_differs_is_told_of(caplog):
    with Scripted(localTime=datetime.now(UTC) + timedelta(minutes=7)) as server, connect(url(server)):
        assert "differ by 420 s" in caplog.text
    caplog.clear()
    with Scripted() as server, connect(url(server)):
        assert "clock" not in caplog.text


@pytest.mark.parametrize(
    ("reply", "error", "says"),
    [
        ({"ok": 0.0, "code": 13, "errmsg": "not authorized on db to execute command"}, AuthenticationFailed, "rights"),
        ({"ok": 0.0, "code": 10107, "errmsg": "not primary"}, Unreachable, "becomes the primary"),
        (
            {"ok": 1.0, "writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}},
            ServerError,
            "may not be durable: repeat it",
        ),
    ],
)
def test_what_a_server_refuses_is_said(reply, error, says):
    with Scripted(lambda command: reply) as server, pytest.raises(error, match=says):
        connect(url(server) + "&retryWrites=false")


def test_a_step_down_is_waited_for_and_nothing_is_written_twice(monkeypatch):
    monkeypatch.setattr("catalog.patience.FIRST", 0.01)
    gone = {"ok": 0.0, "code": 10107, "codeName": "NotWritablePrimary", "errmsg": "not primary"}
    answers = [gone, gone, gone]
    asked = []

    def answer(command):
        asked.append(command)
        return answers.pop() if answers and "insert" in command else {"ok": 1.0, "n": 1}

    with Scripted(answer) as server, connect(url(server)) as catalog:
        assert catalog.patient(20.0).headers.insert_one({"_id": 1}).inserted_id == 1
    assert sum("insert" in command for command in asked) == 4


def test_wrong_credentials_are_refused_and_not_shown():
    def answer(command):
        return {"ok": 0.0, "code": 18, "errmsg": "Authentication failed."}

    with (
        Scripted(answer, saslSupportedMechs=["SCRAM-SHA-256"]) as server,
        pytest.raises(AuthenticationFailed, match="check user name, password") as caught,
    ):
        connect(url(server, user="ada:s3cret@"))
    assert "s3cret" not in str(caught.value)


def test_writes_are_majority_journaled_and_end():
    asked = []
    with Scripted(lambda command: asked.append(command) or {"ok": 1.0, "n": 1}) as server, connect(url(server)) as one:
        asked.clear()
        one.headers.insert_one({"_id": 1})
    (command,) = [each for each in asked if "insert" in each]
    assert command["writeConcern"] == {"w": "majority", "j": True}


def test_a_bulk_is_parted_by_the_limits_of_the_server_and_what_is_too_large_alone_is_refused():
    asked, errors = [], []

    def answer(command):
        asked.append(command)
        return {"ok": 1.0, "n": 1, "writeErrors": errors} if errors else {"ok": 1.0, "n": 1}

    with Scripted(answer, maxWriteBatchSize=3, maxBsonObjectSize=1 << 16) as server, connect(url(server)) as one:
        asked.clear()
        one.headers.bulk_write([InsertOne({"_id": n}) for n in range(10)], ordered=False)
        assert [next(iter(each)) for each in asked] == ["insert"] * 4
        with pytest.raises(DocumentTooLarge, match="16 MiB: keep bulk data in arrays"):
            one.headers.insert_one({"_id": 1, "cards": b"x" * (1 << 17)})
        errors.append({"index": 1, "code": 2, "errmsg": "object to insert too large. size in bytes: 131117"})
        with pytest.raises(DocumentTooLarge, match="keep bulk data in arrays"):
            one.headers.bulk_write([InsertOne({"_id": 1}), InsertOne({"_id": 2, "cards": b"x" * (1 << 17)})])


def test_a_process_has_connections_of_its_own_after_a_fork():
    """Each connection serves one process, and nobody is warned of clients that were forked."""
    asked = {}

    def answer(command):
        if "find" in command:
            asked.setdefault(threading.get_ident(), set()).add(command["filter"]["process"])
        return {"cursor": {"id": 0, "ns": "db.headers", "firstBatch": [{"_id": 1}]}, "ok": 1.0}

    with Scripted(answer) as server:
        command = [sys.executable, "-W", "error::UserWarning", "-c", FORKED, url(server)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=interpreter.environment())
    assert (done.returncode, done.stderr) == (0, "")
    assert [len(processes) for processes in asked.values()] == [1] * len(asked)
    assert len(set.union(*asked.values())) == 2
