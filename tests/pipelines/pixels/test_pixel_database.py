"""What a table of the MIRI Pixel Database holds, asked of documents and arrays; where no other test is of it."""

import hashlib
import sqlite3

import numpy as np
import pytest
from astropy.io import fits

from pipelines.detectors import SUBARRAYS
from pipelines.detectors.dqflags import dq_names
from pipelines.detectors.numbering import refout_ids, refout_position
from pipelines.detectors.subarrays import DETECTORS
from pipelines.errors import UsageError
from pipelines.pixels import pixel

X, Y = 30, 800


def test_the_detectors(campaign):
    assert dict(DETECTORS) == {"MIRIMAGE": 493, "MIRIFULONG": 494, "MIRIFUSHORT": 495}
    for document in campaign.archive.headers.find({"kind": "uncal"}):
        known = document.get("converted") or document["header"]
        assert known["SCA_ID"] == DETECTORS[document["detector"]]


def test_the_columns_of_an_exposure(campaign):
    """Name, detector, origin, groups, integrations, subarray, readout, times, and which bytes it came from."""
    exposure = campaign.truth.exposures[1]
    (document,) = campaign.archive.headers.find({"kind": "uncal", "exposure": exposure.exposure})
    header = fits.getheader(exposure.path)
    assert (document["detector"], document["instrument"]) == (header["DETECTOR"], "MIRI")
    assert (document["nints"], document["ngroups"]) == (header["NINTS"], header["NGROUPS"]) == (3, 8)
    assert (document["subarray"], document["readpatt"]) == (header["SUBARRAY"], header["READPATT"])
    assert document["timestamp"].isoformat()[:19] == f"{header['DATE-OBS']}T{header['TIME-OBS']}"[:19]
    for key in ("EXPSTART", "EXPEND", "EFFINTTM", "EFFEXPTM", "TGROUP"):
        assert document["header"][key] == header[key]
    assert document["file"]["sha256"] == hashlib.sha256(exposure.path.read_bytes()).hexdigest()
    assert exposure.path.as_posix().endswith(document["path"])
    (ground,) = (exposure for exposure in campaign.truth.exposures if exposure.ground)
    (document,) = campaign.archive.headers.find({"kind": "uncal", "exposure": ground.exposure})
    assert document["campaign"]
    assert "yyyy" not in str([document["date"], document["timestamp"]])  # a filler is no date


def test_errors_of_nothing_but_zeros_take_no_room(campaign):
    documents = list(campaign.archive.headers.find({"kind": "ramp", "subarray": "MASKLYOT"}))
    assert documents
    for document in documents:
        assert document["arrays"]["err"]["shard"] == 0
        assert not campaign.archive.cube(document, "err")[...].any()


def test_each_bit_is_the_boolean_of_its_name(campaign):
    """Of a group and, over all groups, of a ramp; PIXELDQ and GROUPDQ both count."""
    table = pixel(campaign.archive, "MIRIMAGE", box=(1, 779, 12, 790), subarray="SUB64", version="3").to_pandas()
    names = dq_names("3.0.0")
    assert len(names) == 32
    bits = table.groupdq.to_numpy(np.uint32) | table.pixeldq.to_numpy(np.uint32)
    told = [set(text.split("|")) - {""} for text in table["flags"]]
    for name, bit in names.items():
        assert [name in flags for flags in told] == ((bits & np.uint32(bit)) != 0).tolist()
    assert {"REFERENCE_PIXEL", "DO_NOT_USE"} <= set().union(*told)
    struck = table.assign(jump=["JUMP_DET" in flags for flags in told])
    ramps = struck.groupby(["exposure", "integration", "pixel_id"]).jump.any()
    for exposure, found in ramps.groupby("exposure"):
        expected = fits.getdata(campaign.products(exposure)["ramp"], "GROUPDQ")[:, :, :12, :12] & names["JUMP_DET"]
        assert int(found.sum()) == int(expected.any(axis=1).sum())


def test_every_value_of_the_reference_output_has_its_number(campaign):
    exposure = campaign.truth.exposures[1]
    (document,) = campaign.archive.headers.find({"kind": "uncal", "exposure": exposure.exposure})
    window = SUBARRAYS["SUB64"]
    ids = refout_ids(window)
    k, y = refout_position(ids)
    expected = fits.getdata(exposure.path, "REFOUT")
    assert ids.shape == expected.shape[-2:]
    cube = campaign.archive.cube(document, "refout")[...]
    np.testing.assert_array_equal(cube[..., y - window.y, k - (window.x - 1) // 4], expected)
    number = int(ids.ravel()[0])
    with pytest.raises(UsageError, match=rf"pixel {number} is a value of the reference output"):
        pixel(campaign.archive, "MIRIMAGE", pixel_id=number)


def test_sql_over_the_rows(campaign):
    """Its questions in SQL: the groups of a pixel, and those with a jump, by exposure."""
    selection = pixel(campaign.archive, "MIRIMAGE", x=X, y=Y, subarray="SUB64", version="3")
    rows = selection.to_pandas().drop(columns="start")
    connection = sqlite3.connect(":memory:")
    rows.to_sql("groups", connection, index=False)
    question = "SELECT exposure, count(*), sum(groupdq & 4 > 0), max(raw) FROM groups GROUP BY exposure ORDER BY 1"
    found = connection.execute(question).fetchall()
    connection.close()
    expected = []
    for one in selection.read():
        assert one.raw is not None
        expected.append((one.observed.exposure, 24, int((one.groupdq & 4 > 0).sum()), int(one.raw.max())))
    assert found == sorted(expected)


def test_sizes_by_exposure_and_array(campaign):
    """Bytes of pixels and bytes on disk, by one question of the catalog."""
    pipeline = [
        {"$match": {"detector": "MIRIMAGE", "kind": "ramp"}},
        {"$project": {"exposure": 1, "array": {"$objectToArray": "$arrays"}}},
        {"$unwind": "$array"},
        {"$group": {
            "_id": {"exposure": "$exposure", "array": "$array.k"},
            "raw": {"$sum": "$array.v.nbytes"}, "stored": {"$sum": "$array.v.stored"},
        }},
    ]  # fmt: skip
    found = {tuple(row["_id"].values()): row for row in campaign.archive.headers.aggregate(pipeline)}
    wide = [row for (exposure, array), row in found.items() if array == "sci" and exposure.startswith("jw08888")]
    assert {row["raw"] for row in wide} == {1 * 3 * 304 * 320 * 4}
    assert all(0 < row["stored"] < row["raw"] for row in wide)
