"""A new kind of master is one entry of a table and its module: nothing else is touched."""

import sys
import textwrap

import numpy as np
import pytest

from pipelines.calibration.groups import kinds
from pipelines.calibration.masters.fits import export_master
from tests.pipelines.calibration.conftest import NIGHT
from tests.pipelines.command import darkroom

TOY = """
    import numpy as np

    from pipelines.calibration.masters.acceptance import Acceptance
    from pipelines.calibration.masters.drafting import frame_steps
    from pipelines.calibration.masters.work import Made


    def draft(catalog, kind, *, date, expected, without, options):
        return frame_steps(catalog, kind, date=date, without=without, options=options, parameters={"of": "all"})


    def make(step, work, store):
        brightest = np.max([store.open(frame["arrays"]["sci"])[...] for frame in step.frames], axis=0)
        refs = {"value": store.put(brightest.astype("float32"), kind="master")}
        said = Acceptance("accepted", f"the brightest of {len(step.frames)}", None, None, None, None, ())
        return Made(step, refs, said, {"level": float(np.median(brightest))}, {}, {}, {}, 0.0)
    """


@pytest.fixture
def brightest(tmp_path, monkeypatch):
    (tmp_path / "brightest_of_darks.py").write_text(textwrap.dedent(TOY))
    monkeypatch.syspath_prepend(str(tmp_path))
    entry = kinds.MasterKind(
        frames="dark", free=frozenset({"dtype"}), algorithm=1, maker="brightest_of_darks", named_by="exptime"
    )
    monkeypatch.setitem(kinds.KINDS, "brightest", entry)
    yield
    sys.modules.pop("brightest_of_darks", None)


def test_it_is_planned_made_listed_explained_exported_and_recalled(brightest, night, tmp_path):
    rows = night.calibration.plan(NIGHT, kinds=["brightest"]).rows
    assert {row["action"] for row in rows} == {"make"}
    home = ("--home", tmp_path / "night")
    assert darkroom(*home, "masters", "make", NIGHT, "--kind", "brightest").returncode == 0
    made = list(night.masters.find({"kind": "brightest"}))
    assert len(made) == len(rows)
    for master in made:
        assert f"/brightest-{master['key']['exptime']:g}s-" in master["_id"]
        frames = [night.cube(item["id"])[...] for item in master["inputs"]]
        assert len(frames) >= 3
        assert (night.cube(master["_id"])[...] == np.max(frames, axis=0)).all()
    again = night.calibration.make_masters(NIGHT, kinds=["brightest"], progress=False)
    assert {row["outcome"] for row in again} == {"unchanged"}
    assert made[0]["_id"] in darkroom(*home, "masters", "list", "--json").stdout
    frame = made[0]["inputs"][0]["id"]
    assert night.calibration.why(frame, "brightest").master == made[0]["_id"]
    export_master(night.session, made[0], tmp_path / "brightest.fits")
    night.calibration.certify(made[0]["_id"], why="looked at it")
    night.calibration.recall([frame], why="a leak")
    assert night.calibration.why(frame, "brightest").master is None


def test_without_its_entry_the_kind_is_refused(night, tmp_path):
    done = darkroom("--home", tmp_path / "night", "masters", "make", NIGHT, "--kind", "brightest")
    assert (done.returncode, "there are bias, dark, flat, pixelmap" in done.stderr) == (2, True)
