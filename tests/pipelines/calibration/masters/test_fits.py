"""A master as FITS: every plane and all provenance, read by astropy and used by ccdproc."""

import json
from functools import partial

import numpy as np
import pytest

from pipelines.calibration.masters.fits import EXTENSIONS, export_master
from pipelines.errors import UsageError
from tests.pipelines import command
from tests.pipelines.calibration.conftest import of

pytestmark = pytest.mark.filterwarnings("ignore::astropy.wcs.FITSFixedWarning")


@pytest.mark.parametrize("kind", ["dark", "flat", "pixelmap"])
def test_every_plane_is_an_extension_and_the_header_says_where_it_comes_from(made_readonly, tmp_path, kind):
    from astropy.io import fits

    master = made_readonly.masters.find_one({"kind": kind})
    path = export_master(made_readonly.session, master, tmp_path / "m.fits")
    with fits.open(path, checksum=True) as file:
        file.verify("exception")
        for name, ref in master["arrays"].items():
            extension = "SCI" if name in ("value",) or (name == "dq" and kind == "pixelmap") else EXTENSIONS[name]
            assert np.array_equal(file[extension].data, np.asarray(made_readonly.store.open(ref)), equal_nan=True)
        header = file[0].header
        assert (header["DRID"], header["DRHASH"]) == (master["_id"], master["identity"])
        inputs = [header[f"IMCMB{n:03d}"] for n in range(1, len(master["inputs"]) + 1)]
        assert inputs == [item["id"] for item in master["inputs"]]
        assert [header[f"DRUSE{n:03d}"] for n in range(1, len(master["masters"]) + 1)] == [
            u["id"] for u in master["masters"]
        ]
        table = file["INPUTS"].data
        assert list(table["PIXELS"]) == [item["pixels"] for item in master["inputs"]]


def test_ccdproc_takes_the_dark_from_a_frame(made_readonly, tmp_path):
    import astropy.units as u
    from astropy.nddata import CCDData, VarianceUncertainty
    from ccdproc import subtract_dark

    master = of(made_readonly, kind="dark", camera="T13060400", **{"key.exptime": 9.0})
    dark = CCDData.read(export_master(made_readonly.session, master, tmp_path / "m.fits"))
    assert dark.unit == u.adu
    assert isinstance(dark.uncertainty, VarianceUncertainty)
    assert dark.mask.dtype == bool
    assert dark.mask.sum() < 100
    frame = CCDData(made_readonly.cube(master["inputs"][0]["id"])[...].astype(float), unit="adu")
    frame.header["EXPTIME"] = 9.0
    clean = subtract_dark(frame, dark, exposure_time="EXPTIME", exposure_unit=u.s)
    assert abs(np.median(clean.data)) < 1


def test_a_file_that_is_there_stays(made_readonly, tmp_path):
    (tmp_path / "m.fits").write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        export_master(made_readonly.session, made_readonly.masters.find_one({}), tmp_path / "m.fits")
    assert (tmp_path / "m.fits").read_text() == "mine"


def test_a_damaged_plane_is_no_file(made, tmp_path):
    import shutil

    from arraystore import StoreError

    master = made.masters.find_one({"kind": "dark"})
    shutil.rmtree(tmp_path / "made" / "store" / master["arrays"]["count"]["path"])
    with pytest.raises(StoreError):
        export_master(made.session, master, tmp_path / "m.fits")
    assert not (tmp_path / "m.fits").exists()


@pytest.fixture
def darkroom(made, tmp_path):
    return partial(command.darkroom, env={"DARKROOM_HOME": str(tmp_path / "made")})


def test_the_commands_from_a_night_to_a_certified_exported_and_recalled_master(darkroom, made, tmp_path):
    rows = json.loads(darkroom("masters", "make", "2024-02-20", "--dry-run", "--json").stdout)["rows"]
    assert {row["action"] for row in rows} == {"none"}
    done = darkroom("masters", "make", "2024-02-20", "--kind", "dark", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    name = next(row["master"] for row in json.loads(done.stdout)["rows"] if row["camera"] == "T13060400")
    certified = darkroom("masters", "certify", name, "--why", "looked at it", "--json")
    assert json.loads(certified.stdout)["validity"][0]["since"].startswith("2024-02-20T19:00")
    assert "bytes" in darkroom("export", name, tmp_path / "m.fits").stdout
    frame = of(made, _id=name)["inputs"][0]["id"]
    assert "no darks or" not in darkroom("why", frame, "dark").stdout
    assert json.loads(darkroom("why", frame, "dark", "--json").stdout)["master"] == name
    assert json.loads(darkroom("needs", "2024-02-20", "--json").stdout)["rows"]
    before = of(made, _id=name)
    recalled = json.loads(darkroom("recall", frame, "--why", "leak", "--json", "--yes").stdout)
    assert name in [row["master"] for row in recalled["effects"]]
    assert json.loads(darkroom("why", frame, "dark", "--json").stdout)["master"] is None
    assert darkroom("recall", "--undo", recalled["run"]).returncode == 0
    after = of(made, _id=name)
    assert {k: v for k, v in after.items() if k != "ingest"} == {k: v for k, v in before.items() if k != "ingest"}
    assert darkroom("recall", frame).returncode == 2
    assert darkroom("masters", "certify", "masters/none", "--why", "x").returncode == 2
