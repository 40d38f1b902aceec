"""Ingest: what becomes of a file, new, unchanged, changed, moved, doubled, headers first, in parallel."""

import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime

import numpy as np
import pytest
from astropy.io import fits

from pipelines import open_archive
from pipelines.errors import UsageError


def test_a_document_says_what_the_file_says(archive, raw, write_frame):
    path = write_frame()
    report = archive.ingest(raw)
    assert (report.new, report.refused, report.exit_code) == (1, [], 0)
    document = archive.headers.find_one({"_id": "Dragonfly101/2024-02-20/T13080513_31_dark.fits"})
    assert document["root"] == "raw"
    assert document["path"] == "Dragonfly101/2024-02-20/T13080513_31_dark.fits"
    assert document["date"] == "2024-02-20"
    assert document["timestamp"] == datetime(2024, 2, 21, 1, 43, 11, tzinfo=UTC)
    assert document["exposure_number"] == 31
    assert document["camera"] == "T13080513"
    assert document["kind"] == "dark"
    assert document["header"] == dict(fits.getheader(path))
    assert document["file"]["size"] == path.stat().st_size
    assert archive.header(document["_id"]).tostring() == fits.getheader(path).tostring()
    pixels = archive.cube(document["_id"])[...]
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, fits.getdata(path))


def test_flats_know_evening_from_morning(archive, raw, write_frame):
    write_frame("Dragonfly101/2024-02-20/T1_1_flat.fits", DATE="2024-02-21T01:03:00")  # 18:03 in Denver
    write_frame("Dragonfly101/2024-02-20/T1_2_flat.fits", DATE="2024-02-21T13:20:00", seed=2)  # 06:20
    archive.ingest(raw)
    times = {d["exposure_number"]: (d["flat_time"], d["date"]) for d in archive.headers.find()}
    assert times == {1: ("evening", "2024-02-20"), 2: ("morning", "2024-02-20")}


def test_a_second_run_touches_nothing(archive, raw, write_frame):
    write_frame()
    archive.ingest(raw)
    before = list(archive.headers.find())
    report = archive.ingest(raw)
    assert (report.taken, report.unchanged) == (0, 1)
    assert list(archive.headers.find()) == before


def test_a_touched_file_with_the_same_bytes_is_the_same(archive, raw, write_frame):
    path = write_frame()
    archive.ingest(raw)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    report = archive.ingest(raw)
    assert (report.taken, report.unchanged) == (0, 1)
    document = archive.headers.find_one()
    assert document["ingest"]["revision"] == 1
    assert document["file"]["mtime"] == datetime.fromtimestamp(1_700_000_000, UTC)
    assert archive.history.count_documents({}) == 0


def test_new_bytes_under_a_known_path_are_a_revision_and_the_old_is_kept(archive, raw, write_frame):
    write_frame(EXPTIME=9.0)
    archive.ingest(raw)
    old = archive.headers.find_one()
    write_frame(EXPTIME=10.0, seed=1)
    report = archive.ingest(raw)
    assert (report.new, report.revised) == (0, 1)
    new = archive.headers.find_one()
    assert (new["ingest"]["revision"], new["header"]["EXPTIME"]) == (2, 10.0)
    kept = archive.history.find_one({"document": old["_id"]})
    assert kept["before"] == old
    np.testing.assert_array_equal(
        archive.cube(kept["before"])[...],
        np.random.default_rng(0).normal(1000, 10, (24, 32)).astype(np.uint16),
    )


def test_another_path_with_the_same_name_is_quarantined(archive, tmp_path, write_frame):
    write_frame(folder=tmp_path / "a", seed=1)
    write_frame(folder=tmp_path / "b", seed=2)
    assert archive.ingest(tmp_path / "a").exit_code == 0
    document = archive.headers.find_one()
    report = archive.ingest(tmp_path / "b")
    assert report.exit_code == 1
    (refusal,) = report.refused
    assert refusal.code == "id-conflict"
    assert "a:Dragonfly101" in refusal.message
    assert archive.headers.find_one() == document
    entry = archive.quarantine.find_one()
    assert (entry["root"], entry["code"]) == ("b", "id-conflict")


def test_two_files_of_one_run_with_the_same_name(archive, tmp_path, write_frame):
    write_frame(folder=tmp_path / "all/a", seed=1)
    write_frame(folder=tmp_path / "all/b", seed=2)
    report = archive.ingest(tmp_path / "all")
    assert (report.new, [r.code for r in report.refused]) == (1, ["id-conflict"])
    assert archive.headers.find_one()["path"].startswith("a/")


def test_equal_pixels_are_stored_once_and_found(archive, raw, write_frame):
    write_frame("Dragonfly101/2024-02-20/T1_1_dark.fits")
    write_frame("Dragonfly102/2024-02-20/T2_1_dark.fits")
    archive.ingest(raw)
    one, two = archive.headers.find().sort("_id", 1)
    assert one["pixels_digest"] == two["pixels_digest"]
    assert one["file"]["sha256"] != two["file"]["sha256"]
    assert archive.status().objects == 1


def test_a_moved_archive_of_originals_is_followed(archive, tmp_path, raw, write_frame):
    write_frame()
    archive.ingest(raw)
    moved = tmp_path / "elsewhere"
    shutil.move(raw, moved)
    archive.roots.move("raw", moved)
    report = archive.ingest(moved)
    assert (report.new, report.unchanged, report.refused) == (0, 1, [])


def test_headers_first_and_arrays_later(archive, raw, write_frame):
    path = write_frame()
    report = archive.ingest(raw, headers_only=True)
    assert report.new == 1
    early = archive.headers.find_one()
    assert (early["arrays"], early["file"]["sha256"], early["ingest"]["arrays"]) == ({}, None, "pending")
    assert archive.ingest(raw, headers_only=True).unchanged == 1
    with pytest.raises(UsageError, match="only the headers"):
        archive.cube(early["_id"])
    report = archive.ingest(raw)
    assert (report.completed, report.revised) == (1, 0)
    late = archive.headers.find_one()
    assert (late["ingest"]["revision"], late["header"]) == (1, early["header"])
    np.testing.assert_array_equal(archive.cube(late)[...], fits.getdata(path))
    assert archive.ingest(raw, headers_only=True).unchanged == 1  # never steps back


@pytest.mark.patient
def test_parallel_and_single_give_the_same_archive(tmp_path, raw, write_frame):
    for number in range(12):
        write_frame(f"Dragonfly101/2024-02-20/T1_{number}_dark.fits", seed=number)
    (raw / "Dragonfly101/2024-02-20/broken.fits").write_bytes(b"SIMPLE  = what")
    found = []
    for jobs in (1, 2):
        with open_archive(tmp_path / f"home{jobs}") as archive:
            report = archive.ingest(raw, jobs=jobs)
            assert (report.new, len(report.refused)) == (12, 1)
            found.append(
                [
                    {key: value for key, value in document.items() if key not in ("ingest", "arrays")}
                    | {"pixels": {n: r["digest"] for n, r in document["arrays"].items()}}
                    for document in archive.headers.find().sort("_id", 1)
                ]
            )
    assert found[0] == found[1]


def test_a_mended_file_leaves_the_quarantine(archive, raw, write_frame):
    path = write_frame()
    whole = path.read_bytes()
    path.write_bytes(whole[:4000])
    report = archive.ingest(raw)
    assert [r.code for r in report.refused] == ["truncated"]
    assert archive.quarantine.find_one()["hint"]
    path.write_bytes(whole)
    assert archive.ingest(raw).new == 1
    assert archive.quarantine.count_documents({}) == 0


@pytest.mark.patient
def test_a_file_that_kills_its_worker_costs_only_itself(archive, raw, write_frame, third_party_profile):
    third_party_profile(
        """
        import os, signal
        from pipelines.instruments import Claim, Clock, Derived, Profile, Take

        def derive(path, hdus):
            if "_13_" in path.name:
                os.kill(os.getpid(), signal.SIGKILL)
            return Derived()

        PROFILE = Profile(
            name="deadly",
            title="a profile that does not survive number 13",
            claims=(Claim(path=r"Dragonfly[^/]*/[^/]+/[^/]+", header=(("IMAGETYP", ".+"), ("SERIALNO", ".+"))),),
            instrument=Take(constant="deadly"),
            kind=Take(keywords=("IMAGETYP",)),
            clock=Clock(keywords=(("DATE",),)),
            derive=derive,
        )
        """
    )
    for number in range(10, 18):
        write_frame(f"Dragonfly101/2024-02-20/T1_{number}_dark.fits", seed=number)
    report = archive.ingest(raw, jobs=2, profile="deadly")
    assert report.new == 7
    (refusal,) = report.refused
    assert (refusal.code, refusal.file.endswith("T1_13_dark.fits")) == ("worker-died", True)
    assert "signal 9" in refusal.message


def test_unknown_profiles_and_paths_are_refused_before_anything_is_touched(archive, raw, write_frame):
    write_frame()
    with pytest.raises(UsageError, match=r"no instrument profile 'hubble'; there are: .*dragonfly"):
        archive.ingest(raw, profile="hubble")
    with pytest.raises(UsageError, match="is not there"):
        archive.ingest([raw, raw / "nothing"])
    with pytest.raises(UsageError, match="nothing to ingest"):
        archive.ingest([])
    assert archive.headers.count_documents({}) == 0


def test_a_forced_profile_quarantines_names_that_do_not_fit(archive, raw, write_frame):
    write_frame("plain.fits")
    report = archive.ingest(raw, profile="dragonfly")
    assert [r.code for r in report.refused] == ["name-mismatch"]
    report = archive.ingest(raw)
    assert report.new == 1
    assert archive.headers.find_one()["profile"] == "generic"
    assert archive.quarantine.count_documents({}) == 0


def test_links_inside_the_roots_are_followed_and_no_others(archive, tmp_path, raw, write_frame):
    path = write_frame()
    outside = write_frame("secret/2024-02-20/T9_9_dark.fits", folder=tmp_path / "outside")
    (raw / "inside.fits").symlink_to(path)
    (raw / "outside.fits").symlink_to(outside)
    (raw / "broken.fits").symlink_to(tmp_path / "nowhere.fits")
    report = archive.ingest(raw)
    assert {r.code for r in report.refused} == {"outside-roots", "broken-symlink"}
    assert report.new == 2


def test_names_that_are_not_utf8_are_quarantined_readably(archive, raw, write_frame):
    path = write_frame()
    os.rename(path, os.fsencode(path.parent) + b"/caf\xe9_1_dark.fits")
    report = archive.ingest(raw)
    assert [r.code for r in report.refused] == ["bad-name"]
    assert archive.quarantine.find_one()["path"].endswith("caf\\xe9_1_dark.fits")


def test_the_ledger_tells_of_every_run(archive, raw, write_frame):
    write_frame()
    report = archive.ingest(raw)
    run = archive.runs.find_one({"_id": report.run})
    assert (run["status"], run["verb"], run["result"]["new"]) == ("finished", "ingest", 1)
    assert run["finished"] >= run["started"]


def test_a_campaign_is_recorded(archive, raw, write_frame):
    write_frame()
    archive.ingest(raw, campaign="CV3")
    assert archive.headers.find_one({"campaign": "CV3"}) is not None


def test_the_document_as_ingested_is_in_the_store(archive, raw, write_frame):
    import bson
    from bson.codec_options import CodecOptions

    write_frame()
    archive.ingest(raw)
    (record,) = archive.store.records("documents/")
    kept = bson.decode(archive.store.get_record(record.key), CodecOptions(tz_aware=True))
    assert kept == archive.headers.find_one()


CHILD = """
import sys
from pipelines import open_archive
with open_archive(sys.argv[1]) as archive:
    print("ready", flush=True)
    archive.ingest(sys.argv[2], jobs=int(sys.argv[3]), progress=False)
"""


@pytest.mark.patient
@pytest.mark.parametrize("jobs", [1, 2])
def test_kill_9_at_any_moment_and_run_again(tmp_path, raw, write_frame, jobs):
    for number in range(40):
        write_frame(
            f"Dragonfly101/2024-02-20/T1_{number}_dark.fits",
            pixels=np.random.default_rng(number).normal(1000, 10, (256, 320)).astype(np.uint16),
        )
    home = tmp_path / "home"
    for delay in (0.05, 0.15, 0.3, 0.6):
        child = subprocess.Popen([sys.executable, "-c", CHILD, home, raw, str(jobs)], stdout=subprocess.PIPE, text=True)
        assert child.stdout.readline() == "ready\n"
        time.sleep(delay)
        child.kill()
        child.wait()
        child.stdout.close()
        with open_archive(home) as archive:
            for document in archive.headers.find():  # whatever is visible is complete and true
                number = int(document["exposure_number"])
                truth = np.random.default_rng(number).normal(1000, 10, (256, 320)).astype(np.uint16)
                np.testing.assert_array_equal(archive.cube(document)[...], truth)
    with open_archive(home) as archive:
        archive.ingest(raw, progress=False)
        assert archive.headers.count_documents({}) == 40
        assert archive.quarantine.count_documents({}) == 0
        assert archive.status().objects == 40


@pytest.mark.patient
def test_two_processes_take_one_night_together(tmp_path, raw, write_frame):
    for number in range(30):
        write_frame(f"Dragonfly101/2024-02-20/T1_{number}_dark.fits", seed=number)
    home = tmp_path / "home"
    children = [
        subprocess.Popen([sys.executable, "-c", CHILD, home, raw, "1"], stdout=subprocess.DEVNULL) for _ in range(3)
    ]
    assert [child.wait() for child in children] == [0, 0, 0]
    with open_archive(home) as archive:
        assert archive.headers.count_documents({}) == 30
        assert archive.quarantine.count_documents({}) == 0
        assert archive.status().objects == 30
        assert archive.ingest(raw).unchanged == 30


@pytest.mark.patient
def test_workers_import_nothing_from_where_the_user_stands(tmp_path, raw, write_frame, monkeypatch):
    for number in range(4):
        write_frame(f"Dragonfly101/2024-02-20/T1_{number}_dark.fits", seed=number)
    standing = tmp_path / "standing"
    (standing / "catalog").mkdir(parents=True)
    (standing / "catalog/__init__.py").write_text("raise SystemExit('the wrong catalog')\n")
    monkeypatch.chdir(standing)
    with open_archive(tmp_path / "home") as archive:
        report = archive.ingest(raw, jobs=2)
    assert (report.new, report.refused) == (4, [])


def test_a_fault_of_ours_costs_one_file_and_is_kept(archive, raw, write_frame, third_party_profile):
    third_party_profile(
        """
        import struct
        from pipelines.instruments import Claim, Clock, Derived, Profile, Take

        def derive(path, hdus):
            if "_13_" in path.name:
                struct.unpack(">i", b"no")
            return Derived()

        PROFILE = Profile(
            name="faulty",
            title="a profile with a fault",
            claims=(Claim(header=(("SERIALNO", "NOBODY"),)),),
            instrument=Take(constant="faulty"),
            kind=Take(keywords=("IMAGETYP",)),
            clock=Clock(keywords=(("DATE",),)),
            derive=derive,
        )
        """,
        name="faulty",
    )
    for number in (12, 13, 14):
        write_frame(f"Dragonfly101/2024-02-20/T1_{number}_dark.fits", seed=number)
    report = archive.ingest(raw, profile="faulty", jobs=1)
    assert (report.new, [r.code for r in report.refused]) == (2, ["internal-error"])
    assert "struct.error" in archive.quarantine.find_one()["reason"]
    assert "Traceback" not in repr(report)
