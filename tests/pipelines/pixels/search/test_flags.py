"""Ramps by flag: against numpy over the files' own arrays, both places a flag can be in, every version's names."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from pipelines import open_archive
from pipelines.demo.campaign import simulate_campaign
from pipelines.demo.products import simulate_calibration
from pipelines.detectors.dqflags import UnknownFlag
from pipelines.detectors.numbering import pixel_id
from pipelines.errors import UsageError
from pipelines.pixels.search import NoExposures, flagged_ramps, pixels_with
from tests.pipelines.command import darkroom

JUMP_DET, HOT, REFERENCE_PIXEL = 4, 1 << 11, 1 << 31


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """Three exposures with their products in an archive, one calibrated by an old version."""
    folder = tmp_path_factory.mktemp("flags")
    truth = simulate_campaign(folder / "raw", exposures=3, nints=2, ngroups=8)
    versions = ("3.0.0", "1.17.1", "1.11.4")
    flight = [exposure for exposure in truth.exposures if not exposure.ground]
    for exposure, version in zip(flight, versions, strict=True):
        simulate_calibration(exposure.path, folder / "products", version=version)
    with open_archive(folder / "home") as archive:
        archive.ingest(folder / "products")
        yield archive, sorted((folder / "products").glob("*_ramp.fits")), truth


def has(path, bit):
    """Where ramps of a file have a bit: in a group, or in the pixel."""
    with fits.open(path) as hdus:
        groups = (hdus["GROUPDQ"].data & (bit & 0xFF)) != 0
        pixel = (hdus["PIXELDQ"].data.astype(np.uint32) & np.uint32(bit)) != 0
    return groups, np.broadcast_to(pixel, (groups.shape[0], *pixel.shape))


@pytest.mark.parametrize(("name", "bit"), [("JUMP_DET", JUMP_DET), ("hot", HOT), ("REFERENCE_PIXEL", REFERENCE_PIXEL)])
def test_counts_are_those_of_the_files(campaign, name, bit):
    archive, files, truth = campaign
    counted = pixels_with(archive.session, name)
    assert len(counted.exposures) == 3
    image = np.zeros((1024, 1032), int)
    for row, path in zip(counted.exposures, files, strict=True):
        groups, pixel = has(path, bit)
        ramps = groups.any(axis=1)
        assert row["document"].endswith(path.name)
        assert (row["ramps"], row["flagged"]) == (ramps.size, (ramps | pixel).sum())
        assert (row["in_groups"], row["in_pixel"], row["groups"]) == (ramps.sum(), pixel.sum(), groups.sum())
        assert row["pixels"] == (ramps | pixel).any(axis=0).sum()
        image[truth.subarray.y - 1 :, truth.subarray.x - 1 :][: truth.subarray.ny, : truth.subarray.nx] += (
            ramps | pixel
        ).sum(axis=0)
    np.testing.assert_array_equal(counted.images["MIRIMAGE"], image)
    assert counted.total("flagged") == image.sum() > 0
    x, y = (int(index) + 1 for index in np.argwhere(image)[0][::-1])
    assert counted.to_xarray()["MIRIMAGE"].sel(x=x, y=y) == image[y - 1, x - 1]


def test_hot_pixels_are_flagged_in_the_pixel_alone(campaign):
    """The flags of groups have eight bits: who reads them only finds no hot pixel at all."""
    archive, _, _ = campaign
    counted = pixels_with(archive.session, "HOT")
    assert counted.total("in_groups") == 0
    assert counted.total("in_pixel") == counted.total("flagged") > 0


def test_every_ramp_is_listed_once(campaign):
    archive, files, truth = campaign
    listed = {}
    for found in flagged_ramps(archive.session, ["JUMP_DET", "HOT"]):
        for k in range(len(found.x)):
            key = (found.document.rpartition("/")[2], *(int(v[k]) for v in (found.integration, found.y, found.x)))
            assert key not in listed
            listed[key] = (bool(found.in_groups[k]), bool(found.in_pixel[k]))
            assert found.pixel_id[k] == pixel_id(key[3], key[2])
    expected = {}
    for path in files:
        groups, pixel = has(path, JUMP_DET | HOT)
        ramps = groups.any(axis=1)
        for i, j, k in np.argwhere(ramps | pixel).tolist():
            place = (path.name, i + 1, truth.subarray.y + j, truth.subarray.x + k)
            expected[place] = (bool(ramps[i, j, k]), bool(pixel[i, j, k]))
    assert listed == expected


def test_slopes_stand_in_for_a_ramp_that_is_not_there(campaign, archive, tmp_path):
    _, files, _ = campaign
    slopes = files[0].with_name(files[0].name.replace("_ramp", "_rateints"))
    mean = files[1].with_name(files[1].name.replace("_ramp", "_rate"))
    archive.ingest([slopes, mean])
    for row, path in zip(pixels_with(archive.session, "JUMP_DET").exposures, (slopes, mean), strict=True):
        dq = fits.getdata(path, "DQ")
        assert (row["ramps"], row["flagged"]) == (dq.size, ((dq & JUMP_DET) != 0).sum())


def test_names_go_by_the_version_of_each_product(campaign):
    archive, files, _ = campaign
    counted = pixels_with(archive.session, "CHARGELOSS")  # in 1.11 the bit was called UNDERSAMP
    assert len(counted.exposures) == 2
    assert [name.rpartition("/")[2] for name in counted.unnamed] == [files[2].name]
    assert "1 products of versions that have no flag of this name" in repr(counted)
    assert len(pixels_with(archive.session, "UNDERSAMP").exposures) == 1


def test_an_unknown_flag_lists_the_names(campaign):
    archive, _, _ = campaign
    with pytest.raises(UnknownFlag, match="'JUMPY'; there are: DO_NOT_USE, SATURATED, JUMP_DET"):
        pixels_with(archive.session, "JUMPY")
    with pytest.raises(UnknownFlag):
        list(flagged_ramps(archive.session, ["JUMP_DET", "JUMPY"]))


def test_no_exposures(archive, campaign):
    with pytest.raises(NoExposures, match="ingest ramp or rateints products, or calibrate"):
        pixels_with(archive.session, "HOT")
    with pytest.raises(NoExposures, match=r"answers to .*MIRIFULONG"):
        pixels_with(campaign[0], "HOT", where={"detector": "MIRIFULONG"})


def test_a_product_that_cannot_be_read_is_told(campaign, archive):
    _, files, _ = campaign
    archive.ingest(files)
    broken = archive.headers.find_one({"_id": {"$regex": files[1].name}})
    digest = broken["arrays"]["groupdq"]["digest"]
    (shard,) = Path(archive.store.url.removeprefix("file://")).glob(f"objects/*/{digest}/c.*")
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    counted = pixels_with(archive.session, "JUMP_DET")
    assert list(counted.unreadable) == [broken["_id"]]
    assert len(counted.exposures) == 2
    assert "could not be read, and is not counted" in repr(counted)


@pytest.mark.patient
def test_on_the_command_line(campaign):
    archive, files, _ = campaign
    home = archive.store.url.removeprefix("file://").removesuffix("/store")
    command = partial(darkroom, "--home", home, "find", "flag", "JUMP_DET")
    answer = json.loads(command("--json").stdout)
    assert answer["flagged"] == pixels_with(archive.session, "JUMP_DET").total("flagged")
    where = json.dumps({"calibration.version": "1.17.1"})
    lines = command("--ramps", "--where", where).stdout.splitlines()
    groups, pixel = has(files[1], JUMP_DET)
    assert len(lines) == (groups.any(axis=1) | pixel).sum()
    assert lines[0].split(",")[0].endswith(files[1].name)
    unknown = command("JUMPY")
    assert (unknown.returncode, "there are: DO_NOT_USE" in unknown.stderr) == (2, True)


def test_workers_of_a_scheduler_count_and_read_the_same(campaign, worker_threads):
    archive, _, _ = campaign
    here = archive.find_flag("JUMP_DET", progress=False)
    there = archive.find_flag("JUMP_DET", scheduler=worker_threads, progress=False)
    assert list(there.exposures) == list(here.exposures)
    assert {name: image.tobytes() for name, image in there.images.items()} == {
        name: image.tobytes() for name, image in here.images.items()
    }
    alone = archive.pixel("MIRIMAGE", x=40, y=800)
    for scheduler in (None, worker_threads):
        read = archive.pixels(["MIRIMAGE"], x=40, y=800, scheduler=scheduler, progress=False)["MIRIMAGE"]
        assert read.ramps().equals(alone.ramps())
        assert list(read.unread) == list(alone.unread)
    with pytest.raises(UsageError, match="several detectors are a list"):
        archive.pixels("MIRIMAGE", x=1, y=1)
