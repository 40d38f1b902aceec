"""A sweep, a rebuild and a migration end at each of their writes, and their repair ends at one of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines import open_archive
from pipelines.archive import Archive
from pipelines.upkeep.check import check
from tests.crash.faults import crash
from tests.crash.invariants import NONE, converged, kept, known, swept_clean, tells_the_truth, whole
from tests.crash.test_masters_and_migrate import older_scene, state, upgrade
from tests.crash.verbs import VERBS, Scene, copied, mend

pytestmark = pytest.mark.usefixtures("alone")
MOST = 60  # writes of one verb


def migrate(archive: Archive, made: Scene) -> None:
    """Migrate whatever is older."""
    upgrade(archive)


@dataclass(frozen=True, slots=True)
class Twice:
    """A verb that ends early twice: what it needs to find, and what it does."""

    scene: Callable[[Path], Scene]
    act: Callable[[Archive, Scene], None]


TRIED = {
    "sweep": Twice(VERBS["sweep"].scene, VERBS["sweep"].act),
    "rebuild": Twice(VERBS["rebuild"].scene, VERBS["rebuild"].act),
    "migrate": Twice(older_scene, migrate),
}


def ends_well(here: Scene, verb: str, before, expected) -> None:
    """The third try ends as a clean run does, and nothing is lost, or swept, that is remembered."""
    with open_archive(here.home) as archive:
        kept(archive, before, swept=verb == "sweep")
        if verb != "migrate":
            whole(archive, here.allowed)
            tells_the_truth(archive, here.home)
        TRIED[verb].act(archive, here)
        kept(archive, before, swept=verb == "sweep")
        if verb == "migrate":
            assert state(archive) == expected
        else:
            assert whole(archive, here.allowed) == VERBS[verb].left
            assert {name: set(found) for name, found in state(archive).items()} == expected
            converged(archive, here.night, here.allowed)
            swept_clean(archive, here.home)
        assert check(archive.session, grace=NONE).clean


def clean_run(made: Scene, verb: str, folder: Path):
    """What one run that nothing disturbs makes of the scene."""
    here = copied(made, folder)
    with open_archive(here.home) as archive:
        TRIED[verb].act(archive, here)
        found = state(archive)
    return found if verb == "migrate" else {name: set(documents) for name, documents in found.items()}


def twice(made: Scene, verb: str, folder: Path, *, every: bool) -> list[tuple[int, int]]:
    """End at write k, then at write j of the repair; return the pairs that were tried.

    Parameters
    ----------
    every : bool
        Every j for every k, both repairs, writes torn and not; else one of each for every k, another each time.
    """
    expected = clean_run(made, verb, folder / "clean")
    with open_archive(made.home) as archive:
        before = known(archive)
    pairs = []
    for k in range(1, MOST):
        once = copied(made, folder / str(k))
        ended = not crash(once.home, k, TRIED[verb].act, once, torn=k % 2 == 0)
        ways = [(repair, torn) for repair in (TRIED[verb].act, mend) for torn in (False, True)]
        for repair, torn in ways if every else [ways[k % 4]]:
            for j in range(1, MOST) if every else [1 + k // 2 % 5]:
                again = copied(once, folder / f"{k}-{j}")
                more = crash(again.home, j, repair, again, torn=torn)
                ends_well(again, verb, before, expected)
                shutil.rmtree(again.home.parent)
                pairs += [(k, j)] if more and not ended else []
                if not more:
                    break
        shutil.rmtree(once.home.parent)
        if ended:
            return pairs
    raise AssertionError(f"more than {MOST} writes")


@pytest.mark.parametrize("verb", TRIED)
def test_a_verb_ends_at_each_of_its_writes_and_so_does_its_repair(tmp_path, verb):
    pairs = twice(TRIED[verb].scene(tmp_path / "scene"), verb, tmp_path, every=False)
    assert len(pairs) > 2, pairs


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("verb", TRIED)
def test_at_every_write_of_the_verb_and_at_every_write_of_its_repair(tmp_path, verb):
    pairs = twice(TRIED[verb].scene(tmp_path / "scene"), verb, tmp_path, every=True)
    assert len({k for k, _ in pairs}) > 4, pairs
