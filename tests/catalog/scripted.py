"""A server of MongoDB's wire protocol that says what a test wants: too old, another clock, no access."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import bson

QUERY, MESSAGE, REPLY = 2004, 2013, 1
HELLO = {"isWritablePrimary": True, "ismaster": True, "helloOk": True, "maxBsonObjectSize": 1 << 24,
         "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000, "minWireVersion": 0, "maxWireVersion": 21,
         "readOnly": False, "ok": 1.0}  # fmt: skip


class Scripted:
    """Answers `hello` with the fields given beside its own, and everything else by a function of the command."""

    def __init__(self, answer: Callable[[dict[str, Any]], dict[str, Any]] = lambda command: {"ok": 1.0}, **hello: Any):
        self._answer = answer
        self._hello = hello
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.asked: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Scripted:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._socket.accept()[0],), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError, struct.error), client.makefile("rwb") as line:
            while head := line.read(16):
                length, number, _, code = struct.unpack("<iiii", head)
                body = line.read(length - 16)
                if code == QUERY:
                    start = body.index(b"\0", 4) + 9
                    said = bson.encode(self._reply(bson.decode(body[start:])))
                    payload = struct.pack("<iqii", 8, 0, 0, 1) + said
                    line.write(struct.pack("<iiii", 16 + len(payload), 1, number, REPLY) + payload)
                else:
                    size = struct.unpack_from("<i", body, 5)[0]
                    payload = struct.pack("<iB", 0, 0) + bson.encode(self._reply(bson.decode(body[5 : 5 + size])))
                    line.write(struct.pack("<iiii", 16 + len(payload), 1, number, MESSAGE) + payload)
                line.flush()

    def _reply(self, command: dict[str, Any]) -> dict[str, Any]:
        name = next(iter(command))
        self.asked.append(name)
        if name.lower() in ("hello", "ismaster"):
            return {**HELLO, "localTime": datetime.now(UTC), **self._hello}
        if name == "listIndexes":
            space = f"{command['$db']}.{command[name]}"
            return {"cursor": {"id": 0, "ns": space, "firstBatch": []}, "ok": 1.0}
        return self._answer(command)
