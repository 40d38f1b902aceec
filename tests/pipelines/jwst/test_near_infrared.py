"""Detector1 of NIRCam and NIRSpec: the real pipeline on simulated exposures whose slopes are known."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits

from pipelines.detectors.dqflags import dq_names
from pipelines.detectors.geometry import GEOMETRIES
from pipelines.detectors.irs2 import science_rows
from pipelines.errors import UsageError
from pipelines.jwst.calibrate import calibrate
from pipelines.jwst.references import MissingReferences, needed

NINTS, NGROUPS, TGROUP = 2, 6, 2.0
RATE = 50.0
"""Of every pixel that sees light, DN/s."""

CASES = {
    "NRCA1": SimpleNamespace(name="SUB64P", x=1961, y=1961, nx=64, ny=64, instrument="NIRCAM", readpatt="RAPID"),
    "NRS2": SimpleNamespace(name="SUB2048", x=1, y=1025, nx=2048, ny=32, instrument="NIRSPEC", readpatt="NRSRAPID"),
    "NIS": SimpleNamespace(name="SUB64", x=961, y=1961, nx=64, ny=64, instrument="NIRISS", readpatt="NISRAPID"),
}


def simulate(detector, window):
    """Return raw ramps on a superbias of 1000, its row 7 200 higher, with a particle that hit one pixel."""
    seconds = np.arange(1, NGROUPS + 1)[:, None, None] * TGROUP
    columns, rows = np.meshgrid(np.arange(window.x, window.x + window.nx), np.arange(window.y, window.y + window.ny))
    light = np.where(GEOMETRIES[detector].is_reference(columns, rows), 0, RATE)
    raw = 1000 + light * seconds + np.random.default_rng(7).normal(0, 5, (NINTS, NGROUPS, *light.shape))
    raw[:, :, 7] += 200
    raw[0, 3:, 20, 30] += 4000
    return raw.round().astype(np.uint16)


def write_uncal(folder, detector, window, raw):
    """Write an exposure as the ground system of JWST does."""
    from stdatamodels.jwst.datamodels import Level1bModel

    model, (nints, ngroups) = Level1bModel(data=raw), raw.shape[:2]
    meta = model.meta
    meta.telescope, meta.filename = "JWST", f"jw09999001001_02101_00001_{detector.lower()}_uncal.fits"
    meta.instrument.name, meta.instrument.detector = window.instrument, detector
    meta.instrument.filter, meta.instrument.pupil = "F150W", "CLEAR"
    if window.instrument == "NIRSPEC":
        meta.instrument.filter, meta.instrument.pupil, meta.instrument.grating = "F170LP", None, "G235H"
        meta.exposure.nrs_normal, meta.exposure.nrs_reference = 16, 4
    if detector == "NRCA1":
        meta.instrument.module, meta.instrument.channel = "A", "SHORT"
    meta.observation.date, meta.observation.time = "2024-01-01", "00:00:00.000"
    exposure = meta.exposure
    exposure.type = {"NIRCAM": "NRC_IMAGE", "NIRSPEC": "NRS_FIXEDSLIT", "NIRISS": "NIS_IMAGE"}[window.instrument]
    exposure.readpatt, exposure.nints, exposure.ngroups = window.readpatt, nints, ngroups
    exposure.nframes, exposure.groupgap, exposure.nsamples = 1, 0, 1
    exposure.integration_start, exposure.integration_end = 1, nints
    exposure.frame_time = exposure.group_time = TGROUP
    exposure.start_time, exposure.end_time = 60310.0, 60310.0 + nints * ngroups * TGROUP / 86400
    place = meta.subarray
    place.name, place.xstart, place.ystart = window.name, window.x, window.y
    place.xsize, place.ysize, place.fastaxis, place.slowaxis = window.nx, window.ny, 1, 2
    if window.instrument == "NIRSPEC":  # read by columns, NRS2 from the other side
        place.fastaxis, place.slowaxis = -2, -1
    path = folder / meta.filename
    model.save(str(path))
    model.close()
    return path


@pytest.mark.patient
@pytest.mark.parametrize("detector", ["NRCA1", pytest.param("NRS2", marks=pytest.mark.slow)])
def test_an_exposure_is_calibrated_to_the_slope_that_it_has(archive, reference_files, tmp_path, detector):
    window = CASES[detector]
    archive.ingest(write_uncal(tmp_path, detector, window, simulate(detector, window)))
    (uncal,) = archive.headers.find()
    assert uncal["qc"]["flags"] == []
    setup = {"readpatt": window.readpatt, "instrument": window.instrument, "detector": detector}
    folder = reference_files(window, nints=NINTS, ngroups=NGROUPS, **setup)
    done = calibrate(archive.session, uncal["_id"], references=folder, out=tmp_path / "products")
    ramp, rateints, rate = (archive.document(name) for name in done.products)
    for document in (ramp, rateints, rate):
        file = next((tmp_path / "products").rglob(document["_id"].rpartition("/")[2]))
        np.testing.assert_array_equal(archive.cube(document, "sci")[...], fits.getdata(file, "SCI"))
        assert document["parents"] == [uncal["_id"]]
        assert (document["instrument"], document["detector"]) == (window.instrument, detector)
    for name in ("S_SUPERB", "S_LINEAR", "S_DARK", "S_IPC", "S_JUMP", "S_RAMP"):
        assert rate["header"][name] == "COMPLETE"
    assert not {"S_RSCD", "S_RESET", "S_LASTFR"} & set(rate["calibration"]["steps_lacking"])
    inner = archive.cube(rate, "sci")[8:-8, 8:-8]
    assert np.nanmedian(inner) == pytest.approx(RATE, rel=0.01)  # the dark takes 0.01 DN/s
    flags = dq_names(ramp["header"]["CAL_VER"])
    dead = archive.cube(ramp, "pixeldq")[5, 10]
    assert dead & flags["DEAD"]
    assert dead & flags["DO_NOT_USE"]
    assert archive.cube(ramp, "groupdq")[0, 3, 20, 30] & flags["JUMP_DET"]
    # A pixel of it, by its place on the detector: raw, corrected and slope side by side.
    asked = archive.pixel(detector, x=window.x + 30, y=window.y + 20)
    (one,) = asked.read()
    assert (one.raw[..., 0] == archive.cube(uncal, "sci")[:, :, 20, 30]).all()
    np.testing.assert_array_equal(one.corrected[..., 0], archive.cube(ramp, "sci")[:, :, 20, 30])
    assert archive.pixel(detector, x=window.x + 30, y=window.y + 7).read_slopes()[0].slope.mean() == pytest.approx(
        RATE, rel=0.05
    )  # the row that the superbias brings to the others


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("detector", ["NRS1", "NRS2"])
def test_the_pipeline_finds_the_pixels_of_interleaved_readout_where_darkroom_does(
    archive, reference_files, tmp_path, detector
):
    """Stars on known pixels of the raw frame, at its rows by our map: in the slopes they lie at the same x and y."""
    from stdatamodels.jwst.datamodels import IRS2Model

    window = SimpleNamespace(name="FULL", x=1, y=1, nx=2048, ny=2048, instrument="NIRSPEC", readpatt="NRSIRS2RAPID")
    stars = [(700, 900), (1001, 8), (1002, 9), (300, 2000), (1500, 513), (44, 1024)]
    raw = np.full((1, 3, 3200, 2048), 1000, np.uint16)
    raw += np.random.default_rng(1).integers(0, 8, raw.shape, dtype=np.uint16)
    for n, (x, y) in enumerate(stars):
        raw[0, :, science_rows(detector)[y - 1], x - 1] += np.array([1, 2, 3], np.uint16) * 1000 * (n + 1)
    archive.ingest(write_uncal(tmp_path, detector, window, raw))
    (uncal,) = archive.headers.find()
    setup = {"readpatt": window.readpatt, "instrument": "NIRSPEC", "detector": detector, "nints": 1, "ngroups": 3}
    folder = reference_files(window, minimal=True, **setup)
    table = np.zeros(2 * 712 * 2048, [(f"{name}_{n}", "<f4") for name in ("alpha", "beta") for n in range(4)])
    model = IRS2Model(irs2_table=table)
    model.dq_table = np.zeros(1, [("OUTPUT", "<u2"), ("ODD_EVEN", "<u2"), ("MASK", "<u4")])
    model.meta.reftype, model.meta.pedigree, model.meta.author = "REFPIX", "DUMMY", "test"
    model.meta.description, model.meta.useafter = "no correction", "2000-01-01T00:00:00"
    model.meta.instrument.name, model.meta.instrument.detector = "NIRSPEC", detector
    model.save(str(folder / "refpix.fits"))
    left_out = ("dq_init", "saturation", "ipc", "superbias", "linearity", "dark_current", "jump")
    done = calibrate(archive.session, uncal["_id"], references=folder, skip=left_out, out=tmp_path / "products")
    for n, (x, y) in enumerate(stars):
        asked = archive.pixel(detector, x=x, y=y)
        assert np.diff(asked.read()[0].raw[0, :, 0].astype(int)) == pytest.approx(1000 * (n + 1), abs=20)
        assert asked.read_slopes()[0].slope.mean() == pytest.approx(1000 * (n + 1) / TGROUP, rel=0.05)
    assert len(done.products) == 3


def test_an_instrument_on_which_it_was_never_tried_is_refused_by_name(archive, tmp_path):
    pytest.importorskip("stdatamodels")
    archive.ingest(write_uncal(tmp_path, "NIS", CASES["NIS"], simulate("NIS", CASES["NIS"])))
    (uncal,) = archive.headers.find()
    with pytest.raises(UsageError, match="is of NIRISS; detector1 takes MIRI, NIRCam and NIRSpec"):
        calibrate(archive.session, uncal["_id"])


def test_references_of_another_instrument_or_of_none_are_named(archive, reference_files, tmp_path):
    window = CASES["NRCA1"]
    archive.ingest(write_uncal(tmp_path, "NRCA1", window, simulate("NRCA1", window)))
    (uncal,) = archive.headers.find()
    folder = reference_files(window, nints=NINTS, ngroups=NGROUPS, readpatt="RAPID", minimal=True)  # of MIRI
    with pytest.raises(MissingReferences, match=r"mask \(for dq_init\).*superbias \(for superbias\)"):
        calibrate(archive.session, uncal["_id"], references=folder)
    with pytest.raises(UsageError, match=r"no step rscd for NIRCAM; it has: group_scale.*superbias"):
        calibrate(archive.session, uncal["_id"], references=folder, skip=["rscd"])


def test_the_interleaved_readout_alone_needs_a_reference_for_its_reference_pixels():
    plain, interleaved = ({"instrument": "NIRSPEC", "readpatt": name} for name in ("NRSRAPID", "NRSIRS2RAPID"))
    assert "refpix" not in needed(plain, [])
    assert needed(interleaved, [])["refpix"] == ["refpix"]
