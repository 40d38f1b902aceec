"""Which exposures a pixel's life is told of: filters, calibrations side by side, segments, and what cannot be read."""

from itertools import pairwise
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import pytest
from astropy.io import fits

from pipelines.demo.simulate import simulate_calibration, simulate_campaign
from pipelines.errors import UsageError
from pipelines.pixels import NoExposure, NoSuchPixel, pixel

X, Y = 40, 800


def shown(selection):
    return [(one.observed.exposure[-14:-9], one.observed.version) for one in selection.read()]


@pytest.mark.parametrize(
    ("question", "count"),
    [
        ({}, 9),
        ({"date": "2018-03-08"}, 2),
        ({"date": "2024-02-01:2024-04-01"}, 4),
        ({"date": ("2024-04-01", None)}, 1),
        ({"readpatt": "FAST"}, 2),
        ({"subarray": "MASKLYOT"}, 3),
        ({"version": "1.17"}, 1),
        ({"version": "3"}, 4),
        ({"where": {"calibration.references_used": "jwst_miri_dark_0102.fits", "subarray": "SUB64"}}, 5),
        ({"where": {"header.SCA_ID": 20}}, 2),
        ({"where": {"header.S_RAMP": "COMPLETE"}, "subarray": "SUB64"}, 5),
    ],
)
def test_filters(campaign, question, count):
    assert len(pixel(campaign.archive, "mirimage", x=X, y=Y, **question).read()) == count


def test_several_calibrations_of_an_exposure_stand_side_by_side(campaign):
    name = campaign.truth.exposures[2].exposure
    selection = pixel(campaign.archive, "MIRIMAGE", x=X, y=Y, where={"exposure": name})
    one, two = selection.read()
    assert (one.observed.exposure, one.observed.calibration, one.observed.version) == (name, "cal:v117", "1.17.1")
    assert (two.observed.exposure, two.observed.calibration, two.observed.version) == (name, "cal:v3", "3.0.0")
    np.testing.assert_array_equal(one.raw, two.raw)
    assert not (one.groupdq & 4).any()  # the step was skipped
    history = selection.history()
    assert sorted(set(history.version.values.tolist())) == ["1.17.1", "3.0.0"]
    assert history.sizes["time"] == 6


def test_slopes_prefer_those_of_each_integration_and_take_the_mean_where_there_are_none(archive, two):
    truth, files = two
    only_mean, both = truth.exposures[1].exposure, truth.exposures[2].exposure
    archive.ingest([files[only_mean]["rate"], files[both]["rateints"], files[both]["rate"]], progress=False)
    slopes = pixel(archive.session, "MIRIMAGE", x=X, y=Y).slopes()
    assert slopes.integration.values.tolist() == [0, 1, 2, 3, 4]
    with fits.open(files[only_mean]["rate"]) as hdus:
        assert slopes.slope.sel(exposure=only_mean, integration=0) == hdus["SCI"].data[Y - 779, X - 1]
    assert np.isnan(slopes.slope.sel(exposure=only_mean).values[1:]).all()
    with fits.open(files[both]["rateints"]) as hdus:
        np.testing.assert_array_equal(slopes.slope.sel(exposure=both).values[1:], hdus["SCI"].data[:, Y - 779, X - 1])


def test_times_are_those_of_the_middle_of_each_integration(campaign):
    history = pixel(campaign.archive, "MIRIMAGE", x=X, y=Y, subarray="SUB64", version="3").history()
    first = campaign.truth.exposures[1]
    with fits.open(first.path) as hdus:
        middles = hdus["INT_TIMES"].data["int_mid_MJD_UTC"]
    days = (history.time.values[:3] - np.datetime64("1858-11-17")) / np.timedelta64(86_400_000_000, "us")
    np.testing.assert_allclose(days, middles, atol=1e-9, rtol=0)
    assert (np.diff(history.time.values) >= np.timedelta64(0, "ns")).all()


def test_times_where_a_header_gives_the_length_of_an_integration_alone(archive, two):
    _, files = two
    products = next(made for made in files.values() if "rateints" in made)
    for kind in ("rateints", "rate"):
        with fits.open(products[kind], mode="update", memmap=False) as hdus:
            for key in ("EXPSTART", "EXPEND"):
                hdus[0].header.pop(key, None)
            each = hdus[0].header["EFFINTTM"]
    for kinds, count in ((("rateints",), [0.5, 1.5, 2.5, 3.5]), (("rate",), [2.0])):
        archive.delete([document["_id"] for document in archive.headers.find({}, {"_id": 1})])
        archive.ingest([products[kind] for kind in kinds], progress=False)
        (document,) = archive.headers.find({})
        history = pixel(archive.session, "MIRIMAGE", x=X, y=Y).history()
        begun = np.datetime64(document["timestamp"].replace(tzinfo=None), "ns")
        seconds = (history.time.values - begun) / np.timedelta64(1, "s")
        np.testing.assert_allclose(seconds, np.multiply(count, each), atol=1e-4)


def split(path, folder, cuts):
    """Cut an uncal or ramp file into the segments of a time series, as the archive delivers them."""
    made = []
    stem, _, kind = path.stem.rpartition("_mirimage_")
    with fits.open(path) as hdus:
        total = hdus["SCI"].data.shape[0]
        edges = [0, *cuts, total]
        for number, (first, last) in enumerate(pairwise(edges), 1):
            copy = fits.HDUList([fits.PrimaryHDU(header=hdus[0].header)])
            for hdu in hdus[1:]:
                if hdu.name in ("SCI", "REFOUT", "GROUPDQ", "ERR", "DQ", "VAR_POISSON", "VAR_RNOISE"):
                    copy.append(fits.ImageHDU(np.array(hdu.data[first:last]), name=hdu.name))
                elif hdu.name == "PIXELDQ":
                    copy.append(fits.ImageHDU(np.array(hdu.data), name=hdu.name))
            keys = {"EXSEGNUM": number, "EXSEGTOT": len(edges) - 1, "INTSTART": first + 1, "INTEND": last}
            copy[0].header.update(keys)
            folder.mkdir(parents=True, exist_ok=True)
            made.append(folder / f"{stem}-seg{number:03d}_mirimage_{kind}.fits")
            copy.writeto(made[-1])
    return made


def test_segments_of_an_exposure_are_joined(archive, two, tmp_path):
    truth, files = two
    name = truth.exposures[1].exposure
    segments = {kind: split(files[name][kind], tmp_path / f"s{kind}", (1, 3)) for kind in ("uncal", "ramp", "rateints")}
    report = archive.ingest([tmp_path / f"s{kind}" for kind in segments], progress=False)
    assert report.refused == []
    document = archive.headers.find_one({"kind": "ramp", "segment.number": 2})
    assert (document["exposure"], document["nints"]) == (name, 2)
    assert document["segment"] == {"number": 2, "total": 3, "first": 2, "last": 3}
    assert document["header"]["NINTS"] == 4  # the total, and no contradiction
    assert document["qc"]["flags"] == []
    selection = pixel(archive.session, "MIRIMAGE", x=X, y=Y)
    (one,) = selection.read()
    assert one.integrations.tolist() == [1, 2, 3, 4]
    with fits.open(files[name]["uncal"]) as raw, fits.open(files[name]["ramp"]) as ramp:
        np.testing.assert_array_equal(one.raw[..., 0], raw["SCI"].data[:, :, Y - 779, X - 1])
        np.testing.assert_array_equal(one.corrected[..., 0], ramp["SCI"].data[:, :, Y - 779, X - 1])
    with fits.open(files[name]["rateints"]) as rates:
        history = selection.history()
        np.testing.assert_array_equal(history.slope.values, rates["SCI"].data[:, Y - 779, X - 1])
        assert history.integration.values.tolist() == [1, 2, 3, 4]
    assert list(selection.unread) == []

    archive.delete(archive.headers.find_one({"kind": "uncal", "segment.number": 2})["_id"], cascade=False)
    selection = pixel(archive.session, "MIRIMAGE", x=X, y=Y)
    raw, corrected = selection.read()
    assert (raw.integrations.tolist(), raw.corrected) == ([1, 4], None)
    assert (corrected.integrations.tolist(), corrected.raw) == ([1, 2, 3, 4], None)
    ramps = selection.ramps()
    assert np.isnan(ramps.raw[0].values[1:3]).all()
    assert np.isfinite(ramps.raw[0].values[[0, 3]]).all()
    assert any("segment 2 of 3" in row["reason"] for row in selection.unread)


def test_a_segment_that_does_not_say_which_it_is_is_refused(archive, two, tmp_path):
    truth, files = two
    (path, _) = split(files[truth.exposures[1].exposure]["uncal"], tmp_path / "s", (2,))
    fits.setval(path, "INTSTART", value=9)
    report = archive.ingest(path, progress=False)
    assert [refusal.code for refusal in report.refused] == ["header-mismatch"]
    assert archive.headers.count_documents({}) == 0


def test_ragged_groups_are_padded_and_nothing_is_cut(archive, tmp_path):
    for program, ngroups in ((1, 4), (2, 9), (3, 6)):
        simulate_campaign(tmp_path / "raw", exposures=2, nints=program, ngroups=ngroups, program=program)
    archive.ingest(tmp_path / "raw", progress=False)
    ramps = pixel(archive.session, "MIRIMAGE", x=X, y=Y).ramps()
    assert dict(ramps.sizes) == {"exposure": 9, "integration": 3, "group": 9}
    filled = np.isfinite(ramps.raw).sum(("integration", "group")).values
    np.testing.assert_array_equal(filled, (ramps.nints * ramps.ngroups).values)
    assert sorted(filled.tolist()) == [4, 4, 4, 18, 18, 18, 18, 18, 18]


# -- what cannot be read, or does not fit ------------------------------------------------------------


def reasons(selection):
    return {(row["document"] or row["exposure"], row["what"]): row["reason"] for row in selection.unread}


def test_a_ramp_without_its_uncal_is_shown_and_said(archive, two):
    truth, files = two
    archive.ingest(files[truth.exposures[1].exposure]["ramp"], progress=False)
    selection = pixel(archive.session, "MIRIMAGE", x=X, y=Y)
    (one,) = selection.read()
    assert one.raw is None
    assert one.corrected is not None
    assert one.refout is not None  # the calibrated file has a copy
    (reason,) = reasons(selection).values()
    assert "no uncalibrated file of this exposure" in reason
    assert np.isnan(selection.ramps().raw.values).all()


def test_two_uncals_of_one_exposure_that_differ_are_both_left_out_and_said(archive, two, tmp_path):
    truth, files = two
    name = truth.exposures[1].exposure
    other = tmp_path / "other" / "raw" / files[name]["uncal"].name
    other.parent.mkdir(parents=True)
    other.write_bytes(files[name]["uncal"].read_bytes())
    archive.ingest([files[name]["uncal"], files[name]["ramp"], other], progress=False)
    assert len(pixel(archive.session, "MIRIMAGE", x=X, y=Y).read()) == 1  # the same pixels twice are one exposure
    assert list(pixel(archive.session, "MIRIMAGE", x=X, y=Y).unread) == []
    with fits.open(other, mode="update", memmap=False) as hdus:
        hdus["SCI"].data[0, 0, 0, 0] += 1
    archive.ingest(other, progress=False)
    selection = pixel(archive.session, "MIRIMAGE", x=X, y=Y)
    (one,) = selection.read()
    assert one.raw is None
    assert one.corrected is not None
    assert all("different pixels; delete or rename one" in reason for reason in reasons(selection).values())
    assert len(reasons(selection)) == 2


def test_a_ramp_of_other_groups_than_its_uncal_stands_for_itself(archive, two, tmp_path):
    truth, _ = two
    longer = simulate_campaign(tmp_path / "longer", exposures=2, nints=4, ngroups=7)
    ramp, _, _ = simulate_calibration(longer.exposures[1].path, tmp_path / "cal" / "wrong")
    archive.ingest([truth.exposures[1].path, ramp], progress=False)
    selection = pixel(archive.session, "MIRIMAGE", x=X, y=Y)
    raw, corrected = selection.read()
    assert (raw.raw.shape[1], raw.corrected) == (5, None)
    assert (corrected.corrected.shape[1], corrected.raw) == (7, None)
    (reason,) = reasons(selection).values()
    assert "(4, 7), are not those of the raw ramps, (4, 5)" in reason


def test_damage_costs_one_array_and_is_said(archive, two):
    truth, files = two
    archive.ingest([files[e.exposure][k] for e in truth.exposures[1:] for k in ("uncal", "ramp")], progress=False)
    document = archive.headers.find_one({"kind": "ramp"})
    folder = Path(urlparse(archive.store.url).path) / document["arrays"]["sci"]["path"]
    shard = next(folder.glob("**/c.*"))
    data = bytearray(shard.read_bytes())
    data[: len(data) // 2] = bytes(len(data) // 2)
    shard.chmod(0o644)
    shard.write_bytes(data)
    selection = pixel(archive.session, "MIRIMAGE", x=X, y=Y)
    read = selection.read()
    assert [one.corrected is None for one in read].count(True) == 1
    assert all(one.raw is not None for one in read)
    ((where, what),) = reasons(selection)
    assert (where, what) == (document["_id"], "sci")


def test_headers_only_exposures_are_said(archive, two):
    truth, files = two
    archive.ingest(files[truth.exposures[1].exposure]["uncal"], headers_only=True, progress=False)
    selection = pixel(archive.session, "MIRIMAGE", x=X, y=Y)
    assert selection.read() == ()
    (reason,) = reasons(selection).values()
    assert "only its headers were ingested" in reason


def test_an_exposure_that_lies_nowhere_is_said(archive, two):
    truth, files = two
    good, lost = (files[exposure.exposure]["uncal"] for exposure in truth.exposures[1:])
    fits.setval(lost, "SUBSTRT1", value=1000)
    archive.ingest([good, lost], progress=False)
    selection = pixel(archive.session, "MIRIMAGE", x=X, y=Y)
    assert len(selection.read()) == 1
    (reason,) = reasons(selection).values()
    assert "does not place its window" in reason


# -- bad questions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "error", "says"),
    [
        ({"x": 0, "y": 1}, NoSuchPixel, "x = 0 does not exist; it runs from 1 to 1032"),
        ({"x": 1, "y": 1025}, NoSuchPixel, "y = 1025 does not exist"),
        ({"pixel_id": 0}, NoSuchPixel, "does not exist"),
        ({"pixel_id": 1_057_547}, NoSuchPixel, "reference output, read together with the pixels x=1..4, y=779"),
        ({"box": (10, 10, 5, 20)}, UsageError, "ends before it begins"),
        ({"box": (1, 1, 1032, 1024)}, UsageError, "more than"),
        ({"pixels": []}, UsageError, "empty"),
        ({"x": 1}, UsageError, "one way"),
        ({}, UsageError, "one way"),
        ({"x": 1, "y": 779, "pixel_id": 3}, UsageError, "one way"),
        ({"x": 1.5, "y": 779}, UsageError, "integer"),
        ({"x": 1, "y": 779, "date": "yesterday"}, UsageError, "is not a valid date"),
        ({"x": 1, "y": 779, "date": "2024-02-01:2024-01-01"}, UsageError, "before it begins"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(campaign, question, error, says):
    with pytest.raises(error, match=says):
        pixel(campaign.archive, "MIRIMAGE", **question)


@pytest.mark.parametrize(
    ("detector", "question", "says"),
    [
        ("MIRIMAGE", {"x": 900, "y": 5}, r"no exposure of MIRIMAGE covers x=900, y=5.*SUB64 \(x 1..72, y 779..842\)"),
        ("MIRIFULONG", {"x": 1, "y": 779}, "holds no uncal or ramp of MIRIFULONG"),
        ("MIRIMAGE", {"x": X, "y": Y, "date": "2020-01-01:2020-02-01"}, "from 2018-03-08 to .* none answers: date"),
        ("MIRIMAGE", {"x": X, "y": Y, "version": "9.9"}, "none answers: version 9.9"),
        ("MIRIMAGE", {"x": X, "y": Y, "subarray": "SUBX"}, "none answers: subarray SUBX"),
    ],
)
def test_where_nothing_answers_it_says_what_there_is(campaign, detector, question, says):
    with pytest.raises(NoExposure, match=says):
        pixel(campaign.archive, detector, **question).ramps()


def test_an_unknown_detector(campaign):
    with pytest.raises(NoSuchPixel, match="there are MIRIMAGE, MIRIFULONG, MIRIFUSHORT, NRCA1"):
        pixel(campaign.archive, "EEV10", x=1, y=1)
