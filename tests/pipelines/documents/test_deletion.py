"""Delete with all that was made of a document: planned, weighed, refused where a master depends, restored whole."""

from datetime import UTC, datetime, timedelta

import bson
import numpy as np
import pytest

from pipelines.documents.deletion import delete_planned, plan_deletion, restore_run
from pipelines.documents.records import record_key
from pipelines.documents.schema import SCHEMA
from pipelines.errors import Refused, UnknownDocument

RAW = "lab/bench/exp1_uncal.fits"
RAMP = "lab/bench/exp1_ramp.fits"
RATE = "lab/bench/exp1_rate.fits"
OTHER = "lab/bench/exp2_uncal.fits"


def put(archive, name, *, kind, exposure, seed, parents=(), **more):
    """Put a product into the archive as ingest does: arrays, record, document."""
    pixels = np.random.default_rng(seed).normal(1000, 10, (8, 24, 32)).astype("u2")
    ref = archive.store.put(pixels, kind="slope").to_dict()
    document = {
        "_id": name,
        "root": "raw",
        "path": name,
        "kind": kind,
        "exposure": exposure,
        "instrument": "MIRI",
        "parents": list(parents),
        "arrays": {"sci": ref},
        "digests": [ref["digest"]],
        "file": {"size": 1_000_000, "mtime": datetime(2024, 2, 21, tzinfo=UTC), "sha256": name},
        "ingest": {"run": "r", "at": datetime(2024, 2, 21, tzinfo=UTC), "revision": 1, "changes": 0, "arrays": "kept"},
        "schema": SCHEMA,
        **more,
    }
    collection = "masters" if kind.startswith("master") else "headers"
    archive.store.put_records({record_key(name, 1, collection=collection): bson.encode(document)})
    archive.catalog[collection].insert_one(document)
    return ref["stored"]


@pytest.fixture
def campaign(archive):
    sizes = {
        RAW: put(archive, RAW, kind="uncal", exposure="exp1", seed=1),
        RAMP: put(archive, RAMP, kind="ramp", exposure="exp1", seed=2),
        RATE: put(archive, RATE, kind="rate", exposure="exp1", seed=3),
        OTHER: put(archive, OTHER, kind="uncal", exposure="exp2", seed=3),  # the same pixels as RATE
        "map/1": put(archive, "map/1", kind="map", exposure=None, seed=4, parents=[RATE]),
        "map/2": put(archive, "map/2", kind="map", exposure=None, seed=5, parents=["map/1", OTHER]),
    }
    return archive, sizes


def carry_out(archive, plan, **options):
    return delete_planned(plan, catalog=archive.catalog, store=archive.store, **options)


def test_the_plan_names_everything_made_of_it_and_weighs_it(campaign):
    archive, sizes = campaign
    plan = plan_deletion([RAW], catalog=archive.catalog)
    assert plan.ids == ["map/2", "map/1", RATE, RAMP, RAW]  # what was made of others goes first
    assert plan.fits_nbytes == 5_000_000
    assert plan.shared_nbytes == sizes[RATE]  # OTHER has the same pixels
    assert plan.own_nbytes == sizes[RAW] + sizes[RAMP] + sizes["map/1"] + sizes["map/2"]
    assert "5 documents, 5.0 MB of FITS" in repr(plan)
    assert "are shared and stay" in repr(plan)
    assert plan_deletion([RAMP], catalog=archive.catalog).ids == ["map/2", "map/1", RATE, RAMP]  # never the raw file
    assert plan_deletion([RAW], catalog=archive.catalog, cascade=False).ids == [RAW]
    with pytest.raises(UnknownDocument):
        plan_deletion(["nowhere"], catalog=archive.catalog)


def test_everything_goes_and_all_of_it_comes_back(campaign):
    archive, _ = campaign
    before = {doc["_id"]: doc for doc in archive.headers.find()}
    carry_out(archive, plan_deletion([RAW], catalog=archive.catalog), why="wrong filter")
    assert [doc["_id"] for doc in archive.headers.find()] == [OTHER]
    (run,) = archive.catalog.trash.distinct("run")
    assert sorted(restore_run(run, catalog=archive.catalog, store=archive.store)) == sorted(set(before) - {OTHER})
    after = {doc["_id"]: doc for doc in archive.headers.find()}
    for document in (*before.values(), *after.values()):
        document["ingest"].pop("changes")
    assert after == before
    with pytest.raises(UnknownDocument, match="nothing in the trash"):
        restore_run(run, catalog=archive.catalog, store=archive.store)


def test_what_the_plan_says_is_freed_is_freed(campaign):
    archive, _ = campaign
    plan = plan_deletion([RAW], catalog=archive.catalog)
    objects = {found.digest: found.nbytes for found in archive.store.objects()}
    carry_out(archive, plan)
    assert {found.digest for found in archive.store.objects()} == set(objects)  # two steps: nothing is gone yet
    archive.sweep(grace=timedelta(0), dry_run=False)
    left = {found.digest for found in archive.store.objects()}
    (kept,) = archive.headers.find_one({"_id": OTHER})["digests"]
    assert left == {kept}


def test_a_master_made_of_it_stands_in_the_way_unless_forced(campaign):
    archive, _ = campaign
    put(archive, "master/dark", kind="master-dark", exposure=None, seed=9, parents=[RAMP])
    plan = plan_deletion([RAW], catalog=archive.catalog)
    assert plan.masters == ("master/dark",)
    with pytest.raises(Refused, match="master/dark"):
        carry_out(archive, plan, why="old")
    assert archive.headers.count_documents({}) == 6
    carry_out(archive, plan, why="old", force=True)
    assert archive.catalog.trash.find_one({"document": RAW})["why"] == "old (forced: master/dark made of it)"
    assert archive.masters.count_documents({}) == 1


def test_what_changed_while_one_was_asked_is_not_deleted(campaign):
    archive, _ = campaign
    plan = plan_deletion([RAW], catalog=archive.catalog)
    put(archive, "lab/bench/exp1_rateints.fits", kind="rateints", exposure="exp1", seed=11)
    with pytest.raises(Refused, match="look at it again"):
        carry_out(archive, plan)
    archive.session.headers.delete_one({"_id": RAW})
    with pytest.raises(Refused, match="does not hold any more"):
        carry_out(archive, plan)
    assert archive.catalog.trash.count_documents({}) == 0


def test_of_several_calibrations_only_the_one_goes(archive):
    """Each calibration of an exposure has a folder of its own; the exposure takes them all with it."""
    names = {"a": [], "b": []}
    put(archive, "raw/exp1_uncal.fits", kind="uncal", exposure="exp1", seed=1)
    for seed, folder in enumerate(names):
        for kind in ("ramp", "rateints", "rate"):
            names[folder].append(f"products/{folder}/exp1_{kind}.fits")
            put(archive, names[folder][-1], kind=kind, exposure="exp1", seed=10 * seed + len(names[folder]))
    assert set(plan_deletion([names["a"][0]], catalog=archive.catalog).ids) == set(names["a"])
    # A rate and its rateints are both made of the ramp: neither takes the other along.
    assert plan_deletion([names["a"][1]], catalog=archive.catalog).ids == [names["a"][1]]
    assert plan_deletion([names["a"][2]], catalog=archive.catalog).ids == [names["a"][2]]
    everything = plan_deletion(["raw/exp1_uncal.fits"], catalog=archive.catalog).ids
    assert set(everything) == {"raw/exp1_uncal.fits", *names["a"], *names["b"]}


def test_of_several_segments_only_the_one_goes(archive):
    for number in (1, 2):
        segment = {"segment": {"number": number}}
        put(archive, f"raw/exp1-seg{number}_uncal.fits", kind="uncal", exposure="exp1", seed=number, **segment)
        put(
            archive, f"raw/exp1-seg{number}_rateints.fits", kind="rateints", exposure="exp1", seed=9 + number, **segment
        )
    plan = plan_deletion(["raw/exp1-seg1_uncal.fits"], catalog=archive.catalog)
    assert set(plan.ids) == {"raw/exp1-seg1_uncal.fits", "raw/exp1-seg1_rateints.fits"}
