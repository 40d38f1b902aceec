"""The rate history: equal to the products, complete without being complete, never showing what is gone."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import pytest
from astropy.io import fits

from pipelines import Schedule
from pipelines.demo.simulate import simulate_calibration, simulate_campaign
from pipelines.pixels import pixel
from pipelines.pixels import rates as module
from pipelines.pixels.rates import check_rates, rebuild_rates, update_rates
from pipelines.pixels.search.stacks import read_block, slope_stacks


@pytest.fixture
def archived(archive, two):
    truth, files = two
    archive.ingest([path.parent for path in next(iter(reversed(files.values()))).values()][1:], progress=False)
    return archive, truth, files


def history(archive, **question):
    return pixel(archive.session, "MIRIMAGE", **(question or {"x": 30, "y": 801})).history()


def verbs(archive):
    session = archive.session
    return (lambda **kw: update_rates(session, **kw)), (lambda: check_rates(session)), (lambda: rebuild_rates(session))


def test_a_history_is_the_same_with_and_without_the_view(archived):
    archive, truth, files = archived
    update, check, _ = verbs(archive)
    questions = [{"x": 30, "y": 801}, {"box": (10, 790, 15, 801)}, {"pixels": [(1, 779), (72, 842)]}]
    before = [history(archive, **question) for question in questions]
    report = update()
    assert (report.segments, report.planes, report.added) == (1, 8, 1)
    for question, plain in zip(questions, before, strict=True):
        assert history(archive, **question).identical(plain)
    report = check()
    assert (report.missing, report.stale, report.wrong) == ((), (), ())
    assert update().added == 0
    expected = [fits.getdata(files[e.exposure]["rateints"], "SCI")[:, 801 - 779, 29] for e in truth.exposures[1:]]
    np.testing.assert_array_equal(before[0].slope.values, np.concatenate(expected))


def test_searches_read_it_too_and_the_products_where_it_is_damaged(archived, monkeypatch):
    archive, _, _ = archived
    block = (slice(3, 20), slice(5, 60))
    (stack,) = slope_stacks(archive.session)
    plain = read_block(archive.session, stack, block)
    verbs(archive)[0]()
    (segment,) = archive.catalog["views"].find({})
    opened, real = [], type(archive.store).open

    def watched(self, ref):
        opened.append(ref["digest"])
        return real(self, ref)

    monkeypatch.setattr(type(archive.store), "open", watched)
    (stack,) = slope_stacks(archive.session)
    found = read_block(archive.session, stack, block)
    assert set(opened) == {segment["arrays"]["sci"]["digest"], segment["arrays"]["err"]["digest"]}
    np.testing.assert_array_equal(found[0], plain[0])
    np.testing.assert_array_equal(found[1], plain[1])
    # A question of one exposure would read the whole segment for a part of it.
    (few,) = slope_stacks(archive.session, {"exposure": stack.documents[0]["exposure"]})
    assert bool(few.held) == (2 * few.shape[0] >= segment["planes"])
    archive.store.withdraw(segment["arrays"]["sci"]["digest"])
    again = read_block(archive.session, stack, block)
    np.testing.assert_array_equal(again[0], plain[0])
    assert again[2] == {}


def test_a_nightly_run_brings_it_up_to_date_when_asked(archive, two):
    _, files = two
    folder = [path.parent for path in next(iter(reversed(files.values()))).values()][1]
    report = archive.nightly(folder, schedule=Schedule(settle=0), progress=False)
    assert report.rates is None
    report = archive.nightly(folder, schedule=Schedule(settle=0, rates=True), progress=False)
    assert (report.rates.planes, report.rates.added) == (8, 1)
    assert "rate history: 8 slope images" in repr(report)
    assert report.to_dict()["rates"]["planes"] == 8


def test_it_is_read_where_it_holds_the_slopes(archived, monkeypatch):
    """With the view, one read a stack; the products' own arrays are not touched."""
    archive, _, _ = archived
    verbs(archive)[0]()
    seen = []
    real = type(archive.store).read_many

    def watched(self, refs, key):
        seen.append(refs)
        return real(self, refs, key)

    monkeypatch.setattr(type(archive.store), "read_many", watched)
    history(archive)
    assert sum(len(refs) for refs in seen) == 3


def test_exposures_that_arrive_are_appended_and_shown_before_that(archived, tmp_path):
    archive, _, _ = archived
    update, check, _ = verbs(archive)
    update()
    later = simulate_campaign(tmp_path / "later", exposures=2, nints=2, ngroups=5, program=7777)
    _, rateints, _ = simulate_calibration(later.exposures[1].path, tmp_path / "cal" / "later")
    archive.ingest(rateints, progress=False)
    assert history(archive).sizes["time"] == 10
    assert check().missing == ("later/" + rateints.name,)
    report = update()
    assert (report.segments, report.planes, report.added) == (2, 10, 1)
    assert history(archive).sizes["time"] == 10
    assert check().missing == ()


def test_deleted_exposures_vanish_at_once_and_from_the_stacks_with_the_next_update(archived):
    archive, truth, _ = archived
    update, check, _ = verbs(archive)
    update()
    name = archive.headers.find_one({"exposure": truth.exposures[1].exposure, "kind": "rateints"})["_id"]
    rate = archive.headers.find_one({"exposure": truth.exposures[1].exposure, "kind": "rate"})["_id"]
    archive.delete([name, rate])
    assert set(history(archive).exposure.values) == {truth.exposures[2].exposure}
    assert check().stale == (name,)
    report = update()
    assert (report.segments, report.planes, report.removed) == (1, 4, 1)
    assert check().stale == ()
    archive.restore(name)
    assert history(archive).sizes["time"] == 8


def test_a_product_made_anew_counts_and_the_old_one_does_not(archived, tmp_path):
    archive, truth, files = archived
    update, check, _ = verbs(archive)
    update()
    path = files[truth.exposures[1].exposure]["rateints"]
    with fits.open(path, mode="update", memmap=False) as hdus:
        hdus["SCI"].data += np.float32(1)
    archive.ingest(path, progress=False)
    expected = fits.getdata(path, "SCI")[:, 801 - 779, 29]
    np.testing.assert_array_equal(history(archive).slope.values[:4], expected)
    assert len(check().stale) == len(check().missing) == 1
    update()
    np.testing.assert_array_equal(history(archive).slope.values[:4], expected)
    assert check().stale == check().missing == ()


@pytest.mark.patient
def test_small_segments_are_joined_and_full_ones_stay(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SMALL", 3)
    campaign = simulate_campaign(tmp_path / "raw", exposures=6, nints=2, ngroups=4)
    update, check, _ = verbs(archive)
    counts = []
    for exposure in campaign.exposures[1:]:
        _, rateints, _ = simulate_calibration(exposure.path, tmp_path / "cal" / "v3")
        archive.ingest(rateints, progress=False)
        counts.append(update().segments)
    assert counts == [1, 2, 3, 4, 1, 2]
    assert (check().wrong, check().missing) == ((), ())
    assert history(archive).sizes["time"] == 12


def test_a_damaged_stack_is_read_past_found_and_made_again(archived):
    archive, _, _ = archived
    update, check, rebuild = verbs(archive)
    before = history(archive)
    update()
    segment = archive.catalog["views"].find_one({})
    folder = Path(urlparse(archive.store.url).path) / segment["arrays"]["sci"]["path"]
    shard = next(folder.glob("**/c.*"))
    data = bytearray(shard.read_bytes())
    data[: len(data) // 2] = bytes(len(data) // 2)
    shard.chmod(0o644)
    shard.write_bytes(data)
    selection = pixel(archive.session, "MIRIMAGE", x=30, y=801)
    assert selection.history().identical(before)
    assert any("the products were read instead" in row["reason"] for row in selection.unread)
    assert check().wrong == (segment["_id"],)
    assert rebuild().planes == 8
    assert check().wrong == ()
    selection = pixel(archive.session, "MIRIMAGE", x=30, y=801)
    assert selection.history().identical(before)
    assert list(selection.unread) == []


def test_a_view_of_wrong_values_is_found(archived):
    archive, _, _ = archived
    update, check, _ = verbs(archive)
    update()
    segment = archive.catalog["views"].find_one({})
    stack = archive.store.open(segment["arrays"]["err"])[...]
    stack[0, 5, 5] += 1
    segment["arrays"]["err"] = archive.store.put(stack, kind="rates").to_dict()
    archive.catalog["views"].replace_one({"_id": segment["_id"]}, segment)
    assert check().wrong == (segment["_id"],)


def test_sweep_keeps_the_stacks_in_use_and_takes_the_others(archived):
    archive, _, _ = archived
    update, check, _ = verbs(archive)
    update()
    archive.sweep(grace=timedelta(0), dry_run=False)
    assert check().wrong == ()
    archive.catalog["views"].delete_many({})
    swept = archive.sweep(grace=timedelta(0), dry_run=False)
    assert swept.objects == 3
    assert history(archive).sizes["time"] == 8
