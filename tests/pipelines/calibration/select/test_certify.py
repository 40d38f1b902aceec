"""Certification: no instant has two certified masters of one key, whoever asks for it, and in whatever order."""

import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.calibration.select.certify import Overlap, certify, same_key, set_status
from pipelines.calibration.select.intervals import interval, joined, overlaps, without
from pipelines.documents.undoing import undo
from pipelines.errors import Refused, UnknownDocument, UsageError
from pipelines.processes import interpreter
from tests.pipelines.calibration.conftest import of

DAY = datetime(2024, 2, 20, tzinfo=UTC)
FOR_EVER = interval(None, None)
LATER = interval(DAY + timedelta(days=2), None)
days = st.one_of(st.none(), st.integers(0, 12).map(lambda n: DAY + timedelta(days=n)))


@st.composite
def spans(draw):
    since, until = draw(days), draw(days)
    if since is not None and until is not None:
        if since == until:
            until = until + timedelta(days=1)
        since, until = min(since, until), max(since, until)
    return interval(since, until)


def instants():
    return [DAY + timedelta(hours=12 * n - 6) for n in range(30)]


def within(parts, instant):
    return any(
        (p["since"] is None or p["since"] <= instant) and (p["until"] is None or instant < p["until"]) for p in parts
    )


@given(parts=st.lists(spans(), max_size=4), taken=spans())
def test_intervals_agree_with_their_instants(parts, taken):
    for instant in instants():
        assert within(without(parts, taken), instant) == (within(parts, instant) and not within([taken], instant))
        assert within(joined(parts), instant) == within(parts, instant)
    whole = joined(parts)
    assert not any(overlaps(one, other) for i, one in enumerate(whole) for other in whole[i + 1 :])


@pytest.fixture
def rivals(made):
    """Three masters of one key, and one of another exposure time."""
    first = of(made, kind="dark", camera="T13060400", **{"key.exptime": 9.0})
    for number in (1, 2):
        made.session.masters.insert_one({**first, "_id": f"masters/rival-{number}", "identity": f"{number}" * 64})
    other = of(made, kind="dark", camera="T13060400", **{"key.exptime": 6.0})
    return made, [first["_id"], "masters/rival-1", "masters/rival-2"], other["_id"]


def certified(archive, name, **options):
    return certify(archive.session, name, why="test", **options)


def no_overlap(archive):
    found = list(archive.masters.find({"status": "certified"}))
    for i, one in enumerate(found):
        for other in found[i + 1 :]:
            if same_key(one, other):
                assert not any(overlaps(p, q) for p in one["validity"] for q in other["validity"])


@settings(max_examples=12)
@example(asked=[(1, FOR_EVER, False), (0, interval(DAY + timedelta(days=1), None), True), (1, LATER, True)])
@given(asked=st.lists(st.tuples(st.integers(0, 2), spans(), st.booleans()), min_size=1, max_size=5))
def test_never_two_for_one_key_at_one_time(rivals, asked):
    archive, names, _ = rivals
    refusals = []
    for name in names:
        archive.session.masters.update_one({"_id": name}, {"$set": {"status": "verified", "validity": []}})
    for number, span, split in asked:
        master = of(archive, _id=names[number])
        others = [
            d for d in archive.masters.find({"_id": {"$in": names}, "status": "certified"}) if d["_id"] != master["_id"]
        ]
        clash = any(overlaps(part, span) for other in others for part in other["validity"])
        try:
            done = certified(archive, names[number], since=span["since"] or DAY, until=span["until"], split=split)
        except Overlap as error:
            refusals.append((split, [other["_id"] for other in others if other["_id"] in str(error)]))
        except UsageError:  # since was given for an open beginning, and is after the end
            continue
        else:
            assert split or not clash or span["since"] is None
            assert span["since"] is None or within(done.validity, span["since"])
        no_overlap(archive)
    assert all(named and not split for split, named in refusals)


def test_the_error_names_the_other_and_split_makes_room(rivals):
    archive, (first, second, _), other = rivals
    certified(archive, first)
    certified(archive, other)  # another exposure time is another key
    with pytest.raises(Overlap, match=first):
        certified(archive, second, since=DAY + timedelta(days=3), until=DAY + timedelta(days=5))
    done = certified(archive, second, since=DAY + timedelta(days=3), until=DAY + timedelta(days=5), split=True)
    assert done.shortened == (first,)
    assert [(p["since"].day, p["until"] and p["until"].day) for p in of(archive, _id=first)["validity"]] == [
        (20, 23),
        (25, None),
    ]
    undo(done.run, catalog=archive.catalog, store=archive.store, why="no")
    assert of(archive, _id=second)["status"] == "verified"
    assert len(of(archive, _id=first)["validity"]) == 1


def test_a_master_is_valid_from_the_noon_that_began_its_night(rivals):
    archive, (first, *_), _ = rivals
    assert certified(archive, first).validity == ({"since": datetime(2024, 2, 20, 19, tzinfo=UTC), "until": None},)


def test_what_may_not_be_certified(rivals):
    archive, (first, second, third), _ = rivals
    with pytest.raises(UnknownDocument, match="is it one of"):
        certified(archive, "dark-9s")
    set_status(archive.session, [first], "withdrawn", why="old")
    with pytest.raises(Refused, match="withdrawn"):
        certified(archive, first)
    archive.session.masters.update_one(
        {"_id": second}, {"$set": {"status": "set-aside", "acceptance.reason": "it is worse"}}
    )
    with pytest.raises(Refused, match="it is worse"):
        certified(archive, second)
    assert certified(archive, second, override=True).master == second
    archive.session.masters.update_one({"_id": third}, {"$set": {"stale": {"run": {"why": "a frame was bad"}}}})
    with pytest.raises(Refused, match="a frame was bad"):
        certified(archive, third)
    with pytest.raises(UsageError, match="empty"):
        certified(archive, second, since=DAY, until=DAY)
    with pytest.raises(UsageError, match="no zone"):
        certified(archive, second, since=datetime(2024, 2, 20))


def test_withdrawing_ends_the_validity_and_is_in_the_history(rivals):
    archive, (first, *_), _ = rivals
    certified(archive, first)
    set_status(archive.session, [first], "withdrawn", why="condensation")
    assert of(archive, _id=first)["validity"] == []
    whys = [entry["why"] for entry in archive.history.find({"document": first})]
    assert whys == ["test", "condensation"]


SCRIPT = """
import sys
from pipelines import open_archive
from pipelines.calibration.select.certify import Overlap, certify
with open_archive(sys.argv[1]) as archive:
    try:
        certify(archive.session, sys.argv[2], why="race")
    except Overlap:
        sys.exit(7)
"""


@pytest.mark.patient
def test_of_two_processes_that_certify_rivals_one_is_refused(rivals, tmp_path):
    archive, names, _ = rivals
    python = interpreter.command("pipelines")[:2]
    processes = [
        subprocess.Popen([*python, "-c", SCRIPT, str(tmp_path / "made"), name], env=interpreter.environment())
        for name in names
    ]
    assert sorted(process.wait(60) for process in processes) == [0, 7, 7]
    no_overlap(archive)
    assert archive.masters.count_documents({"status": "certified"}) == 1
