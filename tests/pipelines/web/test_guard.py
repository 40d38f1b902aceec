"""The door: who comes in, what is read of a request, and that nothing can be changed."""

import socket
import threading
import time

import pytest
from starlette.testclient import TestClient

from pipelines import UsageError, open_archive
from pipelines.web import Access, application
from pipelines.web.guard import HEADERS
from pipelines.web.serving import access_for, server

TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture(scope="module")
def closed(archive):
    access = access_for("0.0.0.0", 8080, token=TOKEN, names=["archive.example"])
    with TestClient(application(archive, access), base_url="https://archive.example", follow_redirects=False) as client:
        yield client


def test_an_archive_that_could_be_written_is_not_served(folder):
    with open_archive(folder / "home") as archive, pytest.raises(UsageError, match="readonly=True"):
        application(archive)


@pytest.mark.parametrize("path", ["/", "/nights", "/static/page.css", "/picture/x", "/nothing", "/search?token=wrong"])
def test_nothing_is_shown_without_the_token(closed, path):
    closed.cookies.clear()
    answer = closed.get(path)
    assert answer.status_code == 401
    assert TOKEN not in answer.text
    assert "2024" not in answer.text


def test_the_token_is_asked_for_once_and_leaves_the_address(closed):
    closed.cookies.clear()
    answer = closed.get("/search", params={"kind": "dark", "token": TOKEN})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/search?kind=dark"
    cookie = answer.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=Lax", "Secure"))
    assert TOKEN not in cookie
    assert closed.get("/search?kind=dark").status_code == 200
    closed.cookies.clear()
    assert closed.get("/nights", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert closed.get("/nights", headers={"authorization": "Bearer other"}).status_code == 401
    assert closed.get("/nights", headers={"cookie": "darkroom_8080=; x"}).status_code == 401
    # No address of another server is made of what was asked.
    assert closed.get(f"https://archive.example//evil.example/?token={TOKEN}").headers["location"].startswith("/evil")


def test_a_token_is_made_where_others_can_reach_it():
    assert access_for("127.0.0.1", 8080).token == ""
    made = {access_for("0.0.0.0", 8080).token for _ in range(3)}
    assert len(made) == 3
    assert all(len(token) >= 40 for token in made)
    with pytest.raises(UsageError, match="at least 16"):
        access_for("127.0.0.1", 8080, token="short")


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "192.168.1.2", "", "[::2]", "127.0.0.1.nip.io"]
)
def test_a_page_of_somebody_else_does_not_reach_a_local_archive(client, host):
    assert client.get("/", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]:8080"])
def test_the_names_of_this_machine_do(client, host):
    assert client.get("/static/web.js", headers={"host": host}).status_code == 200
    assert Access(TOKEN).knows("192.168.1.2:80")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_it_is_only_read(client, method):
    answer = client.request(method, "/nights")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_every_answer_has_the_headers_that_keep_others_out(client):
    for path in ("/", "/static/web.js", "/nothing", "/night/x", "/picture/raw/2024-02-20/dark0.fits"):
        headers = client.get(path).headers
        assert all(headers[name.decode()] == value.decode() for name, value in HEADERS)
    assert "unsafe" not in headers["content-security-policy"]
    assert client.get("/" + "a" * 9000).status_code == 414
    assert client.request("GET", "/", content=b"x").status_code == 413
    assert client.head("/").content == b""


@pytest.fixture(scope="module")
def running(archive):
    """A server as it runs, with a time for headers that a test can wait for."""
    from pipelines.web import serving

    before, serving.HEADER_SECONDS = serving.HEADER_SECONDS, 0.3
    listening = socket.create_server(("127.0.0.1", 0))
    run = server(application(archive), "127.0.0.1", 0)
    thread = threading.Thread(target=run.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not run.started:
        time.sleep(0.01)
    yield listening.getsockname()
    run.should_exit = True
    thread.join()
    listening.close()
    serving.HEADER_SECONDS = before


def told(address, *parts, wait=0.0):
    with socket.create_connection(address, timeout=20) as connection:
        for part in parts:
            try:
                connection.sendall(part)
            except OSError:
                break
            time.sleep(wait)
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionResetError:
            pass
        return received


def test_a_client_that_trickles_does_not_keep_its_place(running):
    assert told(running) == b""  # nothing said at all
    assert told(running, b"GET / HTTP/1.1\r\n", b"Host:", wait=0.2) == b""
    assert told(running, b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n").startswith(b"HTTP/1.1 4")
    whole = told(running, b"GET /static/web.js HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert whole.startswith(b"HTTP/1.1 200")
    body = told(running, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nabc")
    assert body.startswith(b"HTTP/1.1 405")
    assert b"server: uvicorn" not in whole.lower()
    for odd in (b"\x00\xff\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET http://evil/ HTTP/1.1\r\nHost: evil\r\n\r\n"):
        assert told(running, odd).startswith(b"HTTP/1.1 4")


def test_a_token_stands_in_no_log(archive, caplog):
    caplog.set_level(0)
    with TestClient(application(archive, Access(TOKEN)), base_url="http://localhost") as client:
        client.get("/nights", params={"token": TOKEN})
        client.get("/nights", params={"token": "x" + TOKEN})
    assert not [
        record for record in caplog.records if record.name.startswith("pipelines") and TOKEN in record.getMessage()
    ]
    listening = socket.create_server(("127.0.0.1", 0))
    run = server(application(archive, Access(TOKEN)), "127.0.0.1", 0)
    thread = threading.Thread(target=run.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not run.started:
        time.sleep(0.01)
    asked = f"GET /nights?token={TOKEN} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert b"303" in told(listening.getsockname(), asked.encode())[:20]
    run.should_exit = True
    thread.join()
    listening.close()
    assert not [
        record for record in caplog.records if record.name.startswith("uvicorn") and TOKEN in record.getMessage()
    ]
