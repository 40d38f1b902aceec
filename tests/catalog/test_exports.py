"""What `import catalog` gives, and what it costs."""

import subprocess
import sys

import pytest

import catalog


@pytest.mark.parametrize("name", catalog.__all__)
def test_every_name_is_there(name):
    assert getattr(catalog, name) is not None


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="no_such_name"):
        catalog.no_such_name  # noqa: B018


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import catalog", ("pymongo", "bson", "mongomock_ng", "sqlite3", "numpy", "astropy")),
        ("from catalog import connect, header_document", ("mongomock_ng", "sqlite3.dbapi2x", "numpy")),
        ("import catalog.mongodb", ("mongomock_ng",)),
    ],
)
def test_heavy_imports_wait(statement, absent):
    code = f"import sys; {statement}; print(*(set(sys.modules) & {set(absent)!r}))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert told.stdout.strip() == ""
