"""Timing for the benchmarks: medians of runs, processes measured whole, rows printed beside their peer."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

# Not getrusage: what it says of a new process counts the one that started it.
PEAK = """
print(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table of figures: ours, the peer's, and what was aimed at."""

    what: str
    ours: str
    peer: str
    aim: str


def median_seconds(action: Callable[[], object], *, runs: int = 9) -> float:
    """Median wall time of an action, seconds, after one run that does not count."""
    action()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def median_both(action: Callable[[], object], *, runs: int = 9) -> tuple[float, float]:
    """Median wall and CPU time of an action, seconds, after one run that does not count."""
    action()
    walls, busy = [], []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        action()
        walls.append(time.perf_counter() - wall)
        busy.append(time.process_time() - cpu)
    return statistics.median(walls), statistics.median(busy)


def process(script: str, *arguments: object, runs: int = 5) -> tuple[float, float]:
    """Median wall time (s) and largest peak memory (MB) of a fresh Python that runs a script."""
    times, peaks = [], []
    for _ in range(runs):
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", script + PEAK, *map(str, arguments)], stdout=subprocess.PIPE, text=True, check=True
        )
        times.append(time.perf_counter() - started)
        peaks.append(int(done.stdout.split()[-1]) / 1024)
    return statistics.median(times), max(peaks)


def table(title: str, rows: list[Row]) -> str:
    """A Markdown table of figures."""
    lines = [f"### {title}", "", "| what | Darkroom | peer | aim |", "| --- | --- | --- | --- |"]
    lines += [f"| {row.what} | {row.ours} | {row.peer} | {row.aim} |" for row in rows]
    return "\n".join(lines) + "\n"
