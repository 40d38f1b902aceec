"""Run the long suites by seeds, for as long as there is time; run again, it goes on where it stopped.

    python -m tests.crash --minutes 30 [--state FILE] [--suite NAME]... [--workers 2]

Each suite is a round with a seed. The state holds, by suite, the next seed, how many rounds were done over all runs,
and the seeds that failed, each with its message. The suite that is farthest from its goal comes next. Exit code 1 if
any has failed and has not passed since (``--again`` runs those alone).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

LOSSES, FLIPS, HISTORIES, MUTANTS = 4, 50, 5, 300  # of one round


def kills(folder: Path, seed: int) -> int:
    """Kill two ingests of one night."""
    from tests.crash.nights import write_night
    from tests.crash.test_kill import FRAMES, one_round

    one_round(folder, write_night(folder / "raw", range(FRAMES)), seed, 1.5)
    return 1


def kills_of_verbs(folder: Path, seed: int) -> int:
    """Kill a verb, each in its turn, at a random moment; the next try ends as a clean run does."""
    from tests.crash.any_verb import one_kill

    scenes = folder.parent / f"scenes-{os.getpid()}"  # made once by each worker
    scenes.mkdir(exist_ok=True)
    one_kill(folder, seed, scenes)
    return 1


def power(folder: Path, seed: int) -> int:
    """Lose the power once in each verb."""
    from tests.crash.test_power import ORDER, one_loss, recording_of

    recording_of.cache_clear()
    for number in range(LOSSES):  # of one recording each
        one_loss(folder, seed % len(ORDER) + len(ORDER) * (LOSSES * seed + number))
    return LOSSES


def flips(folder: Path, seed: int) -> int:
    """Flip bits in the store."""
    from tests.crash.test_bit_rot import rotten_archive, rounds

    rounds(rotten_archive(folder), folder, range(FLIPS * seed, FLIPS * (seed + 1)))
    return FLIPS


def lost(folder: Path, seed: int) -> int:
    """Lose the catalog, in one history."""
    from hypothesis import seed as seeded
    from hypothesis import settings
    from hypothesis.stateful import run_state_machine_as_test

    from tests.crash.test_lost_catalog import LostCatalogs

    how = settings(
        LostCatalogs.TestCase.settings, max_examples=HISTORIES, stateful_step_count=30, derandomize=False, database=None
    )
    run_state_machine_as_test(seeded(seed)(LostCatalogs), settings=how)
    return HISTORIES


def mutants(folder: Path, seed: int) -> int:
    """Take files that are damaged in every way."""
    from tests.hostile.test_mutants import judge, run

    judge(run(MUTANTS * seed + 100_000, MUTANTS, folder), MUTANTS)
    return MUTANTS


SUITES: dict[str, Callable[[Path, int], int]] = {
    "kills": kills,
    "kills of verbs": kills_of_verbs,
    "power": power,
    "flips": flips,
    "lost": lost,
    "mutants": mutants,
}
GOALS = {"kills": 100, "kills of verbs": 400, "power": 1000, "flips": 10_000, "lost": 300, "mutants": 50_000}
SIZES = {"kills": 1, "kills of verbs": 1, "power": LOSSES, "flips": FLIPS, "lost": HISTORIES, "mutants": MUTANTS}
"""What one round of each counts."""


def one(name: str, seed: int, above: Path) -> tuple[int, str]:
    """Run a round in this process; return how much it counts, and what it found."""
    folder = Path(tempfile.mkdtemp(dir=above))
    try:
        return SUITES[name](folder, seed), ""
    except Exception:
        return 0, traceback.format_exc(limit=-6)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def load(file: Path) -> dict[str, Any]:
    """Read the state, with every suite in it."""
    state = json.loads(file.read_text()) if file.exists() else {}
    for name in SUITES:
        state.setdefault(name, {"next": 0, "rounds": 0, "failed": {}})
    return state


def main() -> int:
    """Run rounds until the time is up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--state", type=Path, default=Path("crash-rounds.json"))
    parser.add_argument("--suite", action="append", choices=sorted(SUITES))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--again", action="store_true", help="only the rounds that failed")
    given = parser.parse_args()
    state, end = load(given.state), time.monotonic() + 60 * given.minutes
    names = given.suite or list(SUITES)
    if given.again:
        todo = iter([(name, int(seed)) for name in names for seed in list(state[name]["failed"])])
    else:
        todo = ((name, _next(state[name])) for name in iter(lambda: _farthest(state, names, running.values()), None))
    running: dict[Future[tuple[int, str]], tuple[str, int]] = {}
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with (
        tempfile.TemporaryDirectory(prefix="darkroom-long-", dir=memory) as above,
        ProcessPoolExecutor(given.workers) as pool,
    ):
        while True:
            while len(running) < given.workers and time.monotonic() < end and (item := next(todo, None)) is not None:
                running[pool.submit(one, *item, Path(above))] = item
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                _keep(state, *running.pop(future), *future.result())
                given.state.write_text(json.dumps(state, indent=1))
    for name, kept in state.items():
        print(
            f"{name:16} {kept['rounds']:8} rounds, {len(kept['failed'])} failed {', '.join(list(kept['failed'])[:9])}"
        )
    return 1 if any(kept["failed"] for kept in state.values()) else 0


def _farthest(state: dict[str, Any], names: list[str], running: Iterable[tuple[str, int]]) -> str:
    """Return the suite that has done least of its goal; when all have reached theirs, they go on in step."""
    under_way = Counter(name for name, _ in running)

    def done(name: str) -> float:
        others = under_way[name] + len(state[name]["failed"])
        return float(state[name]["rounds"] + others * SIZES[name]) / GOALS[name]

    return min(names, key=done)


def _next(kept: dict[str, Any]) -> int:
    kept["next"] += 1
    return int(kept["next"]) - 1


def _keep(state: dict[str, Any], name: str, seed: int, count: int, problem: str) -> None:
    kept = state[name]
    if problem:
        kept["failed"][str(seed)] = problem
        print(f"{name}, seed {seed}:\n{problem}", flush=True)
    else:
        kept["failed"].pop(str(seed), None)
        kept["rounds"] += count


if __name__ == "__main__":
    sys.exit(main())
