"""All figures of the README, each beside its peer, in one run: ``make bench``."""

import os
import platform
import sys

from tests.benchmarks import bench_arrays, bench_calibrate, bench_catalog, bench_headers

print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, {platform.machine()}\n", flush=True)
for bench in (bench_catalog, bench_headers, bench_arrays, bench_calibrate):
    bench.main()
    sys.stdout.flush()
