"""URLs of catalogs: what they mean, and that they never show a password."""

import pytest

from catalog import InvalidName, InvalidURL
from catalog.url import check_collection_name, parse_url


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("/data/catalog.db", "/data/catalog.db"),
        ("file:///data/my%20catalog.db", "/data/my catalog.db"),
        ("file://localhost/data/c.db", "/data/c.db"),
        ("relative.db", "relative.db"),
    ],
)
def test_files(url, target):
    place = parse_url(url)
    assert (place.kind, place.target, place.database) == ("embedded", target, "")


@pytest.mark.parametrize(
    ("url", "database", "redacted"),
    [
        ("mongodb://h/db", "db", "mongodb://h/db"),
        ("mongodb://h:1,g:2/db?replicaSet=r", "db", "mongodb://h:1,g:2/db"),
        ("mongodb+srv://ada:pw@cluster.example/db", "db", "mongodb+srv://***@cluster.example/db"),
        ("mongodb://ada:p%40w%3A%2F@h/db", "db", "mongodb://***@h/db"),
        ("mongodb://%2Ftmp%2Fm.sock/db", "db", "mongodb://%2Ftmp%2Fm.sock/db"),
    ],
)
def test_servers(url, database, redacted):
    place = parse_url(url)
    assert (place.kind, place.target, place.database, place.redacted) == ("mongodb", url, database, redacted)
    assert "pw" not in repr(place)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "empty"),
        ("mongodb://h", "names no database"),
        ("mongodb://h/", "names no database"),
        ("mongodb://h/?w=1", "names no database"),
        ("mongodb:///db", "names no host"),
        ("mongodb://h/a b", "cannot be the name"),
        ("mysql://h/db", "mysql://"),
        ("http://h/db", "http://"),
        ("file://host/data/c.db", "three slashes"),
        ("file:", "names no file"),
    ],
)
def test_bad_urls_say_what_to_do(url, says):
    with pytest.raises(InvalidURL, match=says):
        parse_url(url)


@pytest.mark.parametrize(
    "password", ["s3:cret", "s3/cret", "s3@cret", "s3?cret", "s3#cret", "s3[cret", "s3%cret", "s3 cret"]
)
def test_odd_passwords_are_explained_and_not_shown(password):
    with pytest.raises(InvalidURL, match="quote_plus") as caught:
        parse_url(f"mongodb://ada:{password}@host/db")
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize("name", ["", ".a", "a.", "a..b", "a$b", "a\x00b", "x" * 201])
def test_bad_collection_names(name):
    with pytest.raises(InvalidName):
        check_collection_name(name)


def test_odd_but_good_collection_names():
    for name in ("headers", "a.b", "x'; DROP TABLE d1; --", "sélène", "a b"):
        assert check_collection_name(name) == name
    with pytest.raises(TypeError):
        check_collection_name(5)


@pytest.mark.parametrize("password", ["hunter2", "hun/ter2", "hu?nter2", "h@hunter2", "a://hunter2"])
@pytest.mark.parametrize(
    "form",
    [
        "file://user:{}@host/folder/catalog.db",
        "file:user:{}@host/db",
        "FILE://user:{}@host/db",
        "mongodb:/user:{}@host/db",
        "mongodb:user:{}@host/db",
        "MongoDB://user:{}@host/db",
        "postgres://user:{}@host/db",
        "https://user:{}@host/db",
    ],
)
def test_no_form_of_url_shows_a_password(form, password):
    with pytest.raises(InvalidURL) as caught:
        parse_url(form.format(password))
    assert not any(part and part in str(caught.value) for part in ("hunter2", "ter2", "nter2"))
