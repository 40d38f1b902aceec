"""Walking: links to folders, loops, what a Mac leaves, endings of other archives; names of documents."""

import gzip
import os

import numpy as np
import pytest
from astropy.io import fits

from pipelines.ingest.file import Task, take
from pipelines.ingest.walk import candidates, is_fits_name
from pipelines.instruments import profiles


class Roots(dict):
    def all(self):
        return dict(self)

    def covering(self, folder):
        self.setdefault(folder.name, folder)
        return folder.name


def names(folder):
    """The files found, where the disks beside the folder are named roots."""
    disks = {name: folder.parent / name for name in ("disk1", "disk2")}
    return [found.located.path for found in candidates([folder], roots=Roots(disks))]


@pytest.fixture
def tree(tmp_path):
    for name in ("disk1/2024-03-01", "disk2/2024-03-02", "data/2024-03-03"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "d.fits").write_bytes(name.encode())
    for name, disk in (("2024-03-01", "disk1"), ("2024-03-02", "disk2")):
        os.symlink(f"../{disk}/{name}", tmp_path / "data" / name)
    return tmp_path / "data"


def test_nights_that_are_links_to_other_disks_are_taken_where_the_disks_are_roots(tree):
    outside = list(candidates([tree], roots=Roots()))
    assert [found.problem[0] for found in outside if found.problem] == ["outside-roots", "outside-roots"]
    assert "darkroom root add" in outside[0].problem[2]
    assert names(tree) == ["2024-03-01/d.fits", "2024-03-02/d.fits", "2024-03-03/d.fits"]


def test_a_loop_ends_and_a_folder_counts_once_by_its_own_name(tree):
    os.symlink("2024-03-03", tree / "0-latest")
    os.symlink("..", tree / "2024-03-03" / "up")
    os.symlink("../../disk1/2024-03-01", tree / "again")
    os.symlink("nowhere", tree / "gone")
    assert names(tree) == ["2024-03-01/d.fits", "2024-03-02/d.fits", "2024-03-03/d.fits"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        *((name, True) for name in ("a.fits", "a.FIT", "a.fits.Z", "a.evt", "a.ftz", "a.evt.gz", "a.fz", "a.fits.bz2")),
        *((name, False) for name in ("._a.fits", "a.txt", "a.Z", "fits", "a.fits.txt")),
    ],
)
def test_names(name, told):
    assert is_fits_name(name) is told


def test_a_file_packed_by_compress_is_in_quarantine_and_said(archive, raw):
    (raw / "a.fits.Z").write_bytes(b"\x1f\x9d\x90" + bytes(100))
    (raw / "._b.fits").write_bytes(b"Mac OS X")
    report = archive.ingest(raw)
    assert [refusal.file.rpartition("/")[2] for refusal in report.refused] == ["a.fits.Z"]
    assert report.files == 1


def test_every_night_is_taken_where_numbers_start_anew(archive, raw):
    for night in (1, 2):
        for number in range(2):
            folder = raw / f"2024-03-0{night}" / "raw" / "dark"
            folder.mkdir(parents=True, exist_ok=True)
            header = fits.Header({"IMAGETYP": "DARK", "DATE-OBS": f"2024-03-0{night}T20:00:0{number}"})
            fits.PrimaryHDU(np.full((4, 4), night * 10 + number, np.uint16), header).writeto(folder / f"d{number}.fits")
    report = archive.ingest(raw)
    assert (report.new, report.refused) == (4, [])
    assert archive.document("raw/2024-03-01/raw/dark/d0.fits")["date"] == "2024-03-01"


def test_a_root_of_an_earlier_release_keeps_three_components(archive, raw):
    folder = raw / "2024-03-01" / "raw" / "dark"
    folder.mkdir(parents=True)
    fits.PrimaryHDU(np.zeros((4, 4), np.uint16)).writeto(folder / "d0.fits")
    archive.catalog.roots.insert_one({"_id": "raw", "folder": str(raw)})
    archive.ingest(raw)
    assert [doc["_id"] for doc in archive.headers.find()] == ["raw/dark/d0.fits"]
    # What is named stays named, and so does what comes later.
    (folder / "d1.fits.gz").write_bytes(gzip.compress((folder / "d0.fits").read_bytes()))
    archive.ingest(raw)
    assert sorted(doc["_id"] for doc in archive.headers.find()) == ["raw/dark/d0.fits", "raw/dark/d1.fits.gz"]


@pytest.mark.parametrize("swapped", ["file", "link"])
def test_a_link_put_in_place_after_the_walk_is_not_followed(tmp_path, swapped):
    """What was checked against the roots is what is opened: neither a file nor the target of a link may become one."""
    raw, secret = tmp_path / "raw", tmp_path / "secret.fits"
    raw.mkdir()
    fits.PrimaryHDU(np.ones((2, 3), np.int16)).writeto(raw / "a.fits")
    fits.PrimaryHDU(np.zeros((2, 3), np.int16)).writeto(secret)
    (raw / "b.fits").symlink_to("a.fits")
    found = {candidate.located.path: candidate for candidate in candidates([raw], roots=Roots())}
    task = Task(found["b.fits" if swapped == "link" else "a.fits"], headers_only=True)
    assert take(task, store=None, profiles=profiles()).state == "taken"
    (raw / "b.fits").unlink()
    (raw / "b.fits").symlink_to(secret)  # nobody asks where it leads now
    assert take(task, store=None, profiles=profiles()).state == "taken"
    (raw / "a.fits").unlink()
    (raw / "a.fits").symlink_to(secret)
    outcome = take(task, store=None, profiles=profiles())
    assert (outcome.state, outcome.code) == ("refused", "unreadable")
    assert "link" in outcome.message
