"""Recall: everything downstream is flagged and sized, the prediction comes true, and undoing leaves nothing."""

import numpy as np
import pytest

from pipelines.calibration.masters.recall import downstream, recall
from pipelines.calibration.masters.step import MasterOptions
from pipelines.calibration.select.choose import choose
from pipelines.documents.undoing import undo
from pipelines.errors import Refused, UnknownDocument
from tests.pipelines.calibration.conftest import make, of

FRAME = "Dragonfly101/2024-02-20/T13060400_12_dark.fits"  # of 9 s


def documents(archive):
    """Every document, without the number of its changes."""
    found = {}
    for collection in ("headers", "masters"):
        for document in archive.catalog[collection].find({}):
            document["ingest"].pop("changes")
            for field in ("recalled", "stale"):
                if not document.get(field):
                    document.pop(field, None)
            found[document["_id"]] = document
    return found


def recalled(archive, *ids, **options):
    return recall(archive.session, ids, why="light leak", **options)


def test_everything_made_from_a_frame_is_found_and_nothing_else(made):
    found = {doc["_id"] for doc in downstream(made.session, [FRAME])}
    used = {FRAME}
    for _ in range(4):  # the plain way: again and again whatever has a parent among them
        used |= {doc["_id"] for doc in made.masters.find({}) if used & set(doc["parents"])}
    assert found == used - {FRAME}
    assert {of(made, _id=name)["kind"] for name in found} == {"dark", "flat", "pixelmap"}


def test_a_dry_run_changes_nothing_and_says_what_the_recall_then_does(made):
    before = documents(made)
    planned = recalled(made, FRAME, dry_run=True)
    assert documents(made) == before
    done = recalled(made, FRAME)
    assert planned.run is None
    assert planned.effects.rows == done.effects.rows
    assert {s.master for s in planned.plan} == {s.master for s in done.plan}
    assert done.nights == ("2024-02-20",)


def test_flags_say_why_and_what_is_flagged_is_not_chosen(made):
    done = recalled(made, FRAME)
    frame = made.document(FRAME)
    assert frame["qc"]["verdict"] == "bad"
    assert frame["recalled"][done.run]["why"] == "light leak"
    for row in done.effects:
        assert FRAME in of(made, _id=row["master"])["stale"][done.run]["why"] or "masters/" in str(
            of(made, _id=row["master"])["stale"]
        )
    flat = made.headers.find_one({"kind": "flat", "camera": "T13060400", "header.EXPTIME": 9.0})
    assert choose(flat, "dark", catalog=made.catalog) is None


def test_undo_puts_everything_back_exactly(made):
    before = documents(made)
    run = recalled(made, FRAME).run
    assert documents(made) != before
    undo(run, catalog=made.catalog, store=made.store, why="it was fine")
    assert documents(made) == before
    assert {row["outcome"] for row in make(made)} == {"unchanged"}


def test_two_recalls_are_undone_in_any_order(made):
    before = documents(made)
    first, second = recalled(made, FRAME), recalled(made, FRAME.replace("_12_", "_6_"))
    undo(first.run, catalog=made.catalog, store=made.store, why="no")
    flat = of(made, kind="flat", camera="T13060400", flat_time="combined")
    assert list(flat["stale"]) == [second.run]
    undo(second.run, catalog=made.catalog, store=made.store, why="no")
    assert documents(made) == before


def test_the_predicted_effect_comes_true(made):
    (row,) = [r for r in recalled(made, FRAME).effects if r["kind"] == "dark"]
    old = of(made, _id=row["master"])
    make(made, kinds=("dark",), options=MasterOptions(minimum=2))
    (new,) = made.masters.find({"kind": "dark", "camera": "T13060400", "key.exptime": 9.0, "inputs": {"$size": 2}})
    before, after = (np.asarray(made.store.open(m["arrays"]["value"])).astype(float) for m in (old, new))
    assert (row["frames"], row["left"]) == (3, 2)
    assert new["statistics"]["noise"] / old["statistics"]["noise"] == pytest.approx(row["sigma"], rel=0.03)
    assert np.mean(after - before) == pytest.approx(row["shift"], abs=0.15)
    assert row["again"]


def test_a_frame_that_hardly_matters_is_not_worth_a_new_flat(made):
    rows = [row for row in recalled(made, FRAME).effects if row["kind"] == "flat"]
    assert rows
    assert not any(row["again"] for row in rows)


def test_the_plan_after_a_recall_is_carried_out_and_old_masters_are_superseded(made):
    done = recalled(made, FRAME)
    old = next(row["master"] for row in done.effects if row["kind"] == "dark")
    options = MasterOptions(minimum=2)
    make(made, options=options)
    new = of(made, kind="dark", camera="T13060400", superseded_by=None, **{"key.exptime": 9.0})
    assert of(made, _id=old)["superseded_by"] == new["_id"]
    (row,) = [row for row in made.calibration.masters(status="stale") if row["master"] == old]
    assert row["reason"].endswith("(was verified)")
    assert FRAME not in new["parents"]
    assert [item["reason"] for item in new["rejected"] if item["id"] == FRAME] == ["recalled: light leak"]


def test_a_master_can_be_recalled_and_what_it_was_used_on_is_flagged(made):
    dark = of(made, kind="dark", camera="T13060400", **{"key.exptime": 9.0})
    done = recalled(made, dark["_id"])
    assert {row["kind"] for row in done.effects} == {"flat", "pixelmap"}
    rows = {row["kind"]: row for row in make(made, kinds=("dark",)) if row["master"] == dark["_id"]}
    assert "recalled" in rows["dark"]["reason"]


def test_what_cannot_be_recalled(made):
    with pytest.raises(UnknownDocument, match="nothing was recalled"):
        recalled(made, FRAME, "no-such-frame")
    assert "recalled" not in made.document(FRAME)
    run = recalled(made, FRAME).run
    with pytest.raises(Refused, match=run):
        recalled(made, FRAME)
