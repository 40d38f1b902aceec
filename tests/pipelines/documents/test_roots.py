"""Roots: one folder has one name."""

import pytest

from pipelines.errors import UsageError


def test_a_folder_has_one_name(archive, raw, tmp_path):
    archive.roots.add("raw", raw)
    archive.roots.add("raw", raw)  # said again, it is the same
    with pytest.raises(UsageError, match="is the root 'raw' already"):
        archive.roots.add("again", raw)
    (tmp_path / "other").mkdir()
    archive.roots.add("other", tmp_path / "other")
    with pytest.raises(UsageError, match="is the root 'raw' already"):
        archive.roots.move("other", raw)
    assert archive.roots.all() == {"raw": raw.resolve(), "other": (tmp_path / "other").resolve()}
