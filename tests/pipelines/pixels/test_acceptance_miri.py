"""The acceptance test of the MIRI Pixel Database, on the same real exposure, with values for counts.

Its own test expects 23,040 ramps, 1,152,000 groups, first pixel 802897, 5 ramps and 250 groups at one
pixel, and nothing left after a cascade delete. Every figure here follows from the stored arrays, and
every value is compared with the file.
"""

from datetime import timedelta

import numpy as np
from astropy.io import fits

from pipelines.detectors.numbering import pixel_id
from pipelines.pixels import pixel


def test_the_real_exposure(archive, miri_exposure, tmp_path):
    report = archive.ingest(miri_exposure)
    assert (report.new, report.refused) == (1, [])
    document = archive.headers.find_one({"detector": "MIRIMAGE"})
    raw = fits.getdata(miri_exposure)
    header = fits.getheader(miri_exposure)

    cube = archive.cube(document, "sci")
    nint, ngroup, ny, nx = cube.shape
    assert (nint, ngroup, ny, nx) == (5, 50, 64, 72) == (header["NINT"], header["NGROUPS"], 64, 72)
    assert nint * ny * nx == 23_040
    values = cube[...]
    assert values.size == 1_152_000
    np.testing.assert_array_equal(values.reshape(250, 64, 72), raw[:, :64])

    window = document["window"]
    assert (document["subarray"], window) == ("SUB64", {"x": 1, "y": 779, "nx": 72, "ny": 64, "right": 72, "top": 842})
    assert pixel_id(window["x"], window["y"]) == 802_897

    one = cube[:, :, 10, 20]
    assert one.shape == (5, 50)
    assert one.size == 250
    np.testing.assert_array_equal(one.ravel(), raw[:, 10, 20])

    refout = archive.cube(document, "refout")
    assert refout.shape == (5, 50, 64, 18)
    expected = raw[:, 64:].reshape(250, 18, 64).transpose(0, 2, 1).reshape(5, 50, 64, 18)
    np.testing.assert_array_equal(refout[...], expected)

    assert document["date"] == "2018-03-08"
    assert document["converted"]["NINTS"] == 5
    assert document["header"]["DATE_END"] == "yyyy-mm-dd"  # verbatim, and nowhere taken for a date
    assert "DATE-END" not in document["converted"] or document["converted"]["DATE-END"] is None

    out = tmp_path / "again.fits"
    archive.export(document["_id"], out)
    assert out.read_bytes() == miri_exposure.read_bytes()

    archive.delete(document["_id"])
    archive.sweep(grace=timedelta(0), dry_run=False)
    for collection in (archive.headers, archive.history, archive.quarantine, archive.catalog.trash):
        assert collection.count_documents({}) == 0
    assert list(archive.store.objects()) == []
    assert [record.key for record in archive.store.records()] == ["runs/last"]


def test_a_pixel_of_the_real_exposure(archive, miri_exposure):
    """The peer's own test asks for 5 ramps and 250 groups of pixel 802897; here with their values."""
    archive.ingest(miri_exposure, progress=False)
    selection = pixel(archive, "MIRIMAGE", pixel_id=802_897)
    assert (selection.places.x.tolist(), selection.places.y.tolist()) == ([1], [779])
    (one,) = selection.read()
    raw = fits.getdata(miri_exposure)
    np.testing.assert_array_equal(one.raw[..., 0], raw[:, 0, 0].reshape(5, 50))
    np.testing.assert_array_equal(one.refout[..., 0].ravel(), raw[:, 64, 0])
    rows = selection.to_pandas()
    assert len(rows) == 250
    assert rows.groupby("integration").ngroups == 5
    assert set(rows.pixel_id) == {802_897}
    assert rows.raw.tolist() == raw[:, 0, 0].tolist()
    whole = pixel(archive, "MIRIMAGE", box=(1, 779, 72, 842)).read()[0]
    assert whole.raw.size == 1_152_000
    assert whole.raw.shape[0] * whole.raw.shape[2] == 23_040
