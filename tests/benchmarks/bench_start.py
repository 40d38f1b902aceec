"""Cold start: CPU time of a new process, user and system: ``python -m tests.benchmarks start`` (half a minute).

Beside an interpreter that does nothing, and release 0.2 where ``DARKROOM_RELEASE`` names a checkout of it.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from pipelines import open_archive
from tests.benchmarks.bench_identity import write
from tests.benchmarks.measure import Row, table

RELEASE = os.environ.get("DARKROOM_RELEASE")
RUNS, FRAMES = 5, 100

COMMAND = "import sys; sys.argv[0] = 'darkroom'; from pipelines.cli import main; main()"
QUERY = """
import sys, resource
from pipelines import open_archive
with open_archive(sys.argv[1], readonly=True) as archive:
    assert list(archive.headers.find({"kind": "dark"}, {"_id": 1}).limit(5))
"""
AGAIN = """
import sys, time
from pipelines import open_archive
with open_archive(sys.argv[1], readonly=True) as archive:
    began = time.process_time()
    assert list(archive.headers.find({"kind": "dark"}, {"_id": 1}).limit(5))
    print(time.process_time() - began)
"""


def cpu(script, *arguments, where=None):
    """Median of the CPU seconds of new processes that run a script."""
    environment = {**os.environ, "PYTHONPATH": where or str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    times = []
    for _ in range(RUNS + 1):  # the first one may compile
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, env=environment, cwd="/", stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(times[1:])


def first_question(home):
    """CPU seconds of the first question of a process that has opened its archive."""
    done = [subprocess.run([sys.executable, "-c", AGAIN, home], stdout=subprocess.PIPE, text=True) for _ in range(RUNS)]
    return statistics.median(float(one.stdout) for one in done)


def main():
    """Print the table."""
    nothing = cpu("pass")
    with tempfile.TemporaryDirectory() as folder:
        homes = {}
        for where in (None, RELEASE) if RELEASE else (None,):
            raw, home = Path(folder, f"raw{bool(where)}"), Path(folder, f"home{bool(where)}")
            raw.mkdir()
            write(raw, FRAMES)
            script = "import sys; from pipelines import open_archive\nwith open_archive(sys.argv[2]) as a:\n"
            cpu(script + "    a.ingest(sys.argv[1], progress=False)", raw, home, where=where)
            homes[where] = home
        rows = []
        for what, script, arguments, aim in (
            ("import darkroom", "import darkroom", (), "<= 0.15 s"),
            ("darkroom --help", COMMAND, ("--help",), "<= 0.4 s"),
            ("darkroom status", COMMAND, ("--home", None, "status"), "<= 0.4 s"),
            ("cold process to the first answer of an archive", QUERY, (None,), "<= 0.5 s"),
            ("a worker process of an ingest, headers alone", "import pipelines.ingest.worker", (), "-"),
        ):
            times = {
                where: cpu(script, *(home if word is None else word for word in arguments), where=where)
                for where, home in homes.items()
                if not (where and script.startswith("import ") and script != COMMAND)
            }
            peer = f"release 0.2: {times[RELEASE]:.2f} s" if RELEASE in times and RELEASE else "-"
            rows.append(Row(what, f"{times[None]:.2f} s", peer, aim))
        with open_archive(homes[None], readonly=True) as archive:
            if archive.headers.count_documents({"kind": "dark"}) != FRAMES // 4:
                raise AssertionError("the archive is not the one that was made")
        rows.append(Row("first question of an open archive", f"{first_question(homes[None]):.2f} s", "-", "<= 0.25 s"))
    rows.append(Row("an interpreter that does nothing", f"{nothing:.2f} s", "-", "-"))
    print(table(f"Cold start, CPU time (median of {RUNS})", rows))


if __name__ == "__main__":
    main()
