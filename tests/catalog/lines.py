"""A line to a server that delays, is cut, resets its connections and loses replies."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress


class Line:
    """A TCP proxy on a port of this machine.

    Attributes
    ----------
    port : int
        Where it listens.
    delay : float
        Seconds that each part of a reply comes later.
    lose : int
        Of so many replies the connection ends in their place: the server has done what was asked, and nobody knows.
    skip : int
        Replies that pass before one is lost.
    """

    def __init__(self, port: int) -> None:
        self._to, self._cut = port, threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.delay, self.lose, self.skip, self.lost = 0.0, 0, 0, 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                one, _ = self._socket.accept()
                if self._cut.is_set():
                    one.close()
                    continue
                other = socket.create_connection(("127.0.0.1", self._to))
                self._open |= {one, other}
                threading.Thread(target=self._pass, args=(one, other, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(other, one, True), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, replies: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if replies:
                    time.sleep(self.delay)
                    if b"ismaster" not in data and b"isWritablePrimary" not in data and self._is_lost():
                        break
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _is_lost(self) -> bool:
        with self._lock:
            if self.lose and self.skip:
                self.skip -= 1
                return False
            if self.lose:
                self.lose, self.lost = self.lose - 1, self.lost + 1
                return True
        return False

    def reset(self) -> None:
        """End every connection at once, with what is on its way."""
        for end in self._open:
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)

    def cut(self, seconds: float) -> None:
        """End every connection, and refuse new ones for a time."""
        self._cut.set()
        self.reset()
        time.sleep(seconds)
        self._cut.clear()

    def close(self) -> None:
        """Stop."""
        self._socket.close()
        for end in self._open:
            end.close()
