"""An election of a replica set: alone, as it disturbs whoever else uses the server; asked for by DARKROOM_ELECTIONS."""

import os
import uuid
from contextlib import suppress

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from catalog import connect
from tests.conformance.backends import with_database


@pytest.mark.skipif(
    not (os.environ.get("DARKROOM_ELECTIONS") and os.environ.get("MONGODB_URI")),
    reason="DARKROOM_ELECTIONS and MONGODB_URI do not ask for an election",
)
def test_writes_go_on_over_an_election():
    uri, name = os.environ["MONGODB_URI"], f"darkroom_election_{uuid.uuid4().hex[:8]}"
    with MongoClient(uri) as client:
        try:
            with connect(with_database(uri, name)) as opened:
                catalog = opened.patient(90.0)
                for number in range(60):
                    if number in (5, 30):
                        with suppress(PyMongoError):  # it ends the connection that asks
                            client.admin.command("replSetStepDown", 5, secondaryCatchUpPeriodSecs=0, force=True)
                    catalog.headers.insert_one({"_id": number, "root": "r", "path": str(number)})
                assert sorted(one["_id"] for one in catalog.headers.find()) == list(range(60))
        finally:
            client.drop_database(name)
