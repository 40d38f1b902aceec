"""Google's and Microsoft's stores: what is asked of them, by a server in memory that keeps to their protocols.

No real service was at hand. What is shown is that a write asks "only if it is not there", in the words of each, that
the store lives by it, and that a service that does not keep to it is refused.
"""

from __future__ import annotations

import http.server
import re
import threading
import uuid
from datetime import timedelta
from email.utils import formatdate
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import numpy as np
import pytest

from arraystore import InvalidStoreURL, StoreUnreachable, open_store

pytest.importorskip("obstore")


class Service(http.server.BaseHTTPRequestHandler):
    """Keys with versions: GET, HEAD, PUT with conditions, DELETE, lists."""

    protocol_version = "HTTP/1.1"
    azure = False
    keeps_conditions = True
    skewed = False

    def setup(self):
        super().setup()
        self.keys = self.server.keys

    def path_of(self):
        parts = urlsplit(self.path)
        return unquote(parts.path).lstrip("/").partition("/")[2], parse_qs(parts.query)

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def described(self, key):
        data, version = self.keys[key]
        named = {"ETag": f'"{version}"', "Last_Modified": formatdate(usegmt=True), "x_goog_generation": version}
        return data, named

    def do_GET(self):
        key, query = self.path_of()
        if "prefix" in query or "comp" in query or "list-type" in query or not key:
            return self.answer(200, self.listed(query.get("prefix", [""])[0]))
        if key not in self.keys:
            return self.answer(404)
        data, named = self.described(key)
        if asked := self.headers.get("Range"):
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, stop = int(first), min(int(last or 1 << 60), len(data) - 1)
            if start >= len(data):
                return self.answer(416)
            named["Content_Range"] = f"bytes {start}-{stop}/{len(data)}"
            return self.answer(206, data[start : stop + 1], **named)
        return self.answer(200, data, **named)

    do_HEAD = do_GET  # noqa: N815 - the name the library asks for

    def listed(self, prefix):
        found = [(key, *value) for key, value in sorted(self.keys.items()) if key.startswith(prefix)]
        if self.azure:
            blobs = "".join(
                f"<Blob><Name>{escape(key)}</Name><Properties><Last-Modified>{formatdate(usegmt=True)}</Last-Modified>"
                f"<Content-Length>{len(data)}</Content-Length><Content-Type>x</Content-Type><Etag>{version}</Etag>"
                "</Properties></Blob>"
                for key, data, version in found
            )
            return f"<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker/></EnumerationResults>".encode()
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-01T00:00:00Z</LastModified><ETag>{version}</ETag>"
            f"<Size>{len(data)}</Size></Contents>"
            for key, data, version in found
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()

    def do_PUT(self):
        key, _ = self.path_of()
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.skewed:
            return self.answer(403, b"<Error><Code>RequestTimeTooSkewed</Code></Error>")
        there = self.keys.get(key)
        absent = self.headers.get("If-None-Match") == "*" or self.headers.get("x-goog-if-generation-match") == "0"
        wanted = (self.headers.get("If-Match") or self.headers.get("x-goog-if-generation-match") or "").strip('"')
        self.server.conditions.append(absent)
        if self.keeps_conditions and absent and there is not None:
            return self.answer(409 if self.azure else 412)
        if self.keeps_conditions and wanted not in ("", "0") and (there is None or wanted != there[1]):
            return self.answer(412)
        self.server.version += 1
        self.keys[key] = data, str(self.server.version)
        return self.answer(201 if self.azure else 200, **self.described(key)[1])

    def do_DELETE(self):
        key, _ = self.path_of()
        found = self.keys.pop(key, None)
        self.answer(404 if found is None else 202 if self.azure else 204)

    def do_POST(self):
        """Remove keys, several in one request, as Microsoft's store does it."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        parts = re.findall(r"Content-ID: (\d+).*?DELETE (\S+) HTTP", body, re.DOTALL)
        told = []
        for number, path in parts:
            key = unquote(urlsplit(path).path).lstrip("/").partition("/")[2]
            status = "404 The specified blob does not exist." if self.keys.pop(key, None) is None else "202 Accepted"
            told.append(
                f"--b\r\nContent-Type: application/http\r\nContent-ID: {number}\r\n\r\nHTTP/1.1 {status}\r\n\r\n"
            )
        self.answer(202, "".join([*told, "--b--\r\n"]).encode(), Content_Type="multipart/mixed; boundary=b")

    def log_message(self, *_):
        pass


@pytest.fixture(params=["gs", "az"])
def service(request):
    """A class of requests, and the address of an empty place."""
    handler = type("Handler", (Service,), {"azure": request.param == "az"})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.keys, server.conditions, server.version = {}, [], 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = f"http://127.0.0.1:{server.server_port}"
    options = {
        "gs": f"base_url={place}&bearer_token=tell-nobody",
        "az": f"endpoint={place}&account_name=tell-nobody&skip_signature=true",
    }[request.param]
    yield server, handler, f"{request.param}://pixels/{uuid.uuid4().hex}?{options}&max_retries=0"
    server.shutdown()
    server.server_close()


def test_arrays_and_records_live_there_and_are_copied_from_and_to(service, tmp_path):
    server, _, url = service
    store = open_store(url)
    ramp = np.arange(1 * 2 * 64 * 65, dtype="u2").reshape(1, 2, 64, 65)
    ref = store.put(ramp, kind="ramp")
    assert np.array_equal(store.open(ref)[..., 3, 4], ramp[..., 3, 4])
    assert store.verify(ref, "decode") == []
    assert store.put(ramp, kind="ramp") == ref
    assert store.add_record("documents/a", b"one")
    assert store.add_record("documents/a", b"one")
    assert not store.add_record("documents/a", b"two")
    assert [record.key for record in store.records()] == ["documents/a"]
    assert any(server.conditions)
    copy = store.copy_to(tmp_path / "here")
    assert (copy.once().written, copy.once().written) == (2, 0)
    copy.finish()
    here = open_store(tmp_path / "here", create=False)
    assert here.verify(ref, "decode") == []
    assert store.sweep(referenced=lambda _: False, grace=timedelta(0), dry_run=False).objects == (ref.digest,)
    assert here.copy_to(url).once().written == 1
    assert store.verify(ref, "decode") == []
    assert "tell-nobody" not in repr(store) + store.url


def test_a_service_that_writes_over_what_is_there_is_refused(service):
    server, handler, url = service
    handler.keeps_conditions = False
    with pytest.raises(StoreUnreachable, match="two writers would overwrite each other"):
        open_store(url)
    assert server.keys == {}
    with pytest.raises(StoreUnreachable, match="two writers would overwrite each other"):
        open_store("memory://there").copy_to(url)


def test_a_clock_that_is_wrong_is_said(service):
    _, handler, url = service
    handler.skewed = True
    with pytest.raises(StoreUnreachable, match="the clock of this machine is wrong"):
        open_store(url)


def test_an_account_that_is_not_named_is_asked_for():
    with pytest.raises(InvalidStoreURL, match="cannot be used with the options") as caught:
        open_store("az://pixels/x?account_key=tell-nobody")
    assert "tell-nobody" not in str(caught.value)
