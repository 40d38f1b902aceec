"""Figures of questions to a bucket 20 ms away: wall time, requests, bytes, and what they cost, beside zarr-python.

The S3 server is moto's, a program in Python on the same machine: it takes some milliseconds of CPU time for each
request, which are in the wall time of both and are not those of a real service.
"""

import time
import uuid

import numpy as np
import zarr
from obstore.store import S3Store
from zarr.storage import ObjectStore

from arraystore import open_store
from tests.arraystore.servers import Line, s3_server
from tests.benchmarks.measure import Row, table

EXPOSURES = 332
PEER = 40
LATENCY = 0.02
GET, PUT, GIGABYTE = 0.4e-6, 5e-6, 0.09
"""Dollars for a GET, for a PUT or a list, for a gigabyte that leaves the region: AWS S3 Standard, us-east-1, 2024."""


class Meter:
    """Wall time, requests and bytes of an action over a line."""

    def __init__(self, line):
        self._line = line

    def __call__(self, action):
        self._line.requests = self._line.received = 0
        began = time.perf_counter()
        action()
        self.seconds = time.perf_counter() - began
        self.requests, self.nbytes = self._line.requests, self._line.received
        return self

    def text(self, price=GET, per=1):
        dollars = self.requests * price + self.nbytes * GIGABYTE / 1e9
        each = f" ({self.requests / per:.2f} an array)" if per > 1 else ""
        return (
            f"{self.seconds:.2f} s, {self.requests} requests{each}, {self.nbytes / 1e6:.2f} MB, "
            f"${1000 * dollars:.2f} a thousand times"
        )


def main() -> None:
    rng = np.random.default_rng(5)
    with s3_server() as server:
        line = Line(server)
        prefix = uuid.uuid4().hex
        keys = "access_key_id=a&secret_access_key=b&region=us-east-1"
        url = f"s3://pixels/{prefix}?endpoint={line.url}&{keys}"
        store, meter = open_store(url), Meter(line)
        ramps = [rng.normal(9000, 9, (1, 5, 64, 72)).astype("u2") for _ in range(EXPOSURES)]
        with store.batch() as batch:
            refs = [batch.put(ramp, kind="ramp").to_dict() for ramp in ramps]
        frame = rng.normal(1000, 9, (2048, 2048)).astype("u2")
        line.latency = LATENCY
        rows = [("a frame of 8.4 MB put", meter(lambda: store.put(frame, kind="frame")).text(PUT), "-", "-")]
        whole = store.put(frame, kind="frame")
        fresh = open_store(url, readonly=True)
        first = meter(lambda: fresh.read_many(refs, np.s_[..., 5, 6])).text(per=EXPOSURES)
        peer = S3Store("pixels", prefix=prefix, endpoint=line.url, access_key_id="a", secret_access_key="b",
                       region="us-east-1", client_options={"allow_http": True})  # fmt: skip

        def stock():
            for ref in refs[:PEER]:
                array = zarr.open_array(ObjectStore(peer, read_only=True), path=ref["path"], mode="r")
                array[5, 6]  # in the order it is stored in, y and x come first

        zarrs = meter(stock).text(per=PEER)
        again = meter(lambda: fresh.read_many(refs, np.s_[..., 60, 70])).text(per=EXPOSURES)
        rows += [
            (f"one pixel of {EXPOSURES} exposures, never asked before", first, f"zarr-python, {PEER}: {zarrs}", "-"),
            ("another pixel of them", again, "-", "<= 1 s, <= 1 request an array"),
            ("a frame of 8.4 MB read", meter(lambda: fresh.open(whole)[...]).text(), "-", "-"),
            (f"every array listed, {EXPOSURES + 1}", meter(lambda: list(fresh.objects())).text(PUT), "-", "-"),
        ]
        line.close()
    print(table("Questions to a bucket, 20 ms away", [Row(*row) for row in rows]), flush=True)


if __name__ == "__main__":
    main()
