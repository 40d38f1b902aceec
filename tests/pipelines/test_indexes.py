"""What is asked by night, file, array or detector uses a declared index, by the server's own plan.

Counting a whole archive (`status`, the records of a `sweep`) reads all of it, and no index would help.
"""

import json
import os
import uuid

import pytest

from catalog import connect
from pipelines.calibration.groups.groups import frames_filter
from pipelines.calibration.groups.questions import dark_groups_pipeline, flat_times_pipeline
from pipelines.calibration.quality.trends import trends_pipeline
from pipelines.pixels.provenance import lacking_step_filter, used_reference_filter, version_filter
from tests.conformance.backends import with_database

NIGHT = "2024-02-20"
FINDS = {
    "lights of some nights": ("headers", {"header.IMAGETYP": "light", "date": {"$in": [NIGHT, "2024-02-21"]}}),
    "files of a root": ("headers", {"root": "raw", "path": {"$in": ["a", "b"]}}),
    "who refers to an array": ("headers", {"digests": "0" * 64}),
    "which master refers to an array": ("masters", {"digests": "0" * 64}),
    "which old revision refers to an array": ("history", {"digests": "0" * 64}),
    "which deleted document refers to an array": ("trash", {"digests": "0" * 64}),
    "the trash of a document": ("trash", {"document": {"$in": ["a"]}}),
    "old trash": ("trash", {"deleted_at": {"$lte": NIGHT}}),
    "history of a document": ("history", {"document": "a", "revision": {"$lte": 3}}),
    "quarantine of a root": ("quarantine", {"root": "raw", "path": {"$in": ["a"]}}),
    "exposures of a detector": ("headers", {"detector": "MIRIMAGE"}),
    "exposures that hold a pixel": (
        "headers",
        {
            "detector": "MIRIMAGE",
            "kind": {"$in": ["uncal", "ramp"]},
            "window.x": {"$lte": 9},
            "window.right": {"$gte": 9},
        },
    ),
    "exposures that lie nowhere": ("headers", {"detector": "MIRIMAGE", "kind": "ramp", "window.x": None}),
    "products that used a dark": ("headers", used_reference_filter("jwst_miri_dark_0102.fits")),
    "products of a release": ("headers", version_filter("1.17")),
    "products that lack a step": ("headers", lacking_step_filter("jump")),
    "stacks of slopes": ("views", {"view": "rates", "detector": "MIRIMAGE", "window.x": {"$lte": 9}}),
    "frames dated in a night": ("headers", {"date": NIGHT, "kind": {"$in": ["dark", "flat"]}}),
    "frames in a night's folder": ("headers", {"path_night": NIGHT, "kind": {"$in": ["dark", "flat"]}}),
    "frames with the same pixels": ("headers", {"pixels_digest": {"$in": ["0" * 64]}}),
    "frames to group": ("headers", {**frames_filter("dark"), "date": NIGHT}),
    "frames of a profile to group": ("headers", {**frames_filter("dark", profile="dragonfly"), "date": NIGHT}),
    "runs, the last first": ("runs", {"started": {"$gte": NIGHT}}),
}
_TRENDS = {"profile": "dragonfly", "kind": {"$in": ["dark", "bias", "flat"]}, "camera": "T13080513"}
PIPELINES = {
    "darks": dark_groups_pipeline(NIGHT),
    "flats": flat_times_pipeline(NIGHT),
    "trends of a camera": trends_pipeline(_TRENDS),
}


@pytest.fixture(scope="module")
def explain():
    uri = os.environ.get("MONGODB_URI")
    if not uri:
        pytest.skip("MONGODB_URI is not set: the plan is a server's to tell")
    from pymongo import MongoClient

    name = f"darkroom_indexes_{uuid.uuid4().hex[:12]}"
    with MongoClient(uri) as client:
        with connect(with_database(uri, name)):
            pass
        try:
            yield lambda command: json.dumps(
                client[name].command({"explain": command, "verbosity": "queryPlanner"}), default=str
            )
        finally:
            client.drop_database(name)


@pytest.mark.parametrize("what", FINDS)
def test_a_find_scans_no_collection(explain, what):
    collection, query = FINDS[what]
    plan = explain({"find": collection, "filter": query})
    assert "COLLSCAN" not in plan
    assert "IXSCAN" in plan


@pytest.mark.parametrize("what", PIPELINES)
def test_a_pipeline_scans_no_collection(explain, what):
    plan = explain({"aggregate": "headers", "pipeline": PIPELINES[what], "cursor": {}})
    assert "COLLSCAN" not in plan
    assert "IXSCAN" in plan


@pytest.mark.parametrize("what", FINDS)
def test_every_query_names_first_a_field_that_a_declared_index_begins_with(what):
    from catalog.indexes import INDEXES

    collection, query = FINDS[what]
    declared = [index.keys for index in INDEXES if index.collection == collection]
    assert any(set(fields[: len(query)]) == set(query) or fields[0] in query for fields in declared)


@pytest.mark.parametrize("what", PIPELINES)
def test_every_pipeline_begins_with_fields_that_a_declared_index_begins_with(what):
    from catalog.indexes import INDEXES

    (match,) = PIPELINES[what][0].values()
    assert any(
        index.keys[0] in match and (len(index.keys) == 1 or index.keys[1] in match)
        for index in INDEXES
        if index.collection == "headers"
    )
