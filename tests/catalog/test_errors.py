"""The error tree, and that nothing from below crosses untranslated."""

import inspect
import sqlite3

import bson.errors
import pymongo.errors as pm
import pytest

import catalog
from catalog import errors
from catalog.translate import scrub, translate, translated

SERVER = "headers in mongodb://***@host/db"


def classes(module):
    found = [c for c in vars(module).values() if inspect.isclass(c) and issubclass(c, Exception)]
    return [c for c in found if c.__module__.split(".")[0] in ("pymongo", "bson", "sqlite3")]


FOREIGN = sorted({*classes(pm), *classes(bson.errors), *classes(sqlite3)}, key=lambda c: (c.__module__, c.__name__))


def made(kind):
    if kind in (pm.BulkWriteError,):
        return kind({"writeErrors": [{"errmsg": "first"}], "nInserted": 1})
    if kind is pm.ClientBulkWriteException:
        return kind({"writeErrors": [], "error": None}, verbose=False)
    if kind is pm.EncryptionError:
        return kind(RuntimeError("no key"))
    if kind is pm.EncryptedCollectionError:
        return kind(RuntimeError("no key"), {})
    return kind("what went wrong")


EXPECTED = {
    "AutoReconnect": errors.Unreachable,
    "BulkWriteError": errors.BulkFailure,
    "ClientBulkWriteException": errors.BulkFailure,
    "CollectionInvalid": errors.InvalidName,
    "ConfigurationError": errors.InvalidURL,
    "ConnectionFailure": errors.Unreachable,
    "CursorNotFound": errors.TimedOut,
    "DocumentTooLarge": errors.DocumentTooLarge,
    "DuplicateKeyError": errors.DuplicateKey,
    "EncryptedCollectionError": errors.InvalidURL,
    "EncryptionError": errors.InvalidURL,
    "ExecutionTimeout": errors.TimedOut,
    "InvalidBSON": errors.Damaged,
    "InvalidDocument": errors.InvalidDocument,
    "InvalidId": errors.InvalidDocument,
    "InvalidName": errors.InvalidName,
    "InvalidOperation": errors.Misused,
    "InvalidStringData": errors.InvalidDocument,
    "InvalidURI": errors.InvalidURL,
    "NetworkTimeout": errors.Unreachable,
    "NotPrimaryError": errors.Unreachable,
    "OperationFailure": errors.InvalidQuery,
    "ProtocolError": errors.Unreachable,
    "PyMongoError": errors.ServerError,
    "ServerSelectionTimeoutError": errors.Unreachable,
    "WTimeoutError": errors.TimedOut,
    "WaitQueueTimeoutError": errors.Unreachable,
    "WriteConcernError": errors.ServerError,
    "WriteError": errors.InvalidUpdate,
    "_OperationCancelled": errors.Unreachable,
    "BSONError": errors.InvalidDocument,
    "DataError": errors.Damaged,
    "DatabaseError": errors.Damaged,
    "Error": errors.Damaged,
    "IntegrityError": errors.DuplicateKey,
    "InterfaceError": errors.Damaged,
    "InternalError": errors.Damaged,
    "NotSupportedError": errors.ServerError,
    "OperationalError": errors.Unreachable,
    "ProgrammingError": errors.ServerError,
    "Warning": errors.Damaged,
}


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda c: f"{c.__module__}.{c.__name__}")
def test_every_foreign_error_becomes_the_one_a_caller_can_act_on(kind):
    translation = translate(made(kind), SERVER)
    assert type(translation) is EXPECTED[kind.__name__]
    assert SERVER in str(translation)


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda c: f"{c.__module__}.{c.__name__}")
def test_none_crosses(kind):
    with pytest.raises(errors.CatalogError) as caught, translated(SERVER):
        raise made(kind)
    assert caught.value.__cause__ is None


def test_a_fault_in_a_statement_is_not_blamed_on_the_file():
    with sqlite3.connect(":memory:") as connection, pytest.raises(sqlite3.OperationalError) as wrong:
        connection.execute("SELEC 1")
    connection.close()
    with pytest.raises(sqlite3.ProgrammingError) as closed:
        connection.execute("SELECT 1")
    assert type(translate(wrong.value, "x.db")) is errors.ServerError
    assert "fault" in str(translate(wrong.value, "x.db"))
    assert type(translate(closed.value, "x.db")) is errors.Misused


def test_a_pymongo_user_catches_what_he_caught():
    pairs = {
        errors.Unreachable: pm.ConnectionFailure,
        errors.TimedOut: pm.ExecutionTimeout,
        errors.AuthenticationFailed: pm.OperationFailure,
        errors.InvalidURL: pm.InvalidURI,
        errors.DuplicateKey: pm.DuplicateKeyError,
        errors.BulkFailure: pm.BulkWriteError,
        errors.InvalidQuery: pm.OperationFailure,
        errors.NotSupported: pm.OperationFailure,
        errors.InvalidUpdate: pm.WriteError,
        errors.InvalidName: pm.InvalidName,
        errors.Misused: pm.InvalidOperation,
        errors.InvalidDocument: bson.errors.InvalidDocument,
        errors.DocumentTooLarge: pm.DocumentTooLarge,
        errors.CatalogTooNew: pm.ConfigurationError,
    }
    for ours, theirs in pairs.items():
        assert issubclass(ours, theirs)
        assert issubclass(ours, errors.CatalogError)
    assert issubclass(errors.InvalidURL, ValueError)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (18, errors.AuthenticationFailed),
        (13, errors.AuthenticationFailed),
        (8000, errors.AuthenticationFailed),
        (50, errors.TimedOut),
        (14031, errors.StorageFull),
        (40324, errors.InvalidQuery),
        (2, errors.InvalidQuery),
        (10107, errors.Unreachable),
        (11602, errors.Unreachable),
        (91, errors.Unreachable),
        (24, errors.TimedOut),
        (10334, errors.DocumentTooLarge),
        (17419, errors.DocumentTooLarge),
        (125, errors.ServerError),
    ],
)
def test_the_code_of_an_operation_failure_decides(code, kind):
    assert type(translate(pm.OperationFailure("said the server", code), SERVER)) is kind


def test_a_write_error_says_too_large_as_an_insert_that_is():
    too_large = {"index": 0, "code": 10334, "errmsg": "object to insert too large"}
    one = pm.BulkWriteError({"writeErrors": [too_large], "nInserted": 0})
    assert type(translate(one, SERVER)) is errors.DocumentTooLarge
    assert type(translate(pm.WriteError("too large", 10334, too_large), SERVER)) is errors.DocumentTooLarge
    two = pm.BulkWriteError({"writeErrors": [too_large, {"index": 1, "code": 11000, "errmsg": "E11000"}]})
    assert type(translate(two, SERVER)) is errors.BulkFailure


def test_a_message_says_it_once():
    reply = {"errmsg": "ns not found", "ok": 0.0}
    assert str(translate(pm.OperationFailure("ns not found", 73, reply), SERVER)).count("ns not found") == 1
    dumped = pm.ServerSelectionTimeoutError(
        "h:1: refused, Timeout: 5s, Topology Description: <TopologyDescription ...>"
    )
    assert "Topology" not in str(translate(dumped, SERVER))


def test_what_is_nested_too_deeply_is_an_error_of_the_question():
    assert type(translate(RecursionError(), SERVER)) is errors.InvalidQuery


def test_code_and_details_stay():
    duplicate = translate(pm.DuplicateKeyError("E11000", 11000, {"keyValue": {"_id": 1}}), SERVER)
    assert duplicate.code == 11000
    assert duplicate.details == {"keyValue": {"_id": 1}}
    bulk = translate(made(pm.BulkWriteError), SERVER)
    assert bulk.details["nInserted"] == 1
    assert "first" in str(bulk)


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://u:s3cret@h/d",
        "mongodb+srv://u:s3cret@h/d",
        "mongodb://u:s3c@s3cret@h",
        "mongodb://u:s3cret@h:1,g:2/d",
    ],
)
def test_no_password_is_printed(url):
    assert "s3cret" not in scrub(f"cannot reach {url} now")
    assert "s3cret" not in str(translate(pm.ServerSelectionTimeoutError(f"{url}: timed out"), SERVER))
    assert "s3cret" not in str(translate(pm.OperationFailure(f"{url}: no", 18), SERVER))


def test_every_error_is_exported():
    ours = {
        name for name, value in vars(errors).items() if inspect.isclass(value) and value.__module__ == errors.__name__
    }
    assert ours == set(errors.__all__)
    assert ours <= set(catalog.__all__)
