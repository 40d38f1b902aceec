"""Masters carry the observation fields that their frames share; filling them takes no master out of use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.calibration.select.departed import departures
from pipelines.documents.changes import Edit, change
from pipelines.documents.migrate import migrate
from pipelines.documents.shared import observed_master, shared_obs
from pipelines.documents.undoing import undo
from tests.pipelines.calibration.conftest import make, of


def stripped(archive):
    """The masters as earlier releases wrote them: without observation fields."""
    edits = [Edit(name, unset=("obs", "obs_from")) for name in archive.masters.distinct("_id")]
    change(edits, catalog=archive.catalog, store=archive.store, why="as before", collection="masters")


@pytest.fixture
def frames_of(made):
    return lambda master: [made.document(item["id"])["obs"] for item in master["inputs"]]


def test_a_master_says_what_its_frames_share(made, frames_of):
    for master in made.masters.find({"kind": {"$in": ["bias", "dark", "flat"]}}):
        obs, frames = master["obs"], frames_of(master)
        assert obs["camera"] == master["camera"]
        assert obs["stacked"] == len(frames)
        assert set(obs) == set(master["obs_from"])
        for name in set(obs) - {"stacked"}:
            values = [frame[name] for frame in frames]
            if isinstance(obs[name], float):
                assert min(values) <= obs[name] <= max(values)
            else:
                assert values == [obs[name]] * len(frames)
    dark = of(made, kind="dark", camera="T13060400", **{"key.exptime": 9.0})
    assert (dark["obs"]["exptime"], "mid" in dark["obs"]) == (9.0, False)


def test_those_that_have_none_are_filled_and_stay_in_use(made):
    as_made = {doc["_id"]: (doc["obs"], doc["obs_from"]) for doc in made.masters.find()}
    stripped(made)
    assert migrate(catalog=made.catalog, store=made.store, dry_run=True).documents["unobserved"] == len(as_made)
    migrate(catalog=made.catalog, store=made.store)
    filled = list(made.masters.find())
    assert {doc["_id"]: (doc["obs"], doc["obs_from"]) for doc in filled} == as_made
    assert departures(made.catalog, filled) == {}
    assert {row["outcome"] for row in make(made)} == {"unchanged"}
    run = made.runs.find_one({"verb": "migrate"})["_id"]
    undo(run, catalog=made.catalog, store=made.store, why="looking")
    assert made.masters.count_documents({"obs": {"$exists": True}}) == 0


def test_a_value_that_its_group_used_and_that_changed_takes_it_out_of_use(made):
    dark = of(made, kind="dark", camera="T13060400", **{"key.exptime": 9.0})
    frame = dark["inputs"][0]["id"]
    made.correct(frame, "TARGET=elsewhere", why="typed wrong")  # no field of its setup
    assert dark["_id"] not in departures(made.catalog, made.masters.find())
    made.correct(frame, "EXPTIME=18", why="the shutter log says so")
    assert "exptime" in departures(made.catalog, made.masters.find())[dark["_id"]][0]


def test_without_its_frames_its_own_header_and_key_tell(made):
    master = of(made, kind="dark", camera="T13060400", **{"key.exptime": 9.0})
    seen = observed_master({name: value for name, value in master.items() if not name.startswith("obs")})
    for name in ("camera", "exptime", "instrument", "stacked"):
        assert seen.obs[name] == master["obs"][name]
    assert "mid" not in seen.obs


fields = st.dictionaries(
    st.sampled_from(["camera", "exptime", "temperature", "filter", "ra", "mid", "gain"]), st.integers(1, 3), max_size=7
)


@given(frames=st.lists(fields, min_size=1, max_size=5))
def test_what_is_shared_is_said_by_every_frame_and_in_any_order(frames):
    obs = shared_obs(frames).obs
    assert obs == shared_obs(frames[::-1]).obs
    assert obs.pop("stacked") == len(frames)
    for name, value in obs.items():
        said = [frame[name] for frame in frames]
        assert min(said) <= value <= max(said)
        assert name in ("exptime", "temperature", "gain") or len(set(said)) == 1
    assert "mid" not in obs
