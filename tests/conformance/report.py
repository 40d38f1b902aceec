"""Runs the suite on every backend there is and prints the table of the README.

``python -m tests.conformance.report``
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.backends import BACKENDS, Backend, UnavailableError
from tests.conformance.runner import Verdict, run
from tests.conformance.suite import CASES, GROUPS

Tally = Counter[tuple[str, Verdict]]


@dataclass(frozen=True, slots=True)
class Result:
    """How one backend did: a count for each group and verdict, or why it was not asked."""

    title: str
    tally: Tally
    absent: str | None = None


def measure(backend: Backend) -> Result:
    """Put every case to `backend`."""
    tally: Tally = Counter()
    with tempfile.TemporaryDirectory() as folder:
        try:
            with backend.open(Path(folder)) as database, backend.heard():
                for case in CASES:
                    tally[case.group, run(case, database).verdict] += 1
        except UnavailableError as reason:
            return Result(backend.title, Counter(), str(reason))
    return Result(backend.title, tally)


def markdown(results: list[Result]) -> str:
    """The table: a row for each group, in each cell right, refused and wrong."""
    shown = [result for result in results if result.absent is None]
    sizes = Counter(case.group for case in CASES)
    lines = [
        "| right / refused / wrong | cases | " + " | ".join(result.title for result in shown) + " |",
        "|---|--:|" + "--:|" * len(shown),
    ]
    for group, title in GROUPS.items():
        cells = [_cell([result.tally[group, verdict] for verdict in Verdict]) for result in shown]
        lines.append(f"| {title} | {sizes[group]} | " + " | ".join(cells) + " |")
    totals = [_cell([_total(result, verdict) for verdict in Verdict]) for result in shown]
    lines.append(f"| **all** | {len(CASES)} | " + " | ".join(f"**{total}**" for total in totals) + " |")
    lines += [
        "",
        *(f"Not asked here: {result.title} ({result.absent})." for result in results if result.absent),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _cell(counts: list[int]) -> str:
    return " / ".join(str(count) for count in counts)


def _total(result: Result, verdict: Verdict) -> int:
    return sum(count for (_, seen), count in result.tally.items() if seen is verdict)


if __name__ == "__main__":
    print(markdown([measure(backend) for backend in BACKENDS]), end="")
