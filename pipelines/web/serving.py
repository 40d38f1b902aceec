"""Serves the application: by uvicorn, to this machine alone, or with a token to others."""

import asyncio
import logging
import secrets
import socket
import threading
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from pipelines.archive import Archive
from pipelines.documents.migrate import require_current
from pipelines.errors import UsageError, require
from pipelines.web.app import application
from pipelines.web.guard import LOCAL, Access

if TYPE_CHECKING:
    from uvicorn import Server

__all__ = ["access_for", "serve", "server"]

_log = logging.getLogger(__name__)

PORT = 8080
SHORTEST = 16
"""Characters of a token at least."""

HEADER_SECONDS = 10.0
"""Seconds that a client may take to say what it wants."""

HEADER_BYTES = 16_384
CONNECTIONS = 100
"""Clients at a time; those beyond are told to come back."""

_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - recognised, not used


def access_for(host: str, port: int, *, token: str = "", names: Collection[str] = ()) -> Access:
    """Return who may ask a server at an address: anybody at this machine; elsewhere whoever has the token.

    Parameters
    ----------
    host, port
        Where it listens.
    token : str
        Made here where the address can be reached from elsewhere, and none is given.
    names : collection of str
        Further names of this server, such as that of a proxy in front of it.

    Raises
    ------
    UsageError
        The token is short enough to be guessed, or has characters that an address cannot have.
    """
    if token and (len(token) < SHORTEST or not token.isascii() or not token.isprintable() or " " in token):
        raise UsageError(f"a token has at least {SHORTEST} characters, letters and digits; without one it is made")
    if not token and host not in LOCAL:
        token = secrets.token_urlsafe(32)
    own = {socket.gethostname().lower(), socket.getfqdn().lower()} if host in _EVERYWHERE else {host.lower()}
    known = LOCAL | own | {name.strip().lower() for name in names}
    return Access(token, frozenset(known), f"darkroom_{port}")


def server(app: Any, host: str, port: int, *, prefix: str = "") -> "Server":
    """Return a server of an application, bounded in clients, in what they may send, and in how slowly.

    Raises
    ------
    MissingExtra
        Uvicorn is not installed.
    """
    uvicorn = require("uvicorn", extra="web", what="the web view")
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=_patient(),
        ws="none",
        loop="asyncio",
        lifespan="off",
        access_log=False,  # addresses would stand in it, and one may have the token
        log_config=None,
        log_level="info",  # below, whole requests are written down
        server_header=False,
        root_path=prefix,
        limit_concurrency=CONNECTIONS,
        h11_max_incomplete_event_size=HEADER_BYTES,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=3,
    )
    made: Server = uvicorn.Server(config)
    return made


def serve(
    archive: Archive,
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    token: str = "",
    names: Collection[str] = (),
    prefix: str = "",
    seconds: float | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve an archive until the process is told to end.

    Parameters
    ----------
    archive : Archive
        Opened with ``readonly=True``.
    host, port
        Where to listen; 0 takes any port that is free.
    token, names
        As of `access_for`.
    prefix : str
        Path in front of every address, behind a proxy.
    seconds : float, optional
        How long; without it until told to end.
    ready : callable, optional
        Told the address to open, with the token in it where there is one, once the port is taken.

    Raises
    ------
    UsageError
        The port is taken, or cannot be; the documents are of another release.
    """
    if prefix and not (prefix.startswith("/") and prefix.isascii() and "//" not in prefix):
        raise UsageError(f"a prefix is a path such as /darkroom, not {prefix!r:.60}")
    require_current(archive.catalog)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise UsageError(f"cannot listen at {host}, port {port}: {error.strerror or error}; try --port 0") from error
    with listening:
        port = listening.getsockname()[1]
        access = access_for(host, port, token=token, names=names)
        prefix = prefix.rstrip("/")
        app = application(archive, access, prefix=prefix)
        running = server(app, host, port, prefix=prefix)
        if ready is not None:
            ready(_shown(host, port, prefix, access))
        _log.info("serving at port %d", port)
        if seconds is not None:
            timer = threading.Timer(seconds, setattr, (running, "should_exit", True))
            timer.daemon = True
            timer.start()
        running.run(sockets=[listening])


def _shown(host: str, port: int, prefix: str, access: Access) -> str:
    name = socket.gethostname() if host in _EVERYWHERE else f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}{prefix}/" + (f"?token={access.token}" if access.token else "")


def _patient() -> Any:
    """Return uvicorn's protocol, which closes a connection that does not say in time what it wants."""
    require("uvicorn", extra="web", what="the web view")
    import h11
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Patient(H11Protocol):
        """Reads requests; one that trickles in does not keep its place."""

        _late: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._late = self.loop.call_later(HEADER_SECONDS, transport.close)

        def data_received(self, data: bytes) -> None:
            if self._late is None and self.conn.their_state is h11.IDLE:
                self._late = self.loop.call_later(HEADER_SECONDS, self.transport.close)
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE:
                self._forget()

        def connection_lost(self, exc: Exception | None) -> None:
            self._forget()
            super().connection_lost(exc)

        def _forget(self) -> None:
            if self._late is not None:
                self._late.cancel()
                self._late = None

    return Patient
