"""All figures of the README, each beside its peer, in one run; or those that are named: ``... combine masters``."""

import os
import pkgutil
import platform
import sys
from importlib import import_module

import tests.benchmarks

modules = (module.name for module in pkgutil.iter_modules(tests.benchmarks.__path__))
there = sorted(name.removeprefix("bench_") for name in modules if name.startswith("bench_"))
names = sys.argv[1:] or there
if unknown := set(names) - set(there):
    sys.exit(f"no benchmark named {', '.join(sorted(unknown))}; there are: {', '.join(there)}")
print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, {platform.machine()}\n", flush=True)
for name in names:
    import_module(f"tests.benchmarks.bench_{name}").main()
    sys.stdout.flush()
