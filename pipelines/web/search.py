"""The search: frames that meet conditions, the latest nights first, as far as the time goes; then it can be gone on."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from catalog import TimedOut, time_limit
from pipelines.archive import Archive
from pipelines.web.answers import Page
from pipelines.web.asked import Asked, Unclear
from pipelines.web.conditions import FIELDS, OPERATORS, Condition, condition

__all__ = ["search"]

ROWS = 100
"""Files of one answer."""

SECONDS = 2.0
"""How long is looked for them."""

NIGHTS = 8
"""Nights that are looked at in one question at most: more, and a catalog would walk through all its nights."""

CONDITIONS = 8
"""Conditions of one question."""

NO_DATE = "none"
"""The night of files without a date."""

_FIELDS = ("date", "kind", "timestamp", "obs.camera", "obs.exptime", "obs.filter", "obs.object", "qc.verdict")
_PLAIN = ("kind", "camera", "target", "filter")
"""Fields that have a box of their own in the form."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a search goes on: behind a name, within a night."""

    night: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What was found, how far was looked, and where to go on; None where everything was looked at."""

    rows: list[dict[str, Any]]
    looked: list[str]
    next: Place | None
    timed_out: bool


def search(archive: Archive, asked: Asked) -> Page:
    """Show the files that meet some conditions."""
    asked.only(*_PLAIN, "night", "from", "to", "at", "after", lists=("word", "is", "value"))
    conditions = _conditions(asked)
    nights = _nights(archive, asked)
    begin = Place(asked.text("at"), asked.text("after"))
    if begin.night and begin.night not in nights:
        raise Unclear("the search goes on at a night that it does not have")
    found = _search(archive, conditions, nights, begin)
    following = None
    if found.next is not None:
        kept = [(name, value) for name, value in asked.words if name not in ("at", "after", "format")]
        following = _with(kept, at=found.next.night, after=found.next.name)
    extra = tuple(dict.fromkeys(one.path for one in conditions if one.path not in _FIELDS and one.path != "_id"))
    rows = [_row(document, extra) for document in found.rows]
    form = {name: asked.text(name) for name in (*_PLAIN, "night", "from", "to")}
    plain = sum(bool(asked.text(name)) for name in _PLAIN)  # these stand in boxes of their own
    boxes = [(one.word, one.operator, one.value) for one in conditions[plain:]]
    kinds = sorted(str(kind) for kind in archive.headers.distinct("kind") if kind is not None)
    cameras = sorted(str(camera) for camera in archive.headers.distinct("obs.camera") if camera is not None)
    data = {
        "rows": rows,
        "looked_at": {"nights": len(found.looked), "latest": found.looked[:1], "earliest": found.looked[-1:]},
        "complete": found.next is None and not begin.night,
        "next": following,
    }
    values = {**data, "extra": extra, "form": form, "boxes": boxes, "fields": tuple(FIELDS), "kinds": kinds}
    values |= {"operators": tuple(OPERATORS), "cameras": cameras, "timed_out": found.timed_out, "seconds": SECONDS}
    return Page("search.html", "Search", {**values, "begun": bool(begin.night)}, data)


def _conditions(asked: Asked) -> list[Condition]:
    found = [condition(name, "equals", value) for name in _PLAIN if (value := asked.text(name))]
    words, operators, values = (asked.values(name) for name in ("word", "is", "value"))
    if not len(words) == len(operators) == len(values):
        raise Unclear("a condition is word=, is= and value=; each is there as often as the others")
    for word, operator, value in zip(words, operators, values, strict=True):
        if word:
            found.append(condition(word, operator, value))
        elif value:
            raise Unclear(f"the value {value!r:.60} has no word=")
    if len(found) > CONDITIONS:
        raise Unclear(f"a question has at most {CONDITIONS} conditions")
    return found


def _nights(archive: Archive, asked: Asked) -> list[str]:
    """Return the nights to look at, the latest first; files without a date at the end."""
    only, first, last = asked.night("night"), asked.night("from"), asked.night("to")
    every = sorted((one for one in archive.headers.distinct("date") if isinstance(one, str)), reverse=True)
    if only:
        return [only] if only in every else []
    if first or last:
        return [night for night in every if (first or night) <= night <= (last or night)]
    return [*every, NO_DATE]


def _search(archive: Archive, conditions: Sequence[Condition], nights: Sequence[str], begin: Place) -> Result:
    """Look at more nights at a time as long as that is quick, until there are enough rows or the time is up."""
    fields = dict.fromkeys((*_FIELDS, *(one.path for one in conditions if one.path != "_id")), 1)
    asked = [one.filter for one in conditions]
    place = nights.index(begin.night) if begin.night else 0
    rows: list[dict[str, Any]] = []
    looked: list[str] = []
    batch, end = 1, time.monotonic() + SECONDS
    after = begin.name
    while place < len(nights):
        some = nights[place : place + (1 if after else batch)]
        days = [None if night == NO_DATE else night for night in some]
        within = [{"date": {"$in": days}}, *([{"_id": {"$gt": after}}] if after else []), *asked]
        started = time.monotonic()
        try:
            with time_limit(max(0.05, end - started)):
                cursor = archive.session.headers.find({"$and": within}, fields)
                here = cursor.sort([("date", -1), ("_id", 1)]).limit(ROWS + 1 - len(rows)).to_list()
        except TimedOut:
            if not looked:
                raise  # even one night takes too long: the asker narrows the question
            return Result(rows, looked, Place(some[0], after), True)
        rows += here
        looked += some
        if len(rows) > ROWS:
            last = rows[ROWS - 1]
            return Result(rows[:ROWS], looked, Place(last.get("date") or NO_DATE, str(last["_id"])), False)
        place += len(some)
        after = ""
        batch = min(batch * 2, NIGHTS) if time.monotonic() - started < SECONDS / 8 else max(1, batch // 2)
        if time.monotonic() > end and place < len(nights):
            return Result(rows, looked, Place(nights[place]), True)
    return Result(rows, looked, None, False)


def _with(words: Sequence[tuple[str, str]], **more: str) -> str:
    return f"?{urlencode([*words, *((name, value) for name, value in more.items() if value)])}"


def _row(document: Mapping[str, Any], extra: Sequence[str]) -> dict[str, Any]:
    obs = document.get("obs") or {}
    row = {
        "id": document["_id"],
        "night": document.get("date"),
        "kind": document.get("kind"),
        "camera": obs.get("camera"),
        "time": document.get("timestamp"),
        "exptime": obs.get("exptime"),
        "filter": obs.get("filter"),
        "target": obs.get("object"),
        "verdict": (document.get("qc") or {}).get("verdict"),
    }
    return {**row, **{path: _inside(document, path) for path in extra}}


def _inside(document: Any, path: str) -> Any:
    for key in path.split("."):
        document = document.get(key) if isinstance(document, Mapping) else None
    return document
