"""Edits: what a change does to a document, as pure functions of the document and the change's entry."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

import bson
from bson.codec_options import CodecOptions

from pipelines.documents.schema import Document
from pipelines.errors import UsageError

Entry = dict[str, Any]

AWARE: CodecOptions[Document] = CodecOptions(tz_aware=True)
FIXED = ("_id", "root", "path", "schema", "ingest", "cards")
"""Fields that say where a document comes from; no change may touch them."""


class _Absent:
    def __repr__(self) -> str:
        return "<absent>"

    def __deepcopy__(self, memo: object) -> "_Absent":
        return self


ABSENT: Final = _Absent()
"""What a field that is not there has for a value; null is another thing."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to change in a document.

    Attributes
    ----------
    document : str
        Its name.
    set : Mapping
        New values by dotted path.
    unset : tuple of str
        Dotted paths to remove.
    """

    document: str
    set: Mapping[str, Any] = field(default_factory=dict)
    unset: tuple[str, ...] = ()


def require_paths(edit: Edit) -> None:
    """Refuse an edit of what is fixed, of no field, or of a field and a part of it.

    Raises
    ------
    UsageError
        Which path, and why.
    """
    paths = [*edit.set, *edit.unset]
    for path in paths:
        parts = path.split(".")
        if parts[0] in FIXED or any(not part or part.startswith("$") or "\0" in part for part in parts):
            raise UsageError(f"{path!r} of {edit.document} cannot be changed; it is fixed by the ingest, or no field")
        if any(other.startswith(f"{path}.") for other in paths) or paths.count(path) > 1:
            raise UsageError(f"{path!r} of {edit.document} would be changed twice; name each field once")


def difference(document: Document, edit: Edit) -> Entry:
    """Return the parts of an edit that change something, and what they replace.

    Where the parents of a path are missing they are what is set, so that the reverse leaves none behind.

    Returns
    -------
    dict
        ``set`` and ``was``: lists of ``{path, value}``, without a value where there was none; ``unset``:
        list of paths.

    Raises
    ------
    UsageError
        A path leads through a value that has no parts.
    """
    plain = bson.decode(bson.encode({"values": [[path, value] for path, value in edit.set.items()]}), AWARE)
    new: Document = {}
    for path, value in plain["values"]:
        before = value_at(document, path)
        if before != value or type(before) is not type(value):
            top = _missing_from(document, path)
            if top == path:
                new[path] = value
            else:
                put(new.setdefault(top, {}), path.removeprefix(f"{top}."), value)
    gone = [path for path in edit.unset if value_at(document, path) is not ABSENT]
    was = []
    for path in [*new, *gone]:
        value = value_at(document, path)
        was.append({"path": path} if value is ABSENT else {"path": path, "value": value})
    return {"set": [{"path": path, "value": value} for path, value in new.items()], "unset": gone, "was": was}


def applied(document: Document, entry: Entry) -> Document:
    """Return a document as a change leaves it; deleting and restoring leave it as it is but for their number."""
    document = deepcopy(document)
    for item in entry["set"]:
        put(document, item["path"], item["value"])
    for path in entry["unset"]:
        put(document, path, ABSENT)
    document["ingest"]["changes"] = entry["change"]
    return document


def reverted(document: Document, entry: Entry) -> Document:
    """Return a document as it was before a change."""
    document = deepcopy(document)
    for item in entry["was"]:
        put(document, item["path"], item.get("value", ABSENT))
    document["ingest"]["changes"] = entry["change"] - 1
    return document


def value_at(document: Document, path: str) -> Any:
    """Return the value at a dotted path; `ABSENT` where there is none."""
    value: Any = document
    for part in path.split("."):
        value = value.get(part, ABSENT) if isinstance(value, dict) else ABSENT
    return value


def put(document: Document, path: str, value: Any) -> None:
    """Set a dotted path, making what is above it; or remove it, leaving what is above."""
    *above, name = path.split(".")
    for part in above:
        inner = document.get(part)
        if not isinstance(inner, dict):
            if value is ABSENT:
                return
            inner = document[part] = {}
        document = inner
    if value is ABSENT:
        document.pop(name, None)
    else:
        document[name] = value


def _missing_from(document: Document, path: str) -> str:
    """Return the first part of a path that is not there, or all of it."""
    parts = path.split(".")
    for n in range(1, len(parts)):
        inner = value_at(document, ".".join(parts[:n]))
        if inner is ABSENT:
            return ".".join(parts[:n])
        if not isinstance(inner, dict):
            raise UsageError(f"{'.'.join(parts[:n])!r} of {document['_id']} is a value without parts; change it whole")
    return path
