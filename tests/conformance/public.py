"""Puts the public conformance tests of another project to the embedded catalog, or to a server.

Their expectations are MongoDB's: github.com/documentdb/functional-tests. ::

    git clone https://github.com/documentdb/functional-tests DIR
    pip install -r DIR/requirements.txt
    python -m tests.conformance.public --checkout DIR

What is not passed is listed in ``public_expected.txt``, by rules: a number of tests, how they end, a pattern of
their names, and the reason. It is strict both ways: a test more or less under a rule is an error.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

EXPECTED = Path(__file__).with_name("public_expected.txt")
ROOT = Path(__file__).parents[2]
AREA = "compatibility/tests/core/operator"
CLASSES = ("passed", "refused", "other code", "lenient", "error", "wrong", "not askable", "other")
GONE = ("skipped", "xfailed")
HEADING = """\
# The public conformance tests that the embedded catalog does not pass: how many, how they end, which, and why.
# Written by `python -m tests.conformance.public --checkout DIR --write`, but for the reasons; `public.py` says more.
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """So many tests, of such names, end so, and why."""

    count: int
    how: str
    pattern: str
    reason: str

    def __str__(self) -> str:
        return f"{self.count:6} | {self.how:11} | {self.pattern} | {self.reason}"


@dataclass(frozen=True, slots=True)
class Ended:
    """How one test ended."""

    name: str
    how: str
    error: str


def read_rules(text: str) -> list[Rule]:
    """Read the rules; lines that begin with ``#`` are comments."""
    rules = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            count, how, pattern, reason = (part.strip() for part in line.split("|", 3))
            rules.append(Rule(int(count), how, pattern, reason))
    return rules


def compare(rules: list[Rule], tests: Iterable[Ended], *, whole: bool) -> list[str]:
    """What is otherwise than the rules say.

    Parameters
    ----------
    whole
        Whether all tests were run, so that every rule must have its number of them.
    """
    found: Counter[Rule] = Counter()
    complaints = []
    for test in tests:
        if test.how == "passed" or test.how in GONE:
            continue
        named = [rule for rule in rules if rule.how == test.how and fnmatchcase(test.name, rule.pattern)]
        rule = max(named, key=lambda rule: len(rule.pattern), default=None)  # the one that names it most closely
        if rule is None:
            complaints.append(f"not listed: {test.how}: {test.name} ({test.error[:120]})")
        else:
            found[rule] += 1
    for rule in rules if whole else ():
        if found[rule] != rule.count:
            complaints.append(f"listed {rule.count}, found {found[rule]}: {rule.how}: {rule.pattern}")
    return complaints


def rules_of(tests: Iterable[Ended], known: list[Rule]) -> list[Rule]:
    """Rules for what is not passed, a rule for each folder and way to end; reasons that are known are kept."""
    found: dict[tuple[str, str], list[Ended]] = defaultdict(list)
    for test in tests:
        if test.how != "passed" and test.how not in GONE:
            folder = "/".join(test.name.partition("::")[0].split("/")[:-1][:3])
            found[folder, test.how].append(test)
    reasons = {(rule.pattern, rule.how): rule.reason for rule in known}
    return [
        Rule(len(some), how, pattern, reasons.get((pattern, how)) or _reason(how, some))
        for (folder, how), some in sorted(found.items())
        for pattern in (f"{folder}/*" if folder else "test_*",)
    ]


def _reason(how: str, tests: list[Ended]) -> str:
    if how in ("refused", "not askable"):
        refused = Counter("".join(found) for test in tests for found in _REFUSED.findall(test.error)[:1])
        return ", ".join(name for name, _ in refused.most_common(3)) or "refused by name"
    return _REASONS.get(how, "look at it")


_REFUSED = re.compile(r"(?:does not answer the [a-z -]+?|operator) ([$A-Z][^:;,]*)|askable of a catalog: ([^;:\[]*)")
_REASONS = {
    "other code": "an error, as MongoDB's, under another code",
    "error": "an error, where MongoDB answers",
    "other": "it ends before it asks, or wants a failure that a server has",
}


def table(tests: Iterable[Ended]) -> str:
    """The numbers by part, as a Markdown table."""
    parts: dict[str, Counter[str]] = defaultdict(Counter)
    for test in tests:
        part, slash, _ = test.name.partition("/")
        parts[part if slash else "combinations"][test.how] += 1
        parts["all"][test.how] += 1
    lines = ["| part | " + " | ".join(CLASSES) + " |", "|---|" + "--:|" * len(CLASSES)]
    lines += [f"| {part} | " + " | ".join(str(parts[part][how]) for how in CLASSES) + " |" for part in sorted(parts)]
    return "\n".join(lines)


def run(checkout: Path, paths: list[str], server: str | None, workers: int) -> list[Ended]:
    """Run the tests in a process of their own, from their own folder."""
    folder = checkout / "documentdb_tests"
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "ended.jsonl"
        out.touch()
        given = [f"{AREA}/{path}" for path in paths] or [AREA]
        command = [sys.executable, "-m", "pytest", "-c", "pytest.ini", "-o", "addopts=", "-q", "--tb=line",
                   "--timeout=120", "-o", "timeout_method=signal", "-p", "no:cacheprovider", "--engine-name=mongodb",
                   f"--connection-string={server or 'mongodb://embedded'}", *given]  # fmt: skip
        command += ["-n", str(workers)] if workers else ["-p", "no:xdist"]
        command += ["-p", "tests.conformance.public_plugin"]
        environment = {
            **os.environ,
            "DARKROOM_PUBLIC_OUT": str(out),
            "DARKROOM_PUBLIC_SERVER": server or "",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{checkout}",
        }
        subprocess.run(command, cwd=folder, env=environment, check=False, stdout=subprocess.DEVNULL)
        told = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    prefix = f"{AREA}/"
    return [Ended(line["id"].removeprefix(prefix), line["class"], line["error"]) for line in told]


def main(arguments: list[str] | None = None) -> int:
    """Run, print the table, and say what is otherwise than listed."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.public", description=__doc__)
    parser.add_argument("--checkout", type=Path, required=True, help="a clone of documentdb/functional-tests")
    parser.add_argument("--server", help="ask the server of this URL in place of the embedded catalog")
    parser.add_argument("--workers", type=int, default=2, help="processes, 0 for none beside this one")
    parser.add_argument("--out", type=Path, help="write how each test ended to this file, a JSON object per line")
    parser.add_argument("--write", action="store_true", help=f"write {EXPECTED.name} anew, from a run of all tests")
    parser.add_argument("paths", nargs="*", help=f"folders or files below {AREA}; all by default")
    told = parser.parse_args(arguments)
    tests = run(told.checkout.resolve(), told.paths, told.server, told.workers)
    if told.out:
        told.out.write_text("".join(json.dumps([t.name, t.how, t.error]) + "\n" for t in tests), encoding="utf-8")
    print(table(tests))
    if not tests:
        print("no test was run: is this a checkout, and are its requirements installed?", file=sys.stderr)
        return 2
    rules = [] if told.server else read_rules(EXPECTED.read_text(encoding="utf-8"))
    if told.write and not told.paths:
        rules = rules_of(tests, rules)
        EXPECTED.write_text(HEADING + "".join(f"{rule}\n" for rule in rules), encoding="utf-8")
    complaints = compare(rules, tests, whole=not told.paths)
    print(*complaints, sep="\n", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    raise SystemExit(main())
