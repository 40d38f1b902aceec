"""The ancestors' questions: a good group, a bad group, a tie, and any vote at all."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import connect
from pipelines.calibration.groups.questions import consensus, dark_groups, flat_conflicts
from pipelines.errors import UsageError

CAMERAS = [
    "Dragonfly110/T13060460",
    "Dragonfly202/83F010820",
    "Dragonfly221/T13110600",
    "Dragonfly101/T13080513",
]


def flat(camera: str, number: int | None, time: str | None, date: str = "2019-11-24") -> dict:
    unit, serial = camera.split("/")
    return {
        "_id": f"{unit}/{date}/{serial}_{number}_flat.fits",
        "date": date,
        "kind": "flat",
        "exposure_number": number,
        "flat_time": time,
        "header": {"IMAGETYP": "flat", "SERIALNO": serial},
        "root": "raw",
        "path": f"{unit}/{date}/{serial}_{number}_flat.fits",
    }


@pytest.fixture
def headers(tmp_path):
    with connect(tmp_path / "catalog.db") as catalog:
        yield catalog.headers


def test_a_good_group_is_no_conflict_and_a_bad_one_has_its_consensus(headers):
    headers.insert_many([flat(camera, 94, "evening") for camera in CAMERAS])
    headers.insert_many([flat(camera, 3, "evening" if i < 3 else "morning") for i, camera in enumerate(CAMERAS)])
    (conflict,) = flat_conflicts(headers, "2019-11-24")
    assert conflict == {
        "date": "2019-11-24",
        "exposure_number": 3,
        "flat_times": ["evening", "morning"],
        "flat_counts": [3, 1],
        "consensus": "evening",
        "outvoted": ["Dragonfly101/2019-11-24/T13080513_3_flat.fits"],
    }


def test_a_tie_has_no_consensus_and_outvotes_nobody(headers):
    headers.insert_many([flat(camera, 7, "evening" if i % 2 else "morning") for i, camera in enumerate(CAMERAS)])
    (conflict,) = flat_conflicts(headers)
    assert conflict["consensus"] is None
    assert conflict["outvoted"] == []
    assert conflict["flat_counts"] == [2, 2]


def test_the_same_exposure_number_of_two_nights_is_two_groups(headers):
    headers.insert_many(
        [flat(camera, 5, "evening", "2019-11-24") for camera in CAMERAS]
        + [flat(camera, 5, "morning", "2019-11-25") for camera in CAMERAS]
    )
    assert len(flat_conflicts(headers)) == 0
    assert len(flat_conflicts(headers, ["2019-11-24", "2019-11-25"])) == 0


def test_flats_without_exposure_number_are_compared_with_nothing(headers):
    headers.insert_many([flat(CAMERAS[0], None, "evening"), flat(CAMERAS[1], None, "morning")])
    assert len(flat_conflicts(headers)) == 0


def test_a_flat_without_time_does_not_vote_but_would_follow(headers):
    headers.insert_many([flat(CAMERAS[0], 1, None), flat(CAMERAS[1], 1, None), flat(CAMERAS[2], 1, "evening")])
    (conflict,) = flat_conflicts(headers)
    assert conflict["consensus"] == "evening"
    assert len(conflict["outvoted"]) == 2


@given(st.lists(st.sampled_from(["evening", "morning", None]), max_size=12))
def test_consensus_is_the_strict_majority_of_those_who_know(votes):
    counts = Counter(votes)
    known = Counter(v for v in votes if v is not None)
    expected = None
    if known and known["evening"] != known["morning"]:
        expected = known.most_common(1)[0][0]
    assert consensus(list(counts), list(counts.values())) == expected


def test_darks_without_exposure_time_are_a_group_of_their_own(headers):
    base = {"date": "2024-02-20", "kind": "dark", "root": "raw"}
    headers.insert_many(
        [
            {
                "_id": f"a{i}",
                "path": f"a{i}",
                **base,
                "header": {"IMAGETYP": "dark"},
                "obs": {"camera": "A", **exptime},
            }
            for i, exptime in enumerate([{"exptime": 9.0}, {"exptime": 9}, {}, {"exptime": None}, {"exptime": 10.0}])
        ]
    )
    groups = dark_groups(headers, "2024-02-20")
    assert [(g["serialno"], g["exptime"], g["darks"]) for g in groups] == [
        ("A", None, ["a2", "a3"]),
        ("A", 9.0, ["a0", "a1"]),
        ("A", 10.0, ["a4"]),
    ]


def test_a_night_is_a_string(headers):
    with pytest.raises(UsageError, match="YYYY-MM-DD"):
        dark_groups(headers, [20240220])


def test_answers_in_every_form(headers):
    headers.insert_many([flat(camera, 3, "evening" if i else "morning") for i, camera in enumerate(CAMERAS)])
    answer = flat_conflicts(headers)
    assert "Dragonfly110/2019-11-24" in repr(answer)
    bundle = answer._repr_mimebundle_()
    assert "<td>evening</td>" in bundle["text/html"]
    frame = answer.to_pandas()
    assert list(frame.columns) == list(answer.columns)
    assert frame.loc[0, "flat_counts"] == [3, 1]
    table = answer.to_table()
    assert table["consensus"][0] == "evening"
    assert table["flat_times"][0] == ["evening", "morning"]
