"""Serves MongoDB's wire protocol on a loopback port until standard input closes.

Run by a Python that has mongoeco; it prints the port and nothing else. The tests hold its standard
input, so the server ends when they do, however they end.
"""

from __future__ import annotations

import asyncio
import sys

from mongoeco.engines import MemoryEngine
from mongoeco.wire.proxy import AsyncMongoEcoProxyServer


async def serve() -> None:
    """Serve from memory until standard input closes."""
    async with AsyncMongoEcoProxyServer(engine=MemoryEngine(), host="127.0.0.1", port=0) as server:
        print(server.address.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
