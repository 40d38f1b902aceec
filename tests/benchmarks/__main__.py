"""Every benchmark in one run, or those that are named: ``python -m tests.benchmarks [combine masters ...]``."""

import os
import pkgutil
import platform
import sys
from importlib import import_module

from tests.benchmarks import bench_arrays, bench_calibrate, bench_catalog, bench_headers

found = {m.name.removeprefix("bench_") for m in pkgutil.iter_modules(tests.benchmarks.__path__) if m.name != "measure"}
names = sys.argv[1:] or sorted(found - {"__main__"})
if unknown := set(names) - found:
    sys.exit(f"no benchmark named {', '.join(sorted(unknown))}; there are: {', '.join(sorted(found - {'__main__'}))}")
print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, {platform.machine()}\n", flush=True)
from tests.benchmarks import bench_arrays, bench_calibrate, bench_catalog, bench_headers
    sys.stdout.flush()
