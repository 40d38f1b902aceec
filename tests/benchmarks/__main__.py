"""All figures, each beside its peer, in one run; or those of the parts that are named: ``... combine masters``.

``--write`` puts what was measured into FIGURES.md, each table under its title, with when, where and how long.
"""

import argparse
import contextlib
import os
import pkgutil
import platform
import sys
import time
from importlib import import_module

import tests.benchmarks
from tests.benchmarks import figures


class Echo:
    """Output that is shown and kept."""

    def __init__(self, shown):
        self.shown, self.kept = shown, []

    def write(self, text):
        """Show and keep."""
        self.kept.append(text)
        return self.shown.write(text)

    def isatty(self):
        """Say no: what is kept is for a file."""
        return False

    def flush(self):
        """Show at once."""
        self.shown.flush()


def main():
    """Run the parts."""
    modules = (module.name for module in pkgutil.iter_modules(tests.benchmarks.__path__))
    there = sorted(name.removeprefix("bench_") for name in modules if name.startswith("bench_"))
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"parts: {', '.join(there)}; all by default")
    parser.add_argument("--write", action="store_true", help="put the tables into tests/benchmarks/FIGURES.md")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(there):
        sys.exit(f"no benchmark named {', '.join(sorted(unknown))}; there are: {', '.join(there)}")
    place = f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"
    print(place, flush=True)
    for name in asked.names or there:
        took = figures.took(name)
        print(f"\n{name}: {f'took {took} when it was last written' if took else 'how long is not known'}", flush=True)
        load, started, echo = os.getloadavg()[0], time.monotonic(), Echo(sys.stdout)
        with contextlib.redirect_stdout(echo):
            import_module(f"tests.benchmarks.bench_{name}").main()
        seconds = time.monotonic() - started
        print(f"{name}: {figures.duration(seconds)}", flush=True)
        if asked.write:
            said = f"{place}, load {load:.1f} before"
            for title in figures.write("".join(echo.kept), name, seconds, said):
                print(f"written: {title}", flush=True)


if __name__ == "__main__":
    main()
