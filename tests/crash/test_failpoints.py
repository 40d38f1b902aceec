"""Every operation of every verb goes wrong once, in some way, and nightly in every way.

What is visible stays whole, and the next try mends it.
"""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest

from pipelines import open_archive
from pipelines.upkeep.check import check
from tests.crash.faults import SORTS, numbers, strike
from tests.crash.invariants import NONE, converged, kept, known, rebuilt, sweep, swept_clean, undamaged, whole
from tests.crash.verbs import VERBS, copied

pytestmark = pytest.mark.usefixtures("alone")

DEEP = ("fails", "tears")  # after these nobody tries again, too: what they leave is what all leave


def live_on(made, before, *, swept):
    """Nobody tries again: a check mends, a rebuild gives all back, and the sweep takes nothing that is remembered."""
    with open_archive(made.home) as archive:
        undamaged(archive)
        kept(archive, before, swept=swept)
        rebuilt(archive, made.home, swept=swept)
        sweep(archive, timedelta(days=1))
        kept(archive, before, swept=swept)
        sweep(archive, NONE)
        whole(archive, made.allowed)
        kept(archive, before, swept=True)


def go_wrong(tmp_path, verb, sort, *, every):
    made = VERBS[verb].scene(tmp_path / "scene")
    with open_archive(made.home) as archive:
        before = known(archive)
    counted = copied(made, tmp_path / "counted")
    chosen = numbers(counted.home, sort, VERBS[verb].act, counted, every=every)
    for k in chosen:
        here = copied(made, tmp_path / str(k))
        there_was_one = strike(here.home, sort, k, VERBS[verb].act, here)
        with open_archive(here.home) as archive:
            whole(archive, here.allowed)
            kept(archive, before, swept=verb == "sweep")
        if there_was_one and sort in DEEP:
            live_on(copied(here, tmp_path / f"{k}b"), before, swept=verb == "sweep")
            shutil.rmtree(tmp_path / f"{k}b")
        with open_archive(here.home) as archive:
            VERBS[verb].act(archive, here)  # again, with nothing in its way
            assert whole(archive, here.allowed) == VERBS[verb].left
            converged(archive, here.night, here.allowed)
            swept_clean(archive, here.home)
            if sort in DEEP:
                assert check(archive.session, grace=NONE).clean
        shutil.rmtree(tmp_path / str(k))
    assert chosen.stop > 6 or sort in ("tears", "dies within")


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("verb", VERBS)
def test_every_operation_goes_wrong_once(tmp_path, verb, sort):
    """A fifth of them in each way: all, over the five."""
    go_wrong(tmp_path, verb, sort, every=False)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("verb", VERBS)
def test_every_operation_goes_wrong_in_every_way(tmp_path, verb, sort):
    go_wrong(tmp_path, verb, sort, every=True)
