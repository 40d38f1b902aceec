"""Flats agree: on the truth where there is evidence, on nothing where there is none, and all of it undone."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import connect
from pipelines import open_archive
from pipelines.calibration.groups.questions import flat_conflicts
from pipelines.calibration.times.flats import fix, flat_times, undo_last
from pipelines.errors import Refused, UsageError
from tests.pipelines.calibration.nights import DAWN, DUSK, NIGHT, document, shots

FOUR = ["A", "B", "C", "D"]
HOURS = 3600.0


@pytest.fixture
def headers(tmp_path):
    with connect(tmp_path / "catalog.db") as catalog:
        yield catalog.headers


def decided(headers):
    return {row["exposure_number"]: row["decision"] for row in flat_times(headers, NIGHT)}


def flats(cameras, first, start, *, count=3, errors=None, **more):
    return shots(cameras, first=first, count=count, start=start, kind="flat", errors=errors, **more)


def both_twilights():
    ahead = {"D": 11 * HOURS}
    return flats(FOUR, 1, DUSK, errors=ahead) + flats(FOUR, 40, DAWN, errors=ahead)


def lone(number, start, votes, *, level=None, **more):
    """One number alone, by cameras that say evening (E) or morning (M) and with nothing else to tell."""
    other = DAWN if start == DUSK else DUSK
    return [
        document(f"K{n}", number, "flat", start if (vote == "E") == (start == DUSK) else other, level=level, **more)
        for n, vote in enumerate(votes)
    ]


def test_most_clocks_are_right(headers):
    headers.insert_many(both_twilights())
    answer = flat_times(headers, NIGHT)
    assert decided(headers) == {1: "evening", 2: "evening", 3: "evening", 40: "morning", 41: "morning", 42: "morning"}
    assert all(row["wrong_clocks"] == ["D"] for row in answer)
    assert all(len(row["to_change"]) == 1 for row in answer)
    assert all(row["probability"] > 0.99 for row in answer)


def test_a_tie_alone_is_undecided_with_its_probability(headers):
    headers.insert_many(lone(7, DUSK, "EEMM"))
    (row,) = flat_times(headers, NIGHT)
    assert (row["decision"], row["probability"], row["to_change"]) == ("undecided", 0.5, [])
    assert row["reason"] == "2 clocks say evening, 2 morning; nothing else tells"


def test_a_tie_between_evening_numbers_is_evening(headers):
    headers.insert_many(flats(FOUR, 1, DUSK) + lone(4, DUSK, "EEMM") + flats(FOUR, 5, DUSK + timedelta(minutes=3)))
    headers.insert_many(flats(FOUR, 40, DAWN))
    row = next(row for row in flat_times(headers, NIGHT) if row["exposure_number"] == 4)
    assert row["decision"] == "evening"
    assert row["evidence"]["order"] > 3
    assert abs(row["evidence"]["vote"]) < 0.1


def test_a_tie_where_the_order_allows_both_is_undecided(headers):
    headers.insert_many(flats(FOUR, 1, DUSK, count=1) + lone(2, DUSK, "EEMM") + flats(FOUR, 3, DAWN, count=1))
    assert decided(headers) == {1: "evening", 2: "undecided", 3: "morning"}


def test_the_sinking_sky_decides_a_tie(headers):
    for number, level in ((1, 30_000.0), (2, 24_000.0), (3, 18_000.0)):
        headers.insert_many(lone(number, DUSK, "EEMM", level=level))
    assert decided(headers) == dict.fromkeys((1, 2, 3), "evening")
    assert all(row["trend"] == "sinking" for row in flat_times(headers, NIGHT))


def test_the_growing_sky_and_a_dark_level_to_take_off(headers):
    for number, level in ((1, 18_000.0), (2, 24_000.0), (3, 30_000.0)):
        headers.insert_many(lone(number, DUSK, "EEMM", level=level))
    headers.insert_many([document(f"K{n}", 20, "dark", DUSK, level=1000.0) for n in range(4)])
    assert decided(headers) == dict.fromkeys((1, 2, 3), "morning")


def test_exposures_that_grow_are_of_the_evening_where_nothing_was_measured(headers):
    for number, seconds in ((1, 6.0), (2, 8.0), (3, 10.0), (4, 14.0), (5, 20.0)):
        headers.insert_many(lone(number, DUSK, "EEMM", exptime=seconds))
    assert decided(headers) == dict.fromkeys(range(1, 6), "evening")


def test_clocks_whose_sun_is_in_the_middle_of_the_night_hardly_count(headers):
    # Three cameras are ten hours ahead together, and with them the array: but no flat is taken at 4 in the dark.
    headers.insert_many(flats([*FOUR, "E"], 1, DUSK, errors=dict.fromkeys("ABC", 10 * HOURS)))
    assert set(decided(headers).values()) == {"evening"}
    assert {row["sun"] is not None and row["sun"] < -14 for row in flat_times(headers, NIGHT)} == {True}


def test_one_camera_alone_is_believed_as_far_as_its_clock(headers):
    headers.insert_many(flats(["A"], 1, DUSK, count=1))
    (row,) = flat_times(headers, NIGHT)
    assert row["decision"] == "evening"
    assert 0.95 < row["probability"] < 0.99


def test_flats_without_number_time_or_clock_are_undecided_with_a_reason(headers):
    headers.insert_many([document("A", None, "flat", DUSK), document("B", None, "flat", DAWN)])
    headers.insert_many([document("C", 3, "flat", None), document("D", 3, "flat", None)])
    headers.insert_one(document("E", None, "flat", None))
    timeless, evening, morning, lost = flat_times(headers, NIGHT)
    assert (timeless["decision"], timeless["probability"]) == ("undecided", 0.5)
    # Nothing but the sun tells of flats without a number, and it does.
    assert [(row["decision"], row["reason"], row["to_change"]) for row in (evening, morning)] == [
        ("evening", "1 flats of A: by the sun", []),
        ("morning", "1 flats of B: by the sun", []),
    ]
    assert lost["decision"] == "undecided"
    assert lost["reason"] == "1 flats of E: no exposure number, and no time, so that nothing tells evening from morning"
    assert timeless["to_change"] == lost["to_change"] == []


def test_the_sun_over_the_site_of_the_header_tells_where_nothing_is_numbered(headers):
    """Paranal, and a profile that knows neither site nor twilight; a lamp's flats are of any time."""
    site = {"longitude": -70.4, "latitude": -24.6}
    dusk, noon = datetime(2024, 2, 20, 23, 40, tzinfo=UTC), datetime(2024, 2, 20, 17, tzinfo=UTC)
    found = []
    for number, (taken, note) in enumerate([(dusk, "sky"), (dusk, "sky"), (noon, "sky"), (noon, "lamp")]):
        flat = document(f"F{number // 2}", None, "flat", taken, profile="generic", date=NIGHT)
        flat |= {"_id": f"f{number}", "path": f"f{number}"}
        del flat["flat_time"]
        found.append({**flat, "obs": {**flat["obs"], "site": site, "kind_note": note}})
    headers.insert_many([{name: value for name, value in one.items() if name != "path_night"} for one in found])
    evening, day = flat_times(headers, NIGHT)
    assert (evening["decision"], evening["to_change"]) == ("evening", ["f0", "f1"])
    assert day["decision"] == "undecided"
    assert "the sun was not in twilight" in day["reason"]


def test_exposure_zero_and_saturated_flats_say_nothing_of_the_sky(headers):
    for number in (1, 2, 3):
        headers.insert_many(lone(number, DUSK, "EEMM", level=65535.0, exptime=0.0))
    assert set(decided(headers).values()) == {"undecided"}


def test_all_nights_are_asked_without_a_date(headers):
    headers.insert_many(both_twilights())
    assert [row["date"] for row in flat_times(headers)] == [NIGHT] * 6


@pytest.mark.patient
@settings(max_examples=25)
@given(st.integers(3, 8), st.integers(1, 5), st.integers(1, 5), st.sampled_from([-9, -5, 6, 11]), st.data())
def test_any_minority_of_wrong_clocks_is_outvoted(tmp_path_factory, cameras, dusk, dawn, hours, data):
    array = [f"K{n}" for n in range(cameras)]
    wrong = data.draw(st.lists(st.sampled_from(array), max_size=(cameras - 1) // 2, unique=True))
    errors = dict.fromkeys(wrong, hours * HOURS)
    documents = flats(array, 1, DUSK, count=dusk, errors=errors) + flats(array, 60, DAWN, count=dawn, errors=errors)
    with connect(tmp_path_factory.mktemp("c") / "catalog.db") as catalog:
        catalog.headers.insert_many(data.draw(st.permutations(documents)))
        answer = flat_times(catalog.headers, NIGHT)
    truth = dict.fromkeys(range(1, 1 + dusk), "evening") | dict.fromkeys(range(60, 60 + dawn), "morning")
    assert {row["exposure_number"]: row["decision"] for row in answer} == truth


@pytest.fixture
def archive(tmp_path):
    with open_archive(tmp_path / "home") as opened:
        opened.session.headers.insert_many(flats(FOUR, 1, DUSK, errors={"D": 11 * HOURS}))
        yield opened


def settled(archive):
    answer = flat_times(archive.headers, NIGHT)
    return fix(archive.session, answer)


def test_what_was_there_before_is_kept_and_put_back_exactly(archive):
    before = list(archive.headers.find({}).sort("_id", 1))
    run, changed = settled(archive)
    assert changed == [f"D/{NIGHT}/D_{n}_flat.fits" for n in (1, 2, 3)]
    mended = archive.document(changed[0])
    assert (mended["flat_time"], mended["flat_time_source"]) == ("evening", "consensus")
    assert mended["flat_time_evidence"]["was"] == "morning"
    assert mended["flat_time_evidence"]["wrong_clocks"] == ["D"]
    assert len(flat_conflicts(archive.headers, NIGHT)) == 0
    kept = archive.history.find_one({"document": changed[0], "run": run})
    assert {"path": "flat_time", "value": "morning"} in kept["was"]
    assert "consensus" in kept["why"]
    assert settled(archive) == (None, [])  # again, there is nothing to do
    undone, back = undo_last(archive.session, [NIGHT])
    assert (undone, back) == (run, changed)
    after = list(archive.headers.find({}).sort("_id", 1))
    for one in before + after:
        one["ingest"].pop("changes")
    assert before == after
    with pytest.raises(UsageError, match="nothing to undo"):
        undo_last(archive.session, [NIGHT])


def test_what_somebody_changed_since_is_not_undone(archive):
    from pipelines.documents.changes import Edit, change

    _, changed = settled(archive)
    change(
        [Edit(changed[0], set={"flat_time": "morning"})], catalog=archive.catalog, store=archive.store, why="by hand"
    )
    with pytest.raises(Refused):
        undo_last(archive.session, [NIGHT])
    assert archive.document(changed[1])["flat_time"] == "evening"


def test_no_undecided_flat_is_written(archive):
    archive.session.headers.delete_many({})
    archive.session.headers.insert_many(lone(7, DUSK, "EEMM"))
    assert settled(archive) == (None, [])
    assert sorted(d["flat_time"] for d in archive.headers.find({})) == ["evening", "evening", "morning", "morning"]
