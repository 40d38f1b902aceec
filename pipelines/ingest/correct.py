"""Correct: a value of a stored header put right, and the document identified by it; a recorded change, undoable.

The cards stay as the file has them, so an export is still the file, byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from catalog import encode_keyword
from pipelines.documents import runs as ledger
from pipelines.documents.changes import change
from pipelines.documents.edits import ABSENT, Edit, value_at
from pipelines.errors import UsageError
from pipelines.ingest.again import Identified, identify_again
from pipelines.session import Session

__all__ = ["correct", "parse_value"]


def correct(session: Session, document_id: str, values: Sequence[str], *, why: str) -> Identified:
    """Correct values of a document's header, and identify it by them.

    Parameters
    ----------
    values
        ``KEY=VALUE``; ``KEY@2=VALUE`` in HDU 2; ``KEY=`` makes it undefined. A number, T or F is one; quotes make text.
    why
        Kept in the history.

    Raises
    ------
    UnknownDocument
        There is none of that name.
    UsageError
        Not of that form, no such HDU, no reason, or nothing would change.
    """
    document = session.document(document_id)
    if not why.strip():
        raise UsageError("a correction needs its reason: --why TEXT")
    sets: dict[str, Any] = {}
    for text in values:
        keyword, equals, value = text.partition("=")
        name, _, hdu = keyword.strip().partition("@")
        if not equals or not name:
            raise UsageError(f"{text!r} is no correction; write KEY=VALUE, as EXPTIME=30")
        sets[_path(document, name.upper(), hdu)] = parse_value(value.strip())
    if any(path.startswith("hdus") for path in sets):
        hdus = [dict(hdu) for hdu in document["hdus"]]
        for path in [path for path in sets if path.startswith("hdus")]:
            _, number, _, key = path.split(".", 3)
            hdus[int(number)] = {**hdus[int(number)], "header": {**hdus[int(number)]["header"], key: sets.pop(path)}}
        sets["hdus"] = hdus
    run = ledger.start(session.runs, verb="correct", arguments={"document": document_id, "values": list(values)})
    edit = Edit(document_id, sets)
    changed = change([edit], catalog=session.catalog, store=session.store, why=why, run=run)
    if not changed:
        ledger.finish(session.runs, run, status="finished", result={"changed": 0})
        raise UsageError(f"{document_id} says so already; nothing was changed")
    report = identify_again(session, {"_id": document_id}, run=run)
    ledger.finish(session.runs, run, status="finished", result={"changed": 1})
    was = {path: None if (value := value_at(document, path)) is ABSENT else value for path in sets}
    shown = [{"id": document_id, "field": path, "was": was[path], "is": sets[path]} for path in sets]
    report.shown = [*(row for row in shown if row["field"] != "hdus"), *report.shown]
    report.changed, report.run = 1, run
    return report


def _path(document: dict[str, Any], keyword: str, hdu: str) -> str:
    key = encode_keyword(keyword)
    if hdu in ("", "0"):
        return f"header.{key}"
    if not hdu.isdigit() or int(hdu) >= len(document["hdus"]):
        raise UsageError(f"{document['_id']} has HDUs 0 to {len(document['hdus']) - 1}, not {hdu}")
    return f"hdus.{hdu}.header.{key}"


def parse_value(text: str) -> str | int | float | bool | None:
    """Return the value that a text on the command line means, as a card would.

    Examples
    --------
    >>> parse_value("30"), parse_value("1e-3"), parse_value("T"), parse_value("'30'"), parse_value("R"), parse_value("")
    (30, 0.001, True, '30', 'R', None)
    """
    if not text:
        return None
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    if text in ("T", "F"):
        return text == "T"
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        if value == value and abs(value) != float("inf"):
            return value
    return text
