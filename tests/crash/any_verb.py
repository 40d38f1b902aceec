"""kill -9 of every verb at a random moment of it, and what must be true then, and after its next try."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pipelines import open_archive
from pipelines.archive import Archive
from pipelines.calibration.masters.run import make_masters
from pipelines.calibration.quality.checks import check_frames
from pipelines.nightly.run import Schedule
from pipelines.upkeep.check import check
from tests.crash.invariants import NONE, converged, kept, known, swept_clean, tells_the_truth, undamaged, whole
from tests.crash.nights import NIGHT, document_id, write_night
from tests.crash.processes import finish, start
from tests.crash.test_masters_and_migrate import older_scene, upgrade
from tests.crash.verbs import VERBS, Scene, copied, deleted, dirty, revised, scene, settled


def measured(folder: Path) -> Scene:
    """An archive of eight darks large enough to be measured and combined."""
    night = write_night(folder / "raw", range(1, 9), broken=0, twins=False, shape=(96, 128))
    with open_archive(folder / "home") as archive:
        archive.ingest(night.folder, jobs=1, progress=False)
    return Scene(folder / "home", night, {name: (truth,) for name, truth in night.truth.items()})


def check_all_frames(archive: Archive, made: Scene) -> None:
    """Measure the frames of the night."""
    check_frames(archive.session, NIGHT)


def masters(archive: Archive, made: Scene) -> None:
    """Make the dark of the night."""
    make_masters(archive.session, date=NIGHT, kinds=("dark",), jobs=1)


def look(archive: Archive, made: Scene) -> None:
    """Check the archive."""
    check(archive.session, grace=NONE)


def nightly(archive: Archive, made: Scene) -> None:
    """The unattended run, over everything there is."""
    archive.nightly(made.night.folder, schedule=Schedule(settle=0.0, wait=30.0), jobs=1, progress=False)


def identify(archive: Archive, made: Scene) -> None:
    """Identify all documents again."""
    archive.identify(everything=True, progress=False)


def export(archive: Archive, made: Scene) -> None:
    """Write one file back, over whatever a kill has left of it."""
    out = made.home.parent / "out"
    out.mkdir(exist_ok=True)
    archive.export(document_id(3), out, overwrite=True)


def backup(archive: Archive, made: Scene) -> None:
    """Copy the catalog."""
    target = made.home.parent / "backup.db"
    target.unlink(missing_ok=True)
    archive.upkeep.backup(target)


def retry(archive: Archive, made: Scene) -> None:
    """Try again what is in quarantine."""
    archive.upkeep.retry(everything=True)


def mend_and_sweep(archive: Archive, made: Scene) -> None:
    """Repair, then a sweep that takes nothing that is younger than a day."""
    check(archive.session, grace=NONE, repair=True)
    archive.sweep(grace=timedelta(days=1), dry_run=False)


@dataclass(frozen=True, slots=True)
class Killed:
    """A verb to be killed.

    Attributes
    ----------
    scene, act
        What it needs to find, and what it does.
    left : int or None
        Documents in use when it has ended.
    converges : bool
        Whether an ingest and a sweep bring everything to one clean state afterwards.
    older : bool
        Whether the records in the store have the names of an earlier schema, until the verb has ended.
    """

    scene: Callable[[Path], Scene]
    act: Callable[[Archive, Scene], None]
    left: int | None = None
    converges: bool = True
    older: bool = False


ACTS: dict[str, Killed] = {
    **{name: Killed(verb.scene, verb.act, verb.left) for name, verb in VERBS.items()},
    "frames --check": Killed(measured, check_all_frames, 8, converges=False),
    "masters": Killed(measured, masters, 8, converges=False),
    "check": Killed(measured, look, 8, converges=False),
    "nightly": Killed(revised, nightly, 3),
    "nightly of nothing known": Killed(scene, nightly, 3),
    "migrate": Killed(older_scene, lambda archive, made: upgrade(archive), converges=False, older=True),
    "identify": Killed(settled, identify, 3),
    "export": Killed(settled, export, 3),
    "backup": Killed(deleted, backup, 1),
    "retry": Killed(settled, retry, 3),
    "mend and sweep": Killed(dirty, mend_and_sweep, 2),
}
ORDER = tuple(ACTS)


def act(home: Path, name: str, made: Scene) -> None:
    """Do a verb, in a process that is to be killed."""
    with open_archive(home) as archive:
        ACTS[name].act(archive, made)


_PREPARED: dict[str, tuple[Scene, float]] = {}


def prepared(name: str, scenes: Path) -> tuple[Scene, float]:
    """A scene for a verb, made once, and the seconds the verb takes on this machine as it is now."""
    if name not in _PREPARED:
        made = ACTS[name].scene(scenes / name.replace(" ", "-"))
        spans = []
        for number in range(2):  # the first starts the fork server
            here = copied(made, scenes / f"{name.replace(' ', '-')}-{number}")
            began = time.monotonic()
            assert finish(start(act, here.home, name, here)) == [0], name
            spans.append(time.monotonic() - began)
            shutil.rmtree(here.home.parent)
        _PREPARED[name] = made, min(spans)
    return _PREPARED[name]


def one_kill(folder: Path, seed: int, scenes: Path) -> None:
    """Kill one verb, and do it again: nothing is lost, nothing is damaged, the check says so, and it ends."""
    rng = random.Random(seed)
    name = ORDER[seed % len(ORDER)]
    verb = ACTS[name]
    made, span = prepared(name, scenes)
    (folder / "here").mkdir()
    here = copied(made, folder / "here")
    with open_archive(here.home) as archive:
        before = known(archive)
    process = start(act, here.home, name, here)
    time.sleep(rng.uniform(0.0, 1.1 * span))
    process.kill()
    finish(process)
    may_sweep = "sweep" in name
    with open_archive(here.home) as archive:
        kept(archive, before, swept=may_sweep)
        if not verb.older:
            whole(archive, here.allowed)
            tells_the_truth(archive, here.home)
        if not verb.older and seed // len(ORDER) % 2:  # else the verb itself finds what the kill left
            undamaged(archive)
        verb.act(archive, here)
        left = whole(archive, here.allowed)
        assert verb.left in (None, left), (name, left)
        kept(archive, before, swept=may_sweep)
        tells_the_truth(archive, here.home)
        if verb.converges:
            converged(archive, here.night, here.allowed)
            swept_clean(archive, here.home)
        assert tells_the_truth(archive, here.home).clean
        assert archive.session.runs.count_documents({"status": "running"}) == 0
    out = here.home.parent / "out"
    for path in out.glob("*.fits"):  # whole, or not there
        assert path.read_bytes() == (here.night.folder / document_id(3)).read_bytes()
