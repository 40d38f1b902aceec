"""Pixels of every JWST detector: found, read, searched and exported alike, MIRI, NIRCam, NIRSpec, NIRISS and FGS."""

import filecmp

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipelines import open_archive
from pipelines.cli import app
from pipelines.detectors.geometry import GEOMETRIES
from pipelines.detectors.irs2 import science_rows
from pipelines.pixels.coordinates import NoSuchPixel

EXPOSURES = [(detector, 1) for detector in GEOMETRIES] + [("NRCA1", 2)]
X, Y, NX, NY = 901, 801, 64, 32
NINTS, NGROUPS = 2, 5


def primary(detector, number, **more):
    header = fits.Header()
    cards = {
        "TELESCOP": "JWST", "INSTRUME": GEOMETRIES[detector].instrument, "DETECTOR": detector, "SUBARRAY": "SUB64P",
        "SUBSTRT1": X, "SUBSTRT2": Y, "SUBSIZE1": NX, "SUBSIZE2": NY, "NINTS": NINTS, "NGROUPS": NGROUPS,
        "NFRAMES": 1, "TGROUP": 2.2, "READPATT": "RAPID", "EXPSTART": 60000.0 + number, "EXPEND": 60000.001 + number,
        "DATE-OBS": f"2023-02-2{4 + number}", "TIME-OBS": "00:00:00.0", "FILTER": "F150W2", "PUPIL": "F162M", **more,
    }  # fmt: skip
    header.update(cards)
    return fits.PrimaryHDU(header=header)


def write(folder, detector, number, rng):
    """Write an exposure: raw, with the first read by itself, ramp and slopes; return their values."""
    stem = folder / f"jw01_0{number}_{detector.lower()}"
    raw = (np.cumsum(rng.poisson(30, (NINTS, NGROUPS, NY, NX)), axis=1) + 1000).astype(np.uint16)
    zero = raw[:, 0] - 7
    groupdq = np.zeros(raw.shape, np.uint8)
    groupdq[0, 3, 5, 6] = 4
    pixeldq = rng.integers(0, 2, (NY, NX)).astype(np.uint32) << 11
    slope = rng.normal(10, 1, (NINTS, NY, NX)).astype(np.float32)
    image = fits.ImageHDU
    fits.HDUList([
        primary(detector, number, DATAMODL="Level1bModel"), image(raw, name="SCI"), image(zero, name="ZEROFRAME")
    ]).writeto(f"{stem}_uncal.fits")  # fmt: skip
    ramp = raw.astype(np.float32) - 1000
    fits.HDUList([
        primary(detector, number, DATAMODL="RampModel", CAL_VER="1.17.1"), image(ramp, name="SCI"),
        image(pixeldq, name="PIXELDQ"), image(groupdq, name="GROUPDQ"),
    ]).writeto(f"{stem}_ramp.fits")  # fmt: skip
    dq = rng.integers(0, 2, slope.shape).astype(np.uint32) << 10
    fits.HDUList([
        primary(detector, number, DATAMODL="CubeModel", CAL_VER="1.17.1", BUNIT="DN/s"), image(slope, name="SCI"),
        image(slope / 4, name="ERR"), image(dq, name="DQ"),
    ]).writeto(f"{stem}_rateints.fits")  # fmt: skip
    return raw, ramp, zero, groupdq, pixeldq, slope, dq


@pytest.fixture(scope="module")
def exposures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nir")
    (folder / "files").mkdir()
    rng = np.random.default_rng(3)
    truth = {(d, n): write(folder / "files", d, n, rng) for d, n in EXPOSURES}
    with open_archive(folder / "home") as archive:
        report = archive.ingest(folder / "files", jobs=1)
        assert not report.refused
        yield archive, truth, folder


@settings(max_examples=60)
@given(
    detector=st.sampled_from(sorted(GEOMETRIES)), x=st.integers(X, X + NX - 1), y=st.integers(Y, Y + NY - 1)
)  # fmt: skip
def test_every_value_is_the_files(exposures, detector, x, y):
    archive, truth, _ = exposures
    selection = archive.pixel(detector, x=x, y=y)
    numbers = [number for name, number in EXPOSURES if name == detector]
    i, j = y - Y, x - X
    for number, ramps, slopes in zip(numbers, selection.read(), selection.read_slopes(), strict=True):
        raw, ramp, _, groupdq, pixeldq, slope, dq = truth[detector, number]
        assert (ramps.raw[..., 0] == raw[:, :, i, j]).all()
        assert (ramps.corrected[..., 0] == ramp[:, :, i, j]).all()
        assert (ramps.groupdq[..., 0] == groupdq[:, :, i, j]).all()
        assert ramps.pixeldq[0] == pixeldq[i, j]
        assert (slopes.slope[:, 0] == slope[:, i, j]).all()
        assert (slopes.error[:, 0] == slope[:, i, j] / 4).all()
        assert (slopes.dq[:, 0] == dq[:, i, j]).all()
    assert selection.places.ids.tolist() == [(y - 1) * GEOMETRIES[detector].columns + x]
    assert list(selection.unread) == []


def test_the_filter_is_that_of_both_wheels(exposures):
    archive, _, _ = exposures
    filters = archive.headers.distinct("obs.filter", {"instrument": "NIRCAM"})
    assert filters == ["f150w2+f162m"]


def test_products_that_contradict_each_other_stand_apart_and_are_named(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    raw, *_ = write(folder, "NRCA1", 1, np.random.default_rng(1))
    with fits.open(folder / "jw01_01_nrca1_ramp.fits", mode="update") as hdus:
        hdus[0].header["SUBSTRT1"] = X + 10
    two = [fits.ImageHDU(raw, fits.Header({"DETECTOR": name}), name="SCI") for name in ("NRCA1", "NRCA2")]
    fits.HDUList([primary("NRCA1", 2, DATAMODL="Level1bModel"), *two]).writeto(folder / "jw01_02_two_uncal.fits")
    with open_archive(tmp_path / "home") as archive:
        (refused,) = archive.ingest(folder, jobs=1, progress=False).refused
        assert "several detectors, NRCA1, NRCA2" in str(refused)
        asked = archive.pixel("NRCA1", x=X + 12, y=Y + 3)
        one, other = asked.read()
        assert (one.corrected, other.raw) == (None, None)
        assert (one.raw[..., 0] == raw[:, :, 3, 12]).all()
        assert (other.corrected[..., 0] == raw[:, :, 3, 2].astype(np.float32) - 1000).all()
        (row,) = asked.unread
        assert "its window, 64 x 32 from 911, 801, is not that of the raw ramps, 64 x 32 from 901, 801" in row["reason"]


def spoil(path, change):
    """Write a file anew, changed by a function of its HDUs."""
    with fits.open(path) as hdus:
        change(hdus)
        hdus.writeto(path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def another_detector(hdus):
    hdus[0].header["DETECTOR"] = "NRCB4"


def one_integration_more(hdus):
    for name in ("SCI", "ERR", "DQ"):
        hdus[name].data = np.concatenate([hdus[name].data, hdus[name].data[:1]])
    hdus[0].header["NINTS"] = NINTS + 1


def another_corner(hdus):
    hdus[0].header["SUBSTRT2"] = Y + 1


def wrong_number_of_groups(hdus):
    hdus[0].header["NGROUPS"] = 9


@pytest.mark.parametrize(
    ("product", "change", "asked", "flag", "said"),
    [
        ("ramp", another_detector, "NRCB4", "detector-conflict: 1 file: the file is named for another detector",
         "ramp: is named for another detector than its header says"),
        ("rateints", one_integration_more, "NRCA4", "",
         "has 3 integrations where the corrected ramps have 2; both are shown"),
        ("rateints", another_corner, "NRCA4", "", "its window is not that of the corrected ramps; both are shown"),
        ("uncal", wrong_number_of_groups, "NRCA4", "ngroups-conflict: 1 file: NGROUPS is not that of the pixels", ""),
    ],
)  # fmt: skip
def test_what_contradicts_is_said_by_name_on_the_command_line(tmp_path, product, change, asked, flag, said):
    folder = tmp_path / "files"
    folder.mkdir()
    write(folder, "NRCA4", 1, np.random.default_rng(1))
    spoil(folder / f"jw01_01_nrca4_{product}.fits", change)

    def run(*arguments):
        return CliRunner().invoke(app, ["--home", str(tmp_path / "home"), *map(str, arguments)])

    assert flag in run("ingest", folder).stdout
    shown = run("pixel", asked, X + 3, Y + 4)
    assert "jw01_01_nrca4" in shown.stdout
    assert said in shown.stderr
    assert shown.exit_code == int(bool(said))


def test_the_rate_history_holds_every_detector(exposures):
    archive, truth, _ = exposures
    plain = archive.pixel("NRCA1", x=X + 3, y=Y + 4).history()
    report = archive.pixels.update_rates("NRCA1", progress=False)
    assert report.planes == 2 * NINTS
    assert archive.pixel("NRCA1", x=X + 3, y=Y + 4).history().identical(plain)
    expected = np.concatenate([truth["NRCA1", n][5][:, 4, 3] for n in (1, 2)])
    np.testing.assert_array_equal(plain.slope.values, expected)


@pytest.mark.parametrize("detector", ["MIRIFULONG", "NRCA1", "NRCBLONG", "NRS2", "NIS", "GUIDER2"])
def test_flags_and_values_are_searched(exposures, detector):
    archive, _, _ = exposures
    where = {"detector": detector}
    counted = archive.find_flag("JUMP_DET", where=where)
    assert counted.total("flagged") == sum(name == detector for name, _ in EXPOSURES)
    assert counted.images[detector].shape == GEOMETRIES[detector].shape
    assert np.argwhere(counted.images[detector]).tolist() == [[Y - 1 + 5, X - 1 + 6]]
    found = archive.find_above(sigmas=3.0, where=where)
    assert all(row["pixel_id"] == GEOMETRIES[detector].pixel_id(row["x"], row["y"]) for row in found.pixels)


def test_the_first_read_is_an_array_of_its_own_and_files_come_back_byte_for_byte(exposures, tmp_path):
    archive, truth, folder = exposures
    for document in archive.headers.find({"kind": "uncal", "instrument": {"$ne": "MIRI"}}):
        number = int(document["path"][6])
        assert (archive.cube(document, "zeroframe")[...] == truth[document["detector"], number][2]).all()
    for document in archive.headers.find({"detector": {"$in": ["NRCA1", "NIS"]}}):
        archive.export(document["_id"], tmp_path / "out.fits")
        assert filecmp.cmp(tmp_path / "out.fits", folder / "files" / document["path"], shallow=False)
        (tmp_path / "out.fits").unlink()


@pytest.mark.patient
@pytest.mark.parametrize("detector", ["NRS1", "NRS2"])
def test_a_raw_pixel_of_irs2_readout_is_where_the_calibrated_one_is(tmp_path, detector):
    rng = np.random.default_rng(5)
    raw = rng.integers(0, 1000, (1, 2, 3200, 2048)).astype(np.uint16)
    full = {"SUBARRAY": "FULL", "SUBSTRT1": 1, "SUBSTRT2": 1, "SUBSIZE1": 2048, "SUBSIZE2": 2048}
    header = primary(detector, 1, **full, DATAMODL="Level1bModel", READPATT="NRSIRS2RAPID", NINTS=1, NGROUPS=2)
    file = tmp_path / "raw" / f"jw01_01_{detector.lower()}_uncal.fits"
    file.parent.mkdir()
    fits.HDUList([header, fits.ImageHDU(raw, name="SCI")]).writeto(file)
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(file, jobs=1)
        document = archive.headers.find_one({})
        assert document["qc"]["flags"] == []
        (ramps,) = archive.pixel(detector, x=1000, y=1500).read()
        assert (ramps.raw[..., 0] == raw[:, :, science_rows(detector)[1499], 999]).all()
        archive.export(document["_id"], tmp_path / "out.fits")
        assert filecmp.cmp(tmp_path / "out.fits", file, shallow=False)


def test_what_does_not_exist_is_named(exposures):
    archive, _, _ = exposures
    with pytest.raises(NoSuchPixel, match="is it NRCA4"):
        archive.pixel("NRCA9", x=1, y=1)
    with pytest.raises(NoSuchPixel, match="2048"):
        archive.pixel("NRCA1", x=2049, y=1)
    assert archive.pixel("nrca5", x=X, y=Y).detector == "NRCALONG"


SEGMENTS = {1: (1, 2), 2: (3, 4), 3: (5, 6)}


def write_segment(folder, number, rng, gap):
    """A third of an exposure of six integrations; between the fourth and the fifth the clock stood for a while."""
    first, last = SEGMENTS[number]
    middles = [60001.0 + n * 1e-4 + (gap if n > 4 else 0.0) for n in range(first, last + 1)]
    times = fits.BinTableHDU.from_columns([
        fits.Column("integration_number", "J", array=np.arange(first, last + 1)),
        fits.Column("int_mid_MJD_UTC", "D", array=np.asarray(middles)),
    ], name="INT_TIMES")  # fmt: skip
    cards = {"EXSEGNUM": number, "EXSEGTOT": 3, "INTSTART": first, "INTEND": last, "CAL_VER": "1.17.1"}
    header = primary("NRCA1", 1, **{**cards, "NINTS": 6, "DATAMODL": "CubeModel", "BUNIT": "DN/s"})
    slope = rng.normal(10, 1, (2, NY, NX)).astype(np.float32)
    planes = [("SCI", slope), ("ERR", np.ones_like(slope)), ("DQ", np.zeros(slope.shape, np.uint32))]
    images = [fits.ImageHDU(values, name=name) for name, values in planes]
    stem = f"jw01_01-seg{number:03}_nrca1_rateints.fits"
    fits.HDUList([header, *images, times]).writeto(folder / stem)
    return middles


def test_times_are_those_of_the_table_and_a_missing_segment_is_a_hole(tmp_path):
    (tmp_path / "files").mkdir()
    rng = np.random.default_rng(9)
    middles = [mjd for number in (1, 3) for mjd in write_segment(tmp_path / "files", number, rng, gap=0.5)]
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(tmp_path / "files", jobs=1)
        selection = archive.pixel("NRCA1", x=X + 3, y=Y + 4)
        slopes, history = selection.slopes(), selection.history()
        assert np.isnan(slopes.slope.values[0]).tolist() == [False, False, True, True, False, False]
        assert slopes.dq.values[0].tolist() == [0, 0, 1, 1, 0, 0]
        assert slopes.missing.values.tolist() == [2]
        assert (history.attrs["times_by"], history.attrs["missing"]) == (["INT_TIMES"], ["jw01_01_nrca1: 3-4"])
        days = (history.time.values - np.datetime64("1858-11-17", "ns")) / np.timedelta64(1, "D")
        np.testing.assert_allclose(days, middles, rtol=0, atol=1e-9)
        assert any("segment 2 of 3 is not in the archive" in row["reason"] for row in selection.unread)


def test_a_group_is_the_mean_of_its_frames(tmp_path):
    rng = np.random.default_rng(2)
    (tmp_path / "files").mkdir()
    raw = rng.integers(0, 1000, (1, 3, NY, NX)).astype(np.uint16)
    groups = {"NGROUPS": 3, "NFRAMES": 4, "GROUPGAP": 1, "TFRAME": 2.0, "TGROUP": 10.0}
    header = primary("NIS", 1, NINTS=1, **groups, DATAMODL="Level1bModel")
    fits.HDUList([header, fits.ImageHDU(raw, name="SCI")]).writeto(tmp_path / "files/jw01_01_nis_uncal.fits")
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(tmp_path / "files", jobs=1)
        # Frames end at 2, 4, 6, 8 s, one is dropped, then at 12, 14, ...: means of four each.
        assert archive.pixel("NIS", x=X, y=Y).ramps().elapsed.values[0].tolist() == [5.0, 15.0, 25.0]


def test_slopes_without_the_table_go_by_that_of_their_raw_exposure(tmp_path):
    (tmp_path / "files").mkdir()
    rng = np.random.default_rng(4)
    write(tmp_path / "files", "NIS", 1, rng)
    times = fits.BinTableHDU.from_columns([
        fits.Column("integration_number", "J", array=np.arange(1, NINTS + 1)),
        fits.Column("int_mid_MJD_UTC", "D", array=np.asarray([60001.25, 60001.75])),
    ], name="INT_TIMES")  # fmt: skip
    with fits.open(tmp_path / "files/jw01_01_nis_uncal.fits", mode="append") as file:
        file.append(times)
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(tmp_path / "files", jobs=1)
        history = archive.pixel("NIS", x=X, y=Y).history()
        assert history.attrs["times_by"] == ["INT_TIMES"]
        hours = (history.time.values - history.time.values[0]) / np.timedelta64(1, "h")
        np.testing.assert_allclose(hours, [0.0, 12.0], atol=1e-4)
