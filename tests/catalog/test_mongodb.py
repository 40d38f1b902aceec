"""The server backend without a server: options, defaults, and what is said when nobody answers."""

import pytest
from pymongo import WriteConcern
from pymongo.server_api import ServerApi

from catalog import InvalidURL, Unreachable, connect
from catalog.mongodb import connect_mongodb
from catalog.url import parse_url


def client(url, **options):
    backend = connect_mongodb(parse_url(url), options=options)
    backend.close()
    return backend._client


def test_defaults():
    made = client("mongodb://h/db")
    assert made.write_concern == WriteConcern(w="majority", j=True)
    assert made.options.server_selection_timeout == 15
    assert made.codec_options.tz_aware


@pytest.mark.parametrize(
    ("url", "options", "concern"),
    [
        ("mongodb://h/db?w=1", {}, WriteConcern(w=1, j=True)),
        ("mongodb://h/db?journal=false", {}, WriteConcern(w="majority", j=False)),
        ("mongodb://h/db?w=0", {}, WriteConcern(w=0)),
        ("mongodb://h/db?w=1;journal=false", {}, WriteConcern(w=1, j=False)),
        ("mongodb://h/db?W=0", {}, WriteConcern(w=0)),
        ("mongodb://h/db", {"w": 2}, WriteConcern(w=2, j=True)),
    ],
)
def test_what_the_url_says_wins(url, options, concern):
    assert client(url, **options).write_concern == concern


@pytest.mark.parametrize(
    ("url", "hosts", "database", "source"),
    [
        ("mongodb://[::1]:27018/db", {("::1", 27018)}, "db", None),
        ("mongodb://a,b:2,[::1]:3/db?replicaSet=r", {("a", 27017), ("b", 2), ("::1", 3)}, "db", None),
        ("mongodb://%2Ftmp%2Fm.sock/db", {("/tmp/m.sock", None)}, "db", None),
        ("mongodb://ada:p%25w@H/Db", {("h", 27017)}, "Db", "Db"),
        ("mongodb://ada:pw@h/db?authSource=admin", {("h", 27017)}, "db", "admin"),
        ("mongodb://CN%3Dme@h/db?authMechanism=MONGODB-X509&tls=true", {("h", 27017)}, "db", "$external"),
    ],
)
def test_every_form_of_a_url_reaches_its_hosts_its_database_and_its_user(url, hosts, database, source):
    backend = connect_mongodb(parse_url(url), options={})
    backend.close()
    credentials = backend._client.options.pool_options._credentials
    assert backend._client._topology_settings.seeds == hosts
    assert backend._database.name == database
    assert getattr(credentials, "source", None) == source


def test_options_pass_through():
    made = client(
        "mongodb://h/db",
        serverSelectionTimeoutMS=77,
        tls=True,
        server_api=ServerApi("1"),
        appname="mine",
        tz_aware=False,
    )
    assert made.options.server_selection_timeout == 0.077
    assert made.options.pool_options.server_api.version == "1"
    assert made.options.pool_options.appname == "mine"
    assert made.codec_options.tz_aware


def test_credentials_are_options_and_are_not_shown():
    backend = connect_mongodb(parse_url("mongodb://h/db"), options={"username": "ada", "password": "s3:cret@/"})
    backend.close()
    assert backend._client.options._options["username"] == "ada"


def test_bad_options_are_explained():
    with pytest.raises(InvalidURL, match="noSuchOption"):
        connect_mongodb(parse_url("mongodb://ada:s3cret@h/db"), options={"noSuchOption": 1})
    with pytest.raises(InvalidURL) as caught:
        connect_mongodb(parse_url("mongodb://ada:s3cret@h:notaport/db"), options={})
    assert "s3cret" not in str(caught.value)


def test_nobody_answers():
    with pytest.raises(Unreachable) as caught:
        connect("mongodb://ada:s3cret@127.0.0.1:9/db", serverSelectionTimeoutMS=50)
    assert "s3cret" not in str(caught.value)
    assert "check that the server runs" in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("tls=maybe", "tls: .*'true' or 'false'"),
        ("tlz=true", "tlz: Unknown option"),
        ("tls", "tls: "),
        ("tls=true&tls=false", "tls is given 2 times"),
        ("tls=true&ssl=false", "conflicting"),
        ("tls=false&tlsCAFile=/dev/null", "tls"),
        ("tls=true&tlsCAFile=/nowhere/ca.pem", "tlsCAFile: .*file"),
        ("tls=true&tlsCAFile=/etc/hostname", "file of TLS|tlsCAFile|TLS"),
        ("tls=true&tlsCertificateKeyFile=/etc/hostname", "file of TLS|tlsCertificateKeyFile|TLS|certificate"),
        ("retryWrites=perhaps", "retryWrites: "),
        ("serverSelectionTimeoutMS=soon", "serverSelectionTimeoutMS: "),
    ],
)
def test_an_option_that_is_not_understood_is_refused_never_passed_over(query, says):
    with pytest.raises(InvalidURL, match=says) as caught:
        connect_mongodb(parse_url(f"mongodb://ada:s3cret@h/db?{query}"), options={})
    assert "s3cret" not in str(caught.value)
