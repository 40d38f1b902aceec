"""Wrong words: what a question names and nobody has is said with the nearest that is there, never an empty table."""

import numpy as np
import pytest
from astropy.io import fits

from pipelines.documents.words import nothing_found, require_camera, require_fields, require_kinds
from pipelines.errors import NothingThere, UsageError


@pytest.fixture
def headers(archive, raw, write_frame):
    for number, kind in ((1, "dark"), (2, "dark"), (3, "flat")):
        write_frame(f"Dragonfly101/2024-02-20/T13080513_{number}_{kind}.fits", seed=number)
    archive.ingest(raw, progress=False)
    return archive.headers


def test_a_kind_that_does_not_exist_names_the_nearest(headers):
    with pytest.raises(UsageError, match=r"no kind 'drak'; is it dark\? there are: dark, flat"):
        require_kinds(headers, ["drak"])
    require_kinds(headers, ["dark", "bias"])  # a right word, though no bias is there


def test_a_camera_that_does_not_exist_names_the_nearest(headers):
    with pytest.raises(UsageError, match=r"no camera 'T13080531'; is it T13080513\?"):
        require_camera(headers, "T13080531")
    require_camera(headers, "T13080513")


def test_a_night_without_files_names_the_nearest_and_is_no_fault_of_the_words(headers):
    with pytest.raises(NothingThere, match="no file of 2024-02-22; the nearest night with files is 2024-02-20") as said:
        nothing_found(headers, nights=["2024-02-22"], kinds=["dark"])
    assert said.value.exit_code == 1
    with pytest.raises(NothingThere, match="no bias frame of 2024-02-20; there are: 2 dark, 1 flat"):
        nothing_found(headers, nights=["2024-02-20"], kinds=["bias"])
    nothing_found(headers, nights=["2024-02-20"], kinds=["flat"])  # some are there: the words are right


def test_a_keyword_that_no_document_has_names_the_nearest(headers):
    with pytest.raises(UsageError, match=r"keyword EXPTIM; is it EXPTIME") as said:
        require_fields(headers, {"$or": [{"header.EXPTIM": {"$gt": 1}}, {"kind": "dark"}]})
    assert said.value.exit_code == 2
    with pytest.raises(UsageError, match="keyword FLTER"):
        require_fields(headers, [{"$match": {}}, {"$group": {"_id": "$header.FLTER"}}])
    require_fields(headers, {"header.EXPTIME": 9.0, "kind": "dark", "header.DATE": {"$exists": False}})


def test_a_keyword_of_another_hdu_says_which(archive, raw):
    image = fits.ImageHDU(np.zeros((4, 4), "i2"), name="CHIP1")
    image.header["SATURATE"] = 60000
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(raw / "a.fits")
    archive.ingest(raw, progress=False)
    with pytest.raises(UsageError, match=r"SATURATE: it stands in HDU 1 \(CHIP1\), ask for 'hdus.header.SATURATE'"):
        require_fields(archive.headers, {"header.SATURATE": {"$gt": 1}})
