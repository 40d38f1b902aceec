"""The door: which requests come in at all, and what every answer carries."""

import asyncio
import hashlib
import hmac
import ipaddress
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlencode

__all__ = ["Access", "Guard"]

_log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LONGEST = 8192
"""Bytes of an address."""

SLOW = 60.0
"""Seconds that a client may take to receive a part of an answer."""

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})

HEADERS = (
    (
        b"content-security-policy",
        (
            b"default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'; "
            b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask.

    Attributes
    ----------
    token : str
        What everybody has to know; empty on a server that only this machine reaches.
    names : frozenset of str
        Names of this server, as the header Host has them. A page of somebody else whose name leads to this machine
        is thereby kept out; addresses of numbers cannot be such names, and count where there is a token.
    cookie : str
        Name of the cookie.
    """

    token: str = ""
    names: frozenset[str] = LOCAL
    cookie: str = "darkroom"

    def knows(self, host: str) -> bool:
        """Tell whether a header Host names this server."""
        name = host.strip().lower()
        name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
        return name in self.names or (bool(self.token) and _is_number(name))

    def allows(self, token: str) -> bool:
        """Tell whether a token is the right one, in the same time whatever it is."""
        return hmac.compare_digest(token.encode(), self.token.encode())

    @property
    def proof(self) -> str:
        """What the cookie holds: made of the token, which cannot be read from it."""
        return hmac.new(self.token.encode(), b"darkroom cookie", hashlib.sha256).hexdigest()

    def remembers(self, cookies: str) -> bool:
        """Tell whether the header Cookie holds the proof."""
        try:
            found = SimpleCookie(cookies).get(self.cookie)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(found.value.encode(), self.proof.encode())


class Guard:
    """The door in front of an application.

    Parameters
    ----------
    app : callable
        The application, of ASGI.
    access : Access
        Who may ask.
    refuse : callable
        Makes the answer to what is kept out: status, reason and headers.
    """

    def __init__(self, app: App, access: Access, refuse: Callable[[Scope, int, str, Mapping[str, str]], App]) -> None:
        self._app = app
        self._access = access
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        if scope["type"] != "http":
            return
        headers = {key.lower(): value.decode("latin-1") for key, value in scope["headers"]}
        app = self._kept_out(scope, headers) or self._app
        try:
            await app(scope, receive, _dressed(send))
        except TimeoutError:  # raised again, the server closes the connection
            _log.info("a client that takes nothing was left")
            raise

    def _kept_out(self, scope: Scope, headers: Mapping[bytes, str]) -> App | None:
        """Return the answer to a request that may not come in; None for one that may."""
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > LONGEST:
            return self._refuse(scope, 414, f"an address has at most {LONGEST} bytes", _CLOSE)
        if not self._access.knows(headers.get(b"host", "")):
            return self._refuse(scope, 421, "this server has another name; start it with --name NAME", _CLOSE)
        if scope["method"] not in ("GET", "HEAD"):
            return self._refuse(scope, 405, "this server is only read", {"allow": "GET, HEAD", **_CLOSE})
        if headers.get(b"content-length", "0").strip() not in ("0", "") or b"transfer-encoding" in headers:
            return self._refuse(scope, 413, "a question has no body", _CLOSE)
        if not self._access.token:
            return None
        return self._without_token(scope, headers)

    def _without_token(self, scope: Scope, headers: Mapping[bytes, str]) -> App | None:
        scheme, _, bearer = headers.get(b"authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._access.allows(bearer.strip()):
            return None
        words = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = [value for name, value in words if name == "token"]
        if given and self._access.allows(given[0]):
            # From here on the cookie has it: the address that is shown, kept and linked has not.
            rest = urlencode([pair for pair in words if pair[0] != "token"])
            path = scope.get("raw_path", b"/").partition(b"?")[0].decode("latin-1")
            secure = "; Secure" if scope.get("scheme") == "https" else ""
            cookie = f"{self._access.cookie}={self._access.proof}; Path=/; HttpOnly; SameSite=Lax{secure}"
            # Two slashes in front would be another server.
            place = "/" + path.lstrip("/\\") + (f"?{rest}" if rest else "")
            return self._refuse(scope, 303, "", {"location": place, "set-cookie": cookie})
        if self._access.remembers(headers.get(b"cookie", "")):
            return None
        reason = "this server asks for its token: open the address it printed when it was started, with ?token="
        return self._refuse(scope, 401, reason, {"www-authenticate": "Bearer"})


_CLOSE = {"connection": "close"}


def _dressed(send: Send) -> Send:
    """Return what sends an answer with the headers that all have, to a client that takes it."""

    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *HEADERS]
        await asyncio.wait_for(send(message), SLOW)

    return dressed


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
