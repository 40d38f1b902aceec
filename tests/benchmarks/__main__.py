"""Every benchmark in one run, or those that are named: ``python -m tests.benchmarks [combine masters ...]``."""

import os
import pkgutil
import platform
import sys
from importlib import import_module

import tests.benchmarks

found = {m.name.removeprefix("bench_") for m in pkgutil.iter_modules(tests.benchmarks.__path__) if m.name != "measure"}
names = sys.argv[1:] or sorted(found - {"__main__"})
if unknown := set(names) - found:
    sys.exit(f"no benchmark named {', '.join(sorted(unknown))}; there are: {', '.join(sorted(found - {'__main__'}))}")
print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, {platform.machine()}\n", flush=True)
for name in names:
    import_module(f"tests.benchmarks.bench_{name}").main()
    sys.stdout.flush()
