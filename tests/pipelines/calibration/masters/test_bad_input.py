"""Bad input to masters: each gives a reason in the table, costs nobody else anything, and nothing is guessed."""

import shutil

import numpy as np
import pytest

from pipelines.calibration.masters.step import MasterOptions
from pipelines.combine import NoiseModel
from pipelines.errors import UsageError
from tests.pipelines.calibration.conftest import NIGHT, make, of

SHAPE = (64, 80)


@pytest.fixture
def frames(archive, write_frame, tmp_path):
    """Ingest frames, (kind, exposure time, pixels or level, cards) each; return their names."""

    def ingest(*wanted):
        names = []
        for number, (kind, exptime, pixels, cards) in enumerate(wanted, 1):
            if not isinstance(pixels, np.ndarray):
                noise = np.random.default_rng(number).normal(pixels, 10 if kind == "dark" else 150, SHAPE)
                pixels = np.clip(np.rint(noise), 0, 65535).astype(np.uint16)
            name = f"Dragonfly101/{NIGHT}/T13080513_{number}_{kind}.fits"
            write_frame(name, pixels=pixels, DATE=f"2024-02-21T01:{number:02d}:00", EXPTIME=exptime, **cards)
            names.append(name)
        archive.ingest(tmp_path / "raw", progress=False)
        assert archive.quarantine.count_documents({}) == 0
        return names

    return ingest


def darks(count, exptime=9.0, level=1000, **cards):
    return [("dark", exptime, level, cards)] * count


def marked(level, number):
    """A frame without noise; one pixel tells it from the others, for copies count once."""
    pixels = np.full(SHAPE, level, np.uint16)
    pixels[0, number] -= 1
    return pixels


def test_one_frame_and_two_are_too_few_and_say_so(frames, archive):
    for count in (1, 2):
        frames(*darks(count))
        (row,) = make(archive)
        assert (row["outcome"], row["frames"]) == ("none", count)
        assert f"{count} of 3" in row["reason"]
    assert archive.masters.count_documents({}) == 0


def test_of_one_frame_a_master_is_only_proposed_when_it_is_asked_for(frames, archive):
    frames(*darks(1))
    row = next(row for row in make(archive, options=MasterOptions(minimum=1)) if row["kind"] == "dark")
    assert (row["outcome"], row["status"]) == ("made", "proposed")
    assert "one frame" in row["reason"]
    assert "can reject no outlier" in of(archive, kind="dark")["statistics"]["warning"]


def test_frames_of_the_same_pixels_are_one_frame(frames, archive):
    frames(*[("dark", 9.0, np.full(SHAPE, 1000, np.uint16), {})] * 3)
    (row,) = make(archive)
    assert (row["outcome"], row["frames"]) == ("none", 1)
    assert "1 of 3" in row["reason"]


def test_saturated_frames_make_no_master(frames, archive):
    frames(*[("dark", 9.0, marked(65535, n), {}) for n in range(3)])
    (row,) = make(archive)
    assert row["outcome"] == "failed"
    assert "saturated" in row["reason"]


def test_shapes_are_never_mixed(frames, archive):
    other = np.random.default_rng(9).normal(1000, 10, (32, 80)).astype(np.uint16)
    frames(*darks(3), ("dark", 9.0, other, {}))
    rows = [row for row in make(archive) if row["kind"] == "dark"]
    assert sorted((row["outcome"], row["frames"]) for row in rows) == [("made", 3), ("none", 1)]


def test_scalings_are_never_mixed(frames, archive):
    signed = np.random.default_rng(9).normal(1000, 10, SHAPE).astype(np.int16)
    frames(*darks(3), ("dark", 9.0, signed, {}))
    rows = [row for row in make(archive) if row["kind"] == "dark"]
    assert sorted((row["outcome"], row["frames"]) for row in rows) == [("made", 3), ("none", 1)]


def test_frames_without_a_temperature_are_a_group_apart_with_a_reason(frames, archive):
    frames(*darks(3), *darks(3, TEMPERAT=None))
    rows = [row for row in make(archive) if row["kind"] == "dark"]
    assert {row["outcome"] for row in rows} == {"made", "none"}
    assert "temperature" in next(row["reason"] for row in rows if row["outcome"] == "none")


def test_darks_of_exposure_0_are_themselves_and_never_scaled(frames, archive):
    frames(*darks(3, exptime=0.0), *[("flat", 9.0, 20000, {})] * 5)
    rows = {row["kind"]: row for row in make(archive)}
    assert rows["dark"]["outcome"] == "made"
    assert rows["flat"]["outcome"] == "none"
    assert all("exptime 0, wanted 9" in text for text in rows["flat"]["rejected"])


def test_a_flat_without_its_dark_is_left_out_with_the_nearest_miss(frames, archive):
    flats = [("flat", 9.0, 20000, {})] * 5 + [("flat", 30.0, 20000, {})]
    frames(*darks(3), *flats)
    rows = [row for row in make(archive) if row["kind"] == "flat" and row["outcome"] == "made"]
    (row,) = rows
    assert row["frames"] == 5
    (left_out,) = row["rejected"]
    assert "T13080513_9_flat.fits: no dark: masters/T13080513" in left_out
    assert "exptime 9, wanted 30" in left_out


def test_a_longer_dark_is_scaled_down_to_any_time_where_there_is_a_bias(frames, archive):
    bias = [("bias", 0.0, 1000, {})] * 3
    dark = darks(3, exptime=100.0, level=1200)
    frames(*bias, *dark, *[("flat", 10.0, 20020, {})] * 5)
    table = make(archive)
    flat = next(row for row in table if row["kind"] == "flat" and row["outcome"] == "made")
    master = of(archive, _id=flat["master"])
    scale = {used["role"]: used["scale"] for used in master["masters"]}
    assert scale == {"dark": 0.1, "bias": 1.0}
    for item in master["inputs"]:
        assert item["level"] == pytest.approx(19000, rel=0.002)
    # A tenth of the dark and nine tenths of the bias were taken away from each: their noise is in all of them.
    shared = {used["role"]: of(archive, _id=used["id"]) for used in master["masters"]}
    variance = {role: np.asarray(archive.cube(used, "variance_model")) for role, used in shared.items()}
    share = (0.01 * variance["dark"] + 0.81 * variance["bias"]) / 19000**2
    model = NoiseModel(**{name: master["noise"][name] for name in ("read_noise", "gain", "level")})
    level = np.mean([item["level"] for item in master["inputs"]])
    value, count, variance = (np.asarray(archive.cube(master, p)) for p in ("value", "count", "variance_model"))
    own = model.variance(value * level + 1020) / level**2 / count
    assert np.median((variance - own) / share) == pytest.approx(1, abs=0.1)


def test_without_a_dark_the_bias_alone_is_taken_away_and_that_is_said(frames, archive):
    frames(*[("bias", 0.0, 1000, {})] * 3, *[("flat", 3.0, 20000, {})] * 5)
    flat = next(row for row in make(archive) if row["kind"] == "flat")
    assert flat["outcome"] == "made"
    master = of(archive, _id=flat["master"])
    assert [(used["role"], used["scale"]) for used in master["masters"]] == [("bias", 1.0)]
    assert master["notes"] == ["no dark from this camera; the bias alone was taken away, dark signal stays in"]
    assert "dark signal stays in" in flat["reason"]
    assert [item["level"] for item in master["inputs"]] == pytest.approx([19000] * 5, rel=0.002)


def test_without_a_bias_no_dark_is_scaled(frames, archive):
    frames(*darks(3, exptime=20.0), *[("flat", 10.0, 20000, {})] * 5)
    row = next(row for row in make(archive) if row["kind"] == "flat")
    assert row["outcome"] == "none"
    assert "no dark" in row["reason"]


def test_a_flat_without_light_is_left_out(frames, archive):
    frames(*darks(3), *[("flat", 9.0, 20000, {})] * 5, ("flat", 9.0, 900, {}))
    row = next(row for row in make(archive) if row["kind"] == "flat" and row["outcome"] == "made")
    assert "no light" in row["rejected"][0]


def test_a_frame_judged_bad_is_no_part_of_a_master_and_stays_listed(frames, archive):
    from pipelines.documents.changes import Edit, change

    names = frames(*darks(4))
    edit = Edit(names[1], set={"qc.verdict": "bad"})
    change([edit], catalog=archive.catalog, store=archive.store, why="light leak")
    row = next(row for row in make(archive) if row["kind"] == "dark")
    assert row["frames"] == 3
    assert row["rejected"] == [f"{names[1]}: judged bad"]
    assert of(archive, kind="dark")["rejected"] == [{"id": names[1], "reason": "judged bad"}]


def test_what_the_checks_found_bad_is_left_out_with_what_they_found(frames, archive):
    same = np.random.default_rng(7).normal(1000, 10, SHAPE).astype(np.uint16)
    names = frames(*darks(3), ("dark", 9.0, same, {}), ("dark", 9.0, same, {}))
    archive.calibration.check_frames(NIGHT, progress=False)
    row = next(row for row in make(archive) if row["kind"] == "dark")
    assert row["rejected"] == [f"{names[4]}: judged bad: the same pixels as {names[3]}"]


@pytest.mark.parametrize("night", ["2024-13-01", "yesterday", "", "2024-02-20T12:00"])
def test_what_is_no_night_is_refused_and_leaves_no_run(archive, night):
    runs = archive.runs.count_documents({})
    desk = archive.calibration
    asked = (desk.plan, desk.make_masters, desk.frames, desk.check_frames, desk.trends, desk.needs, desk.clock)
    for ask in (*asked, desk.fleet, desk.flat_times, lambda night: desk.groups("dark", night), archive.dark_groups):
        with pytest.raises(UsageError, match="YYYY-MM-DD"):
            ask(night)
    assert archive.runs.count_documents({}) == runs


@pytest.mark.parametrize("harm", ["lost", "damaged"])
def test_a_frame_lost_between_grouping_and_combining_costs_only_itself(frames, archive, tmp_path, harm):
    names = frames(*darks(4), *darks(3, exptime=6.0))
    place = tmp_path / "home" / "store" / archive.document(names[2])["arrays"]["sci"]["path"]
    if harm == "lost":
        shutil.rmtree(place)
    else:
        shard = place / "c.0.0"
        data = bytearray(shard.read_bytes())
        data[len(data) // 2] ^= 255
        shard.write_bytes(data)
    rows = {row["key"]: row for row in make(archive, kinds=("dark",))}
    assert {row["outcome"] for row in rows.values()} == {"made"}
    row = next(row for key, row in rows.items() if key.startswith("exptime 9"))
    assert row["frames"] == 3
    assert row["rejected"][0].startswith(f"{names[2]}: ")
    again = make(archive, kinds=("dark",))
    assert archive.masters.count_documents({}) == 2
    assert "is made of the others" in next(r["reason"] for r in again if r["outcome"] == "failed")


def test_when_too_many_are_lost_the_group_fails_and_the_rest_goes_on(frames, archive, tmp_path):
    names = frames(*darks(3), *darks(3, exptime=6.0))
    shutil.rmtree(tmp_path / "home" / "store" / archive.document(names[2])["arrays"]["sci"]["path"])
    rows = [row for row in make(archive) if row["kind"] == "dark"]
    assert sorted(row["outcome"] for row in rows) == ["failed", "made"]
    assert "2 of 3 frames are left" in next(row["reason"] for row in rows if row["outcome"] == "failed")


def test_a_frame_deleted_after_planning_is_no_part_of_the_next_master(frames, archive):
    names = frames(*darks(4))
    make(archive, kinds=("dark",))
    archive.delete(names[0], force=True)
    (row,) = make(archive, kinds=("dark",))
    assert (row["outcome"], row["frames"]) == ("made", 3)


def test_headers_without_pixels_are_no_input(archive, write_frame, tmp_path):
    for number in (1, 2, 3):
        write_frame(f"Dragonfly101/{NIGHT}/T1_{number}_dark.fits", seed=number)
    archive.ingest(tmp_path / "raw", headers_only=True, progress=False)
    (row,) = make(archive)
    assert row["outcome"] == "none"
    assert "shape" in row["reason"] or "pixels" in row["reason"]


def test_a_small_group_borrows_from_the_nights_around_when_it_is_told_to(archive, write_frame, tmp_path):
    for day, count in ((20, 2), (22, 3)):
        for number in range(count):
            name = f"Dragonfly101/2024-02-{day}/T13080513_{number}_dark.fits"
            write_frame(name, seed=10 * day + number, DATE=f"2024-02-{day + 1}T01:0{number}:00")
    archive.ingest(tmp_path / "raw", progress=False)
    assert make(archive)[0]["outcome"] == "none"
    row = make(archive, options=MasterOptions(borrow=True))[0]
    assert (row["outcome"], row["frames"]) == ("made", 3)
    assert any("2024-02-22" in name for name in of(archive, _id=row["master"])["parents"])


def test_an_unknown_kind_or_night_is_no_silent_nothing(archive):
    from pipelines.errors import UsageError

    with pytest.raises(UsageError, match="no kind of master"):
        make(archive, kinds=("darks",))
    assert len(make(archive, night="1999-01-01")) == 0
