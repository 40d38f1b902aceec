"""An S3 server of its own for the tests, and a line to it that is slow, counts bytes and breaks."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator


def _request(url: str, method: str = "GET") -> None:
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=5) as answer:
        answer.read()


@contextlib.contextmanager
def s3_server() -> Iterator[str]:
    """Address of a server in a process of its own, that has a bucket called ``pixels``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                _request(f"{url}/pixels", "PUT")
                break
            except OSError:
                time.sleep(0.05)
        yield url
    finally:
        server.terminate()
        server.wait()


class Line:
    """A TCP proxy: adds `latency` seconds to each answer, counts what comes back, cuts the line.

    `cut` is how many of the next requests, after `skip` of them, lose their connection:
    "before" the server has seen them, "after" it has answered, the answer on its way, or "within" a large answer.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.removeprefix("http://").partition(":")
        self._target = host, int(port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.latency = 0.0
        self.skip = 0
        self.cut = 0
        self.when = "before"
        self.requests = 0
        self.received = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server, contextlib.suppress(OSError):
            back = threading.Thread(target=self._answers, args=(server, client), daemon=True)
            back.start()
            while data := client.recv(2**16):
                if data.split(b" ", 1)[0] in (b"GET", b"PUT", b"POST", b"HEAD", b"DELETE"):
                    self.requests += 1
                    if self._is_cut("before"):
                        return
                server.sendall(data)

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(2**16):
                if data.startswith(b"HTTP/"):
                    time.sleep(self.latency)
                    if self._is_cut("after"):
                        break
                if len(data) > 2**13 and self._is_cut("within"):
                    client.sendall(data[: 2**12])
                    break
                self.received += len(data)
                client.sendall(data)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def _is_cut(self, when: str) -> bool:
        with self._lock:
            if self.when != when:
                return False
            if self.skip > 0:
                self.skip -= 1
                return False
            if self.cut > 0:
                self.cut -= 1
                return True
        return False
