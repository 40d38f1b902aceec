"""Calibrated frames against ccdproc, against the truth, and what is said of frames that lack a master."""

from datetime import timedelta

import astropy.units as u
import ccdproc
import numpy as np
import pytest
from astropy.nddata import CCDData, VarianceUncertainty

from pipelines import Refused, Rules, UsageError, open_archive
from pipelines.calibration.apply.plan import corrections
from tests.pipelines.calibration.apply.conftest import GAIN, NIGHT, READ_NOISE, SKY, Camera, named, write


def masters_of(archive, name):
    """The correction of a frame."""
    (found,) = corrections(archive.session, [archive.document(name)])
    return found


def read(archive, master, folder):
    """A master as ccdproc has it: its export."""
    path = folder / f"{master['kind']}.fits"
    archive.calibration.export(master["_id"], path)
    return CCDData.read(path, unit=u.dimensionless_unscaled if master["kind"] == "flat" else u.adu)


def raw(archive, name, found):
    """The raw frame as ccdproc has it, with the variance that we give a sample."""
    data = archive.cube(name)[...].astype(float)
    level = np.median(archive.cube((found.dark or found.bias)["_id"])[...])
    if found.bias is not None and found.dark is not None:
        bias, dark = (archive.cube(doc["_id"])[...].astype(float) for doc in (found.bias, found.dark))
        level = np.median(bias + (dark - bias) * found.scale)
    variance = found.conversion.read_noise**2 + np.maximum(data - level, 0) / found.conversion.gain
    frame = CCDData(data, unit="adu", uncertainty=VarianceUncertainty(variance), mask=np.zeros(data.shape, bool))
    frame.header["EXPTIME"] = archive.document(name)["header"]["EXPTIME"]
    return frame


def variance_of(frame):
    return frame.uncertainty.represent_as(VarianceUncertainty).array


def test_a_frame_with_its_dark_is_what_ccdproc_makes_of_it(lights, tmp_path):
    name = named(lights, "light_120_00.fits")
    ours = lights.calibrated(name)
    found = masters_of(lights, name)
    assert found.scale == 1
    assert found.bias is None
    dark, flat = read(lights, found.dark, tmp_path), read(lights, found.flat, tmp_path)
    theirs = ccdproc.subtract_dark(
        raw(lights, name, found), dark, dark_exposure=120 * u.s, data_exposure=120 * u.s, scale=False
    )
    theirs = ccdproc.flat_correct(theirs, flat, norm_value=1)
    theirs = ccdproc.gain_correct(theirs, found.conversion.gain * u.electron / u.adu)
    assert ours.unit == theirs.unit == u.electron
    pixelmap = lights.cube(found.pixelmap["_id"])[...] != 0
    assert np.array_equal(ours.mask, theirs.mask | pixelmap)
    np.testing.assert_allclose(ours.data, theirs.data, rtol=2e-6, atol=2e-3)
    np.testing.assert_allclose(
        ours.uncertainty.array, theirs.uncertainty.represent_as(VarianceUncertainty).array, rtol=2e-5
    )


def test_a_frame_of_another_time_has_its_dark_scaled_on_a_bias_as_by_ccdproc(lights, tmp_path):
    name = named(lights, "light_60_00.fits")
    ours = lights.calibrated(name)
    found = masters_of(lights, name)
    assert found.scale == 0.5
    dark, bias, flat = (read(lights, doc, tmp_path) for doc in (found.dark, found.bias, found.flat))
    theirs = ccdproc.subtract_bias(raw(lights, name, found), bias)
    theirs = ccdproc.subtract_dark(
        theirs, ccdproc.subtract_bias(dark, bias), dark_exposure=120 * u.s, data_exposure=60 * u.s, scale=True
    )
    theirs = ccdproc.gain_correct(
        ccdproc.flat_correct(theirs, flat, norm_value=1), found.conversion.gain * u.electron / u.adu
    )
    np.testing.assert_allclose(ours.data, theirs.data, rtol=2e-6, atol=2e-3)
    # ccdproc takes the bias in frame and dark for two: 1 + s^2 of its variance, where (1 - s)^2 is left.
    excess = ((1 + found.scale**2) - (1 - found.scale) ** 2) * bias.uncertainty.array
    excess = excess * found.conversion.gain**2 / flat.data**2
    np.testing.assert_allclose(ours.uncertainty.array, variance_of(theirs) - excess, rtol=1e-4)


@pytest.mark.parametrize(("tail", "seconds"), [("light_120_01.fits", 120), ("light_60_00.fits", 60)])
def test_what_comes_out_is_the_sky_and_its_noise(lights, tail, seconds):
    found = lights.calibrated(named(lights, tail))
    good = ~found.mask
    assert good.mean() > 0.98
    gain = found.meta["DRGAIN"] / GAIN
    assert gain == pytest.approx(1, abs=0.05)
    camera = Camera()
    centre = np.median(camera.response[24:72, 30:90])  # where flats are 1
    sky = SKY * seconds * centre * gain
    values = found.data[good]
    assert np.median(values) == pytest.approx(sky, rel=0.01)
    pull = (values - sky) / np.sqrt(found.uncertainty.array[good])
    assert 1.4826 * np.median(np.abs(pull)) == pytest.approx(1, abs=0.05)
    assert np.median(found.uncertainty.array) > READ_NOISE**2


def test_the_header_says_what_was_done_and_with_what(lights):
    name = named(lights, "light_60_00.fits")
    found = lights.calibrated(name)
    header = found.meta
    assert (header["CALSTAT"], header["BUNIT"], header["DRFRAME"]) == ("BDFG", "electron", name)
    used = [doc["_id"] for _, doc in masters_of(lights, name).masters]
    assert [header[f"DRUSE{n:03d}"] for n in range(1, len(used) + 1)] == used
    assert "dark x 0.5, verified" in str(header["HISTORY"])
    assert header["FILTER"] == "R"
    assert "BZERO" not in header


def test_frames_that_lack_a_master_say_so_and_what_was_done_without_it(tmp_path):
    write(tmp_path / "raw" / "cam" / NIGHT, Camera(), [("bias", 6, 0), ("light", 1, 60)])
    with open_archive(tmp_path / "home") as archive:
        archive.ingest(tmp_path / "raw", progress=False)
        name = named(archive, "light_60_00.fits")
        with pytest.raises(Refused, match="no dark from this camera; no bias from this camera; what"):
            archive.calibrated(name)
        archive.calibration.make_masters(NIGHT, progress=False)
        found = archive.calibrated(name)
        assert found.unit == u.adu
        assert found.uncertainty is None
        assert found.meta["CALSTAT"] == "B"
        (row,) = archive.calibration.calibrate(name)
        assert row["notes"] == [
            "no dark from this camera; the bias alone was taken away, dark signal stays in",
            "no flat from this camera; it is not divided by one",
            "no gain is known: values stay in ADU, without variance",
        ]
        assert np.median(found.data) == pytest.approx(SKY * 60 / GAIN * np.median(Camera().response), rel=0.02)


def test_what_is_no_frame_to_calibrate_is_refused(lights):
    with pytest.raises(UsageError, match="is a dark: masters are made of it"):
        lights.calibrated(named(lights, "dark_120_00.fits"))
    with pytest.raises(UsageError, match="the night 2024-02-21 has no lights: the archive has no frame of it"):
        lights.calibration.calibrate("2024-02-21")
    with pytest.raises(Refused, match=r"no bias: .* has age 0"):
        lights.calibrated(named(lights, "light_60_00.fits"), rules=Rules(max_age=timedelta(0)))


def test_an_exposure_of_jwst_is_sent_to_its_own_pipeline():
    from pipelines.calibration.apply.plan import require_raw

    with pytest.raises(UsageError, match=r"`darkroom detector1 jw1_uncal\.fits` calibrates it"):
        require_raw({"_id": "jw1_uncal.fits", "kind": "uncal", "arrays": {"sci": {}}})


def test_cosmic_rays_are_masked_and_filled(lights):
    name = named(lights, "light_120_00.fits")
    plain, clean = lights.calibrated(name), lights.calibrated(name, cosmic_rays=True)
    assert clean.mask.sum() >= plain.mask.sum()
    assert np.isfinite(clean.data[~clean.mask]).all()
    assert clean.meta["CALSTAT"].endswith("C")
