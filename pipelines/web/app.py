"""The application: which address is which view, and how its answer is sent."""

import functools
import hashlib
import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.archive import Archive
from pipelines.errors import require
from pipelines.pages.page import environment, filled, text_of
from pipelines.table import FORMAT, extended_json
from pipelines.version import __version__
from pipelines.web import frame, groups, masters, nights, picture, pixel, search
from pipelines.web.addresses import address
from pipelines.web.answers import Content, Failure, Page, Redirect, failure_of
from pipelines.web.asked import Asked
from pipelines.web.guard import Access, Guard
from pipelines.web.kept import Kept
from pipelines.web.lanes import Lane

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["application"]

Answer = Page | Content | Redirect


@dataclass(frozen=True, slots=True)
class View:
    """What answers an address.

    Attributes
    ----------
    make : callable
        Makes the answer.
    slow : bool
        It may take long: such requests are worked on one at a time, beside the others.
    age : float
        Seconds for which its answer is kept and given again; the page says when it was made.
    """

    make: Callable[[Archive, Asked], Answer]
    slow: bool = False
    age: float = 0.0


VIEWS: Mapping[str, View] = {
    "": View(nights.home, age=5.0),
    "nights": View(nights.nights, age=5.0),
    "night": View(nights.night, slow=True, age=60.0),
    "frame": View(frame.frame),
    "picture": View(picture.picture),
    "click": View(picture.click),
    "pixel": View(pixel.pixel),
    "groups": View(groups.groups),
    "masters": View(masters.masters),
    "master": View(masters.master),
    "search": View(search.search),
}
"""The views, by the first part of their address."""

NAMED = frozenset({"night", "frame", "picture", "click", "master"})
"""Views whose address goes on with the name of what is shown."""

STATIC = {"page.css": "text/css", "web.css": "text/css", "sort.js": "text/javascript", "web.js": "text/javascript"}


def application(archive: Archive, access: Access | None = None, *, prefix: str = "") -> Any:
    """Return the application, of ASGI.

    Parameters
    ----------
    archive : Archive
        Opened with ``readonly=True``: this only looks, and refuses an archive that could be written.
    access : Access, optional
        Who may ask; by default whoever sits at this machine.
    prefix : str
        What stands in front of every address, where a proxy serves this below a path: ``/darkroom``.

    Raises
    ------
    UsageError
        The archive is open for writing.
    MissingExtra
        Starlette or Jinja2 is not installed.
    """
    from pipelines.errors import UsageError

    require("starlette", extra="web", what="the web view")
    if archive.session.writable:
        raise UsageError("the web view only reads: open the archive with readonly=True")
    from starlette.applications import Starlette
    from starlette.routing import Route

    site = _Site(archive, prefix.rstrip("/"))
    routes = [Route("/static/{name}", site.static, methods=["GET", "HEAD"])]
    for first, view in VIEWS.items():
        serve = functools.partial(site.serve, view)
        routes.append(Route(f"/{first}", serve, methods=["GET", "HEAD"], name=first))
        if first in NAMED:
            routes.append(Route(f"/{first}/{{name:path}}", serve, methods=["GET", "HEAD"], name=f"{first}-named"))
    inner = Starlette(routes=routes, exception_handlers={404: site.missing, 405: site.missing})
    inner.router.redirect_slashes = False
    return Guard(inner, access or Access(), site.refused)


class _Site:
    """An archive as it is served: its templates, its lanes, the answers that are kept."""

    def __init__(self, archive: Archive, prefix: str) -> None:
        self.archive = archive
        self.prefix = prefix
        self.quick = Lane("view", workers=4, waiting=60, seconds=20.0)
        self.slow = Lane("night", workers=1, waiting=4, seconds=120.0)
        self.kept: Kept[bytes] = Kept(48_000_000)
        self.environment = environment("pipelines.web")
        self.environment.globals |= {"address": self.address, "root": self.prefix}
        self.environment.globals["static"] = {name: self.address(f"static/{name}") for name in STATIC}

    def address(self, view: str, name: str = "", **words: Any) -> str:
        """Return the address of a view, with the path in front of all."""
        return self.prefix + address(view, name, **words)

    async def serve(self, view: View, request: "Request") -> "Response":
        """Answer a request by a view."""
        as_json = self._wants_json(request)
        asked = Asked(request.path_params.get("name", ""), tuple(request.query_params.multi_items()))
        key = (request.scope["path"], asked.words, as_json)
        lane = self.slow if view.slow else self.quick
        try:
            self.archive.catalog.require_there()
            body = self.kept.get(key, age=view.age) if view.age else None
            if body is None:
                made = await lane.run(functools.partial(self._made, view, asked, as_json, key))
                if not isinstance(made, bytes):
                    return self._sent(made, request)
                body = made
        except Exception as error:  # noqa: BLE001 - every error is an answer; what nobody foresaw is logged
            return self.failed(failure_of(error), as_json=as_json)
        return self._response(body, as_json=as_json)

    def _made(self, view: View, asked: Asked, as_json: bool, key: object) -> bytes | Content | Redirect:
        """Make an answer, in a thread: the page as well."""
        kept = self.kept.get(key, age=view.age) if view.age else None
        if kept is not None:  # made while this request waited
            return kept
        answer = view.make(self.archive, asked)
        if not isinstance(answer, Page):
            return answer
        text = extended_json({"format": FORMAT, **answer.data}) if as_json else self._filled(answer)
        body = text.encode("utf-8", "replace")
        if view.age:
            self.kept.put(key, body, len(body))
        return body

    def _filled(self, page: Page, **more: Any) -> str:
        common = {"base": "web.html", "title": page.title, "version": __version__, "views": VIEWS, "link": ""}
        return filled(self.environment, page.template, {**common, **page.values, **more})

    def _sent(self, answer: Content | Redirect, request: "Request") -> "Response":
        from starlette.responses import Response

        if isinstance(answer, Redirect):
            return Response(status_code=303, headers={"location": self.prefix + answer.to, "cache-control": "no-store"})
        headers = {"etag": f'"{answer.tag}"', "cache-control": "private, max-age=600"}
        if answer.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(answer.body, media_type=answer.media, headers=headers)

    def _response(
        self, body: bytes, *, as_json: bool, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> "Response":
        from starlette.responses import Response

        media = "application/json" if as_json else "text/html; charset=utf-8"
        common = {"cache-control": "private, no-cache", "vary": "accept"}
        return Response(body, status, {**common, **(headers or {})}, media)

    def failed(self, failure: Failure, *, as_json: bool, headers: Mapping[str, str] | None = None) -> "Response":
        """Answer with an error: a page, or JSON."""
        retry = {} if failure.retry is None else {"retry-after": str(failure.retry)}
        if as_json:
            said = {"format": FORMAT, "error": {"reason": failure.reason, "status": failure.status}}
            text = extended_json(said)
        else:
            heads = {404: "Not found", 410: "Gone", 503: "Not now", 401: "Who is it?"}
            title = heads.get(failure.status, "Not shown" if failure.status != 400 else "Not understood")
            text = self._filled(Page("error.html", title, {"failure": failure}))
        body = text.encode("utf-8", "replace")
        return self._response(
            body,
            as_json=as_json,
            status=failure.status,
            headers={"cache-control": "no-store", **retry, **(headers or {})},
        )

    def refused(self, scope: Any, status: int, reason: str, headers: Mapping[str, str]) -> Any:
        """Return the answer to what the guard keeps out; without the links of the pages, and without a catalog."""
        from starlette.responses import Response

        more = {"cache-control": "no-store", **headers}
        if status == 303:
            return Response(status_code=303, headers=more)
        accept = next((value for key, value in scope["headers"] if key.lower() == b"accept"), b"").decode("latin-1")
        if _prefers_json(accept):
            said = extended_json({"format": FORMAT, "error": {"reason": reason, "status": status}})
            return Response(said, status, more, "application/json")
        text = f"<!doctype html><html lang=en><meta charset=utf-8><title>{status}</title><p>{html.escape(reason)}</p>"
        return Response(text, status, more, "text/html; charset=utf-8")

    async def missing(self, request: "Request", error: Exception) -> "Response":
        """Answer to an address that is none."""
        reason = "there is no such address; the page of the nights leads to all there are"
        return self.failed(Failure(404, reason), as_json=self._wants_json(request))

    async def static(self, request: "Request") -> "Response":
        """Send a style or a script of the package: one of the four there are."""
        from starlette.responses import Response

        name = request.path_params["name"]
        if name not in STATIC:
            return self.failed(Failure(404, "there is no such file"), as_json=self._wants_json(request))
        text = text_of(name, "pipelines.web" if name.startswith("web") else "pipelines.pages")
        tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
        headers = {"etag": tag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(text, media_type=STATIC[name], headers=headers)

    def _wants_json(self, request: "Request") -> bool:
        stated = request.query_params.get("format")
        return stated == "json" if stated else _prefers_json(request.headers.get("accept", ""))


def _prefers_json(accept: str) -> bool:
    """Tell whether a header Accept names JSON, and no page before it."""
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    there = [kind for kind in kinds if kind in ("application/json", "text/html")]
    return there[:1] == ["application/json"]
