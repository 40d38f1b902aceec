"""Making masters again: nothing for what is unchanged, what depends on it for what is not, one for two."""

import json
import subprocess

import numpy as np
import pytest

from pipelines.calibration.masters.plan import plan_masters, plan_table
from pipelines.processes import interpreter
from tests.pipelines.calibration.conftest import NIGHT, make, of


def outcomes(table):
    return {row["outcome"] for row in table}


def test_a_second_run_touches_nothing(made, finished):
    before = {doc["_id"]: doc for doc in made.masters.find({})}
    usage = made.store.usage()
    table = make(made)
    assert outcomes(table) == {"unchanged"}
    assert {row["master"] for row in table} == set(before)
    assert {doc["_id"]: doc for doc in made.masters.find({})} == before
    assert made.store.usage() == usage


def test_the_plan_says_what_the_run_then_does(night, finished):
    steps = plan_masters(night.session, date=NIGHT)
    assert night.masters.count_documents({}) == 0
    assert {step.action for step in steps} == {"make"}
    assert {step.master for step in steps} == {row["master"] for row in finished[2]}
    assert all(step.nbytes > 0 and step.seconds > 0 for step in steps if step.kind != "pixelmap")
    assert f"{len(steps)} masters to make" in plan_table(steps, date=NIGHT).title


def add_dark(archive, write_frame, tmp_path, number=99, **cards):
    """A fourth dark of 9 s of the first camera, like the other three."""
    first = of_group(archive)[0]
    pixels = archive.cube(first)[...]
    noise = np.random.default_rng(number).normal(0, 10, pixels.shape)
    path = write_frame(
        f"Dragonfly101/{NIGHT}/T13060400_{number}_dark.fits",
        folder=tmp_path / "late",
        pixels=np.rint(np.clip(np.median(pixels) + noise, 0, 65535)).astype(np.uint16),
        DATE="2024-02-21T00:55:00",
        TEMPERAT=-10.0,
        **cards,
    )
    archive.ingest(path, progress=False)
    return f"Dragonfly101/{NIGHT}/T13060400_{number}_dark.fits"


def of_group(archive, exptime=9.0):
    query = {"kind": "dark", "camera": "T13060400", "header.EXPTIME": exptime}
    return sorted(doc["_id"] for doc in archive.headers.find(query, {"_id": 1}))


def test_a_late_frame_makes_its_group_anew_and_what_depends_on_it(made, write_frame, tmp_path):
    old = of(made, kind="dark", camera="T13060400", **{"key.exptime": 9.0})
    add_dark(made, write_frame, tmp_path, EXPTIME=9.0)
    planned = [step for step in plan_masters(made.session, date=NIGHT) if step.action == "make"]
    assert {(step.kind, step.camera) for step in planned} == {(k, "T13060400") for k in ("dark", "flat", "pixelmap")}
    assert len(planned) == 5  # the dark, three flats, the map
    assert [step.supersedes for step in planned if step.kind == "dark"] == [(old["_id"],)]
    table = make(made)
    assert {row["master"] for row in table if row["outcome"] == "made"} == {step.master for step in planned}
    new = of(made, kind="dark", camera="T13060400", superseded_by=None, **{"key.exptime": 9.0})
    assert len(new["inputs"]) == 4
    assert of(made, _id=old["_id"])["superseded_by"] == new["_id"]
    listed = {row["master"]: row["reason"] for row in made.calibration.masters(status="superseded")}
    assert listed[old["_id"]] == f"by {new['_id']} (was verified)"
    assert old["_id"] not in {row["master"] for row in made.calibration.masters(status="verified")}
    assert outcomes(make(made)) == {"unchanged"}


def test_without_the_late_frame_the_old_master_comes_back_into_use(made, write_frame, tmp_path):
    old = of(made, kind="dark", camera="T13060400", **{"key.exptime": 9.0})
    late = add_dark(made, write_frame, tmp_path, EXPTIME=9.0)
    make(made)
    made.delete(late, force=True)
    table = make(made)
    assert outcomes(table) == {"reinstated", "unchanged"}
    assert "superseded_by" not in of(made, _id=old["_id"])
    assert outcomes(make(made)) == {"unchanged"}


def test_the_result_does_not_depend_on_how_many_are_made_at_a_time(night, finished, made_readonly):
    make(night, kinds=("dark",), jobs=1)
    for master in night.masters.find({}):
        assert master["arrays"] == of(made_readonly, _id=master["_id"])["arrays"] | {
            name: {**ref, "store": master["arrays"][name]["store"]}
            for name, ref in of(made_readonly, _id=master["_id"])["arrays"].items()
        }


SCRIPT = """
import json, sys
from pipelines import open_archive
from pipelines.calibration.masters.run import make_masters
with open_archive(sys.argv[1]) as archive:
    rows = make_masters(archive.session, date=sys.argv[2], kinds=("dark",), jobs=1)
print(json.dumps([[row["master"], row["outcome"], row["status"]] for row in rows]))
"""


@pytest.mark.patient
def test_two_processes_that_make_the_same_masters_converge(night, tmp_path):
    home = tmp_path / "night"
    processes = [
        subprocess.Popen(
            [*interpreter.command("pipelines")[:2], "-c", SCRIPT, str(home), NIGHT],
            stdout=subprocess.PIPE,
            env=interpreter.environment(),
            text=True,
        )
        for _ in range(2)
    ]
    tables = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert {tuple(row[::2]) for row in tables[0]} == {tuple(row[::2]) for row in tables[1]}
    assert night.masters.count_documents({}) == 10
    assert all(outcome in ("made", "unchanged") for table in tables for _, outcome, _ in table)
    assert outcomes(make(night, kinds=("dark",))) == {"unchanged"}


@pytest.mark.patient
def test_killed_at_any_moment_a_run_again_ends_with_the_same_masters(night, finished, tmp_path, made_readonly):
    for delay in (0.6, 0.9, 1.3):
        process = subprocess.Popen(
            [*interpreter.command("pipelines")[:2], "-c", SCRIPT, str(tmp_path / "night"), NIGHT],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=interpreter.environment(),
        )
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for master in night.masters.find({}):
            assert all(night.store.exists(ref) for ref in master["arrays"].values())
    make(night)
    expected = {doc["_id"]: doc["pixels_digest"] for doc in made_readonly.masters.find({})}
    assert {doc["_id"]: doc["pixels_digest"] for doc in night.masters.find({})} == expected


@pytest.mark.parametrize("kind", ["dark", "flat", "pixelmap"])
def test_of_one_kind_only(made, kind):
    assert {row["kind"] for row in make(made, kinds=(kind,))} == {kind}
