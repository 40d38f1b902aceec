"""Calibrating: the real pipeline on real and simulated exposures, and everything that can go wrong with it."""

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from pipelines.demo.campaign import simulate_campaign
from pipelines.detectors.dqflags import dq_names
from pipelines.detectors.subarrays import SUBARRAYS
from pipelines.errors import UsageError
from pipelines.jwst.calibrate import (
    CalibrationFailed,
    JwstMissing,
    OutOfMemory,
    PipelineTimedOut,
    RunLimits,
    calibrate,
)
from pipelines.jwst.log import log_of
from pipelines.jwst.products import RECORD
from pipelines.jwst.references import MissingReferences

MINIMAL = ("saturation", "ipc", "reset", "linearity", "rscd", "dark_current")


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    return simulate_campaign(tmp_path_factory.mktemp("campaign"), exposures=2, nints=2, ngroups=6)


@pytest.fixture
def uncal(archive, campaign):
    """A simulated flight exposure in the archive, as astropy writes one: without an ASDF extension."""
    archive.ingest(campaign.exposures[1].path)
    (document,) = archive.headers.find({"kind": "uncal"})
    return document


def test_the_real_exposure_is_calibrated(archive, miri_exposure, reference_files, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(_network_watch(tmp_path))
    archive.ingest(miri_exposure)
    (uncal,) = archive.headers.find()
    folder = reference_files(SUBARRAYS["SUB64"], nints=5, ngroups=50, readpatt="FAST")
    done = calibrate(archive.session, uncal["_id"], references=folder, out=tmp_path / "products")
    assert done.fresh
    assert [name.rpartition("_")[2] for name in done.products] == ["ramp.fits", "rateints.fits", "rate.fits"]
    assert (tmp_path / "connections").read_text() == ""  # the watch was there, and saw none

    ramp, rateints, rate = (archive.document(name) for name in done.products)
    assert archive.cube(ramp, "groupdq").shape == archive.cube(ramp, "sci").shape == (5, 50, 64, 72)
    assert archive.cube(rateints, "sci").shape == (5, 64, 72)
    # Our conversion: the reference output passes through the pipeline unchanged.
    np.testing.assert_array_equal(archive.cube(ramp, "refout")[...], archive.cube(uncal, "refout")[...])
    flags = dq_names(ramp["header"]["CAL_VER"])
    pixeldq = archive.cube(ramp, "pixeldq")[...]
    assert pixeldq[5, 10] & flags["DEAD"]
    assert (pixeldq[:, :4] & flags["REFERENCE_PIXEL"]).all()
    assert (archive.cube(ramp, "groupdq")[...] & flags["JUMP_DET"]).any()
    assert np.isnan(archive.cube(rate, "sci")[5, 10])
    for document in (ramp, rateints, rate):
        original = tmp_path / "products" / uncal["exposure"] / done.key / document["_id"].rpartition("/")[2]
        np.testing.assert_array_equal(archive.cube(document, "sci")[...], fits.getdata(original, "SCI"))
        assert document["parents"] == [document["calibration"]["uncal"]] == [uncal["_id"]]
        assert document["campaign"] == uncal["campaign"]
        assert "Step ramp_fit done" in log_of(document)
    parameters = ramp["calibration"]["parameters"]
    assert parameters["jwst"] == ramp["header"]["CAL_VER"]
    assert sorted(parameters["references"]) == [
        *("dark", "gain", "ipc", "linearity", "mask", "readnoise", "reset", "rscd", "saturation")
    ]
    assert parameters["steps"]["saturation"]["override_superbias"] == "N/A"


@pytest.mark.patient
def test_on_the_command_line_with_the_smallest_set_of_references(archive, uncal, reference_files, tmp_path):
    """Twice over: the second time there is nothing to do."""
    folder = reference_files(SUBARRAYS["SUB64"], nints=2, ngroups=6, readpatt="FASTR1", minimal=True)
    home = str(tmp_path / "home")
    command = [sys.executable, "-m", "pipelines.cli", "--home", home, "detector1", uncal["_id"], "--json"]
    command += ["--references", str(folder), *(part for step in MINIMAL for part in ("--skip", step))]
    first, again = (json.loads(subprocess.check_output(command)) for _ in range(2))
    assert (first["fresh"], again["fresh"]) == (True, False)
    assert first["products"] == again["products"]
    assert archive.headers.count_documents({"calibration.uncal": uncal["_id"]}) == 3
    products = tmp_path / "home" / "products"  # beside the store, and known as a root
    assert products in archive.roots.all().values()
    ramp = archive.document(first["products"][0])
    assert ramp["header"]["S_DQINIT"] == "COMPLETE"
    assert "S_DARK" in ramp["calibration"]["steps_lacking"]
    jump = (archive.cube(ramp, "groupdq")[...] & 4).astype(bool).any(axis=1)
    assert 0.005 < jump.mean() < 0.2  # about one ramp in fifty was hit by a cosmic ray


# -- what can go wrong ------------------------------------------------------------------------------


def test_missing_references_are_named_with_their_steps(archive, uncal, reference_files):
    folder = reference_files(SUBARRAYS["SUB64"], nints=2, ngroups=6, readpatt="FASTR1", minimal=True)
    with pytest.raises(MissingReferences, match=r"saturation \(for saturation\); ipc .*dark \(for dark_current\)"):
        calibrate(archive.session, uncal["_id"], references=folder)
    (folder / "gain.fits").rename(folder / "gain.txt")
    with pytest.raises(MissingReferences, match=r"gain \(for jump, ramp_fit, gain_scale\).*--skip STEP"):
        calibrate(archive.session, uncal["_id"], references=folder, skip=MINIMAL)


def test_references_of_another_subarray_do_not_serve(archive, uncal, reference_files, tmp_path):
    folder = reference_files(SUBARRAYS["SUB128"], nints=2, ngroups=6, readpatt="FASTR1", minimal=True)
    with pytest.raises(MissingReferences, match=r"mask \(for dq_init\); gain .*; readnoise"):
        calibrate(archive.session, uncal["_id"], references=folder, skip=MINIMAL)


def test_two_references_that_serve_alike_are_a_question(archive, uncal, reference_files):
    folder = reference_files(SUBARRAYS["SUB64"], nints=2, ngroups=6, readpatt="FASTR1", minimal=True)
    (folder / "gain2.fits").write_bytes((folder / "gain.fits").read_bytes())
    with pytest.raises(UsageError, match=r"several gain references .*gain.fits, gain2.fits.*--override"):
        calibrate(archive.session, uncal["_id"], references=folder, skip=MINIMAL)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"skip": ["darks"]}, "no step darks for MIRI; it has: group_scale, dq_init"),
        ({"overrides": {"flat": "x.fits"}}, "no reference type flat; there are: dark, gain"),
        ({"overrides": {"gain": "not_there.fits"}}, "gain reference not_there.fits is not there"),
        ({"references": "not_there"}, "folder of references not_there is not there"),
    ],
)
def test_a_senseless_request_says_what_there_is(archive, uncal, arguments, message):
    with pytest.raises(UsageError, match=message):
        calibrate(archive.session, uncal["_id"], **arguments)


def test_a_raw_exposure_has_no_log(uncal):
    with pytest.raises(UsageError, match="is raw; name a product of it"):
        log_of(uncal)


def test_only_whole_uncalibrated_exposures(archive, campaign, write_frame):
    archive.ingest(campaign.exposures[1].path, headers_only=True)
    (uncal,) = archive.headers.find()
    with pytest.raises(UsageError, match="without --headers-only"):
        calibrate(archive.session, uncal["_id"], skip=MINIMAL)
    archive.ingest(write_frame())
    with pytest.raises(UsageError, match="takes uncalibrated exposures of MIRI, NIRCam and NIRSpec"):
        calibrate(archive.session, "Dragonfly101/2024-02-20/T13080513_31_dark.fits")


def test_without_the_pipeline_it_says_how_to_install_it(archive, uncal, monkeypatch):
    from importlib.metadata import PackageNotFoundError

    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("pipelines.jwst.calibrate.version", missing)
    with pytest.raises(JwstMissing, match=r"pip install 'darkroom-archive\[jwst\]'"):
        calibrate(archive.session, uncal["_id"])


@pytest.fixture
def pipeline(tmp_path, monkeypatch):
    """Put a pipeline of a few lines in the place of the real one, to fail in every way."""

    def install(body: str) -> None:
        package = tmp_path / "fake" / "jwst"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        head = "class Detector1Pipeline:\n    step_defs = {}\n    @staticmethod\n    def call(uncal, **options):\n"
        (package / "pipeline.py").write_text(head + textwrap.indent(textwrap.dedent(body), " " * 8) + "\n")
        models = tmp_path / "fake" / "stdatamodels" / "jwst"
        models.mkdir(parents=True)
        (models.parent / "__init__.py").write_text("")
        (models / "__init__.py").write_text("")
        (models / "datamodels.py").write_text(
            "import contextlib, shutil\n"
            "class Level1bModel(contextlib.nullcontext):\n"
            "    def __enter__(self): return self\n"
            "    def save(self, path): shutil.copy(self.enter_result, path)\n"
        )
        monkeypatch.syspath_prepend(str(tmp_path / "fake"))

    return install


def _as_before(archive, uncal, out):
    assert [doc["_id"] for doc in archive.headers.find({}, {"_id": 1})] == [uncal["_id"]]
    assert archive.quarantine.count_documents({}) == 0
    assert not out.exists()


def test_a_pipeline_that_dies_is_told_with_its_last_words(archive, uncal, pipeline, tmp_path):
    pipeline("print('about to fail'); raise RuntimeError('no such luck')")
    with pytest.raises(CalibrationFailed, match=r"died \(exit code 1\); nothing was changed.*") as caught:
        calibrate(archive.session, uncal["_id"], out=tmp_path / "out")
    assert "about to fail" in str(caught.value)
    assert "RuntimeError: no such luck" in str(caught.value)
    assert "about to fail" in caught.value.log
    _as_before(archive, uncal, tmp_path / "out")


def test_a_pipeline_killed_by_a_signal(archive, uncal, pipeline, tmp_path):
    pipeline("import os; os.kill(os.getpid(), 11)")
    with pytest.raises(CalibrationFailed, match=r"died \(signal 11\)"):
        calibrate(archive.session, uncal["_id"], out=tmp_path / "out")
    _as_before(archive, uncal, tmp_path / "out")


def test_a_pipeline_that_makes_nothing(archive, uncal, pipeline, tmp_path):
    pipeline("print('nothing to do')")
    with pytest.raises(CalibrationFailed, match="made no products"):
        calibrate(archive.session, uncal["_id"], out=tmp_path / "out")
    _as_before(archive, uncal, tmp_path / "out")


def test_crds_that_cannot_be_reached_is_told_as_such(archive, uncal, pipeline, tmp_path):
    pipeline("print('(FATAL) CRDS server connection and cache load FAILED'); raise SystemExit(255)")
    with pytest.raises(CalibrationFailed, match=r"CRDS.*cannot be reached; give them with --references"):
        calibrate(archive.session, uncal["_id"], out=tmp_path / "out")


def test_a_pipeline_that_hangs_is_stopped_with_all_it_started(archive, uncal, pipeline, tmp_path):
    note = tmp_path / "child"
    pipeline(f"""
        import subprocess, time
        child = subprocess.Popen(['sleep', '600'])
        open({str(note)!r}, 'w').write(str(child.pid))
        print('waiting', flush=True)
        time.sleep(600)
    """)
    started = time.monotonic()
    with pytest.raises(PipelineTimedOut, match=r"had not ended after \d+ s and was stopped.*--timeout") as caught:
        calibrate(archive.session, uncal["_id"], out=tmp_path / "out", limits=RunLimits(seconds=3))
    assert time.monotonic() - started < 20
    assert "waiting" in str(caught.value)
    assert _gone(int(note.read_text()))
    _as_before(archive, uncal, tmp_path / "out")


def test_a_pipeline_that_outgrows_its_memory_is_stopped(archive, uncal, pipeline, tmp_path):
    pipeline("""
        import time
        held = []
        while True:
            held.append(b'x' * 10_000_000)
            time.sleep(0.02)
    """)
    with pytest.raises(OutOfMemory, match=r"over its limit of 300 MiB, and was stopped; give it more with --memory"):
        calibrate(archive.session, uncal["_id"], out=tmp_path / "out", limits=RunLimits(memory=300 * 2**20, seconds=60))
    _as_before(archive, uncal, tmp_path / "out")


def test_the_pipeline_ends_with_a_killed_darkroom(archive, uncal, pipeline, tmp_path):
    note = tmp_path / "pipeline"
    pipeline(f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    script = (
        "import sys; sys.path[:0] = sys.argv[3:]\n"
        "from pipelines import open_archive\n"
        "from pipelines.jwst.calibrate import calibrate\n"
        "calibrate(open_archive(sys.argv[1]), sys.argv[2])\n"
    )
    darkroom = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "home"), uncal["_id"], str(tmp_path / "fake"), *sys.path]
    )
    try:
        deadline = time.monotonic() + 30
        while not (note.exists() and note.read_text()):
            assert time.monotonic() < deadline, "the pipeline never began"
            time.sleep(0.05)
    finally:
        darkroom.kill()
        darkroom.wait()
    assert _gone(int(note.read_text()))


def test_products_made_but_not_ingested_are_taken_by_the_next_run(archive, uncal, pipeline, tmp_path, monkeypatch):
    """Killed between the two, the pipeline is not run again."""
    pipeline("""
        import os, shutil
        name = os.path.basename(uncal).replace('_uncal', '_rate')
        shutil.copy(uncal, os.path.join(options['output_dir'], name))
    """)

    class Killed(BaseException):
        pass

    def killed(*_, **__):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("pipelines.jwst.calibrate._take", killed)
        with pytest.raises(Killed):
            calibrate(archive.session, uncal["_id"], out=tmp_path / "out")
    (record,) = (tmp_path / "out").rglob(RECORD)
    assert json.loads(record.read_text())["uncal"] == uncal["_id"]
    done = calibrate(archive.session, uncal["_id"], out=tmp_path / "out")
    assert not done.fresh
    assert [name.rpartition("_")[2] for name in done.products] == ["rate.fits"]


def _gone(pid: int) -> bool:
    """Wait until a process is no more, or only its ended remains are."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False


def _network_watch(tmp_path) -> str:
    """A folder that makes every Python started with it note each connection it tries."""
    place = tmp_path / "watch"
    place.mkdir()
    note = tmp_path / "connections"
    (place / "sitecustomize.py").write_text(
        "import sys\n"
        f"open({str(note)!r}, 'a').close()\n"
        "def hook(event, args):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo'):\n"
        f"        open({str(note)!r}, 'a').write(f'{{event}} {{args}}\\n')\n"
        "sys.addaudithook(hook)\n"
    )
    return str(place)


def test_segments_of_one_exposure_keep_their_number(archive, campaign, pipeline, tmp_path):
    for number in (1, 2):
        path = tmp_path / "raw" / f"jw01-seg00{number}_mirimage_uncal.fits"
        path.parent.mkdir(exist_ok=True)
        with fits.open(campaign.exposures[1].path) as hdus:
            first = 2 * number - 1
            hdus[0].header.update(
                {"EXSEGTOT": 2, "EXSEGNUM": number, "INTSTART": first, "INTEND": first + 1, "NINTS": 4}
            )
            hdus.writeto(path)
    archive.ingest(tmp_path / "raw")
    pipeline("""
        import os, shutil
        name = os.path.basename(uncal).replace('_uncal', '_ramp')
        shutil.copy(uncal, os.path.join(options['output_dir'], name))
    """)
    for document in archive.headers.find({"kind": "uncal"}).to_list():
        done = calibrate(archive.session, document["_id"], out=tmp_path / "out")
        (name,) = done.products
        assert name.endswith(document["_id"].rpartition("/")[2].replace("_uncal", "_ramp"))


def test_calibrations_of_one_exposure_stand_side_by_side(archive, uncal, pipeline, reference_files, tmp_path):
    pipeline("""
        import os, shutil
        name = os.path.basename(uncal).replace('_uncal', '_rate')
        shutil.copy(uncal, os.path.join(options['output_dir'], name))
    """)
    folder = reference_files(SUBARRAYS["SUB64"], nints=2, ngroups=6, readpatt="FASTR1", minimal=True)
    one = calibrate(archive.session, uncal["_id"], references=folder, skip=MINIMAL)
    other = tmp_path / "other_gain.fits"
    with fits.open(folder / "gain.fits") as hdus:
        hdus["SCI"].data += 1
        hdus.writeto(other)
    two = calibrate(archive.session, uncal["_id"], references=folder, overrides={"gain": other}, skip=MINIMAL)
    three = calibrate(archive.session, uncal["_id"], references=folder, skip=(*MINIMAL, "jump"))
    assert len({done.key for done in (one, two, three)}) == 3
    assert archive.headers.count_documents({"calibration.uncal": uncal["_id"]}) == 3
    gains = [archive.document(c.products[0])["calibration"]["parameters"]["references"]["gain"] for c in (one, two)]
    assert [gain["file"] for gain in gains] == ["gain.fits", "other_gain.fits"]
    again = calibrate(
        archive.session, uncal["_id"], references=folder, overrides={"gain": folder / "gain.fits"}, skip=MINIMAL
    )
    assert (again.fresh, again.key, again.products) == (False, one.key, one.products)
