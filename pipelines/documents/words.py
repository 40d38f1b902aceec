"""Words of a question: whether what it names is there, and the nearest that is.

An empty table looks like an answer. Where a question found nothing, this says why: a word that is wrong is the
asker's to correct; a night without files, or without frames of a kind, is a fact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date as day_of
from difflib import get_close_matches
from typing import Any

from catalog import Collection, decode_keyword
from pipelines.errors import NothingThere, UsageError
from pipelines.instruments.nights import parse_night

__all__ = ["KINDS", "nothing_found", "require_camera", "require_fields", "require_kinds"]

KINDS = ("bias", "dark", "flat", "light", "arc")
"""Kinds that are right words, whether or not a frame of them is there."""

_NEAR = 3
_HEADER = re.compile(r"(?:header|hdus\.(?:\d+\.)?header)\.(.+)")
_SAMPLE = 2000  # documents whose keywords are looked through for the nearest


def require_kinds(headers: Collection, kinds: Iterable[str]) -> None:
    """Refuse a kind that does not exist.

    Raises
    ------
    UsageError
        No document has it, and it is no common one; the message names the nearest.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if not unknown:
        return
    there = sorted(str(kind) for kind in headers.distinct("kind") if kind is not None)
    for kind in unknown:
        if kind not in there:
            raise UsageError(_wrong("kind", kind, {*there, *KINDS}, there))


def require_word(what: str, word: str | None, choices: Iterable[str]) -> None:
    """Refuse a word that is not among some.

    Raises
    ------
    UsageError
        It is not; the message names the nearest, and those there are.
    """
    there = sorted(choices)
    if word is not None and word not in there:
        raise UsageError(_wrong(what, word, there, there))


def require_camera(headers: Collection, camera: str | None) -> None:
    """Refuse a camera that no document is of.

    Raises
    ------
    UsageError
        There is none; the message names the nearest.
    """
    if camera is None or headers.find_one({"obs.camera": camera}, {"_id": 1}) is not None:
        return
    there = sorted(str(name) for name in headers.distinct("obs.camera") if name is not None)
    raise UsageError(_wrong("camera", camera, there, there))


def nothing_found(
    headers: Collection, *, nights: Sequence[str] = (), kinds: Sequence[str] = (), camera: str | None = None
) -> None:
    """Say why a question that found nothing did: wrong words, a night without files, no frames of a kind.

    Raises
    ------
    UsageError
        A kind or a camera does not exist.
    NothingThere
        The words are right: no night has files, or none has frames of that kind; the message says what
        is there. Nothing is raised where there are such frames, and so the question has no answer among them.
    """
    require_kinds(headers, kinds)
    require_camera(headers, camera)
    for night in nights:
        parse_night(night)
    if nights and headers.find_one({"date": {"$in": list(nights)}}, {"_id": 1}) is None:
        raise NothingThere(_no_night(headers, nights))
    within: dict[str, Any] = {"date": {"$in": list(nights)}} if nights else {}
    if kinds and headers.find_one({"kind": {"$in": list(kinds)}, **within}, {"_id": 1}) is None:
        counts = headers.aggregate([{"$match": within}, {"$group": {"_id": "$kind", "count": {"$sum": 1}}}])
        there = ", ".join(f"{one['count']} {one['_id']}" for one in sorted(counts, key=lambda one: str(one["_id"])))
        where = f" of {', '.join(nights)}" if nights else ""
        raise NothingThere(f"there is no {' or '.join(kinds)} frame{where}; there are: {there or 'no files at all'}")


def require_fields(collection: Collection, question: object) -> None:
    """Refuse a question of keywords that no document has.

    Parameters
    ----------
    question
        A filter, or the stages of a pipeline.

    Raises
    ------
    UsageError
        There is one: the message names the HDU that has it, or the nearest keyword that exists.
    """
    for path in dict.fromkeys(_paths(question)):
        found = _HEADER.fullmatch(path)
        if found is None or collection.find_one({path: {"$exists": True}}, {"_id": 1}) is not None:
            continue
        keyword = found[1]
        other = f"header.{keyword}" if path.startswith("hdus") else f"hdus.header.{keyword}"
        elsewhere = collection.find_one({other: {"$exists": True}}, {"hdus.header": 1, "hdus.name": 1})
        if elsewhere is not None:
            raise UsageError(_elsewhere(path, keyword, other, elsewhere))
        near = get_close_matches(keyword, _keywords(collection), _NEAR)
        named = " or ".join(map(decode_keyword, near))
        hint = f"; is it {named}?" if near else "; `darkroom header ID` shows those of a file"
        raise UsageError(f"no document has the keyword {decode_keyword(keyword)}{hint}")


def _wrong(what: str, word: str, choices: Iterable[str], there: Sequence[str]) -> str:
    folded = {choice.casefold(): choice for choice in sorted(choices)}
    near = [folded[match] for match in get_close_matches(word.casefold(), folded, _NEAR)]
    asked = f" is it {' or '.join(near)}?" if near else ""
    shown = ", ".join(there[:12]) + (f", … ({len(there)} in all)" if len(there) > 12 else "")
    return f"there is no {what} {word!r};{asked} there are: {shown or 'none yet'}"


def _no_night(headers: Collection, nights: Sequence[str]) -> str:
    known = [text for text in headers.distinct("date") if isinstance(text, str)]
    wanted = day_of.fromisoformat(nights[0])
    near = sorted(known, key=lambda text: (abs((day_of.fromisoformat(text) - wanted).days), text))[:_NEAR]
    nearest = "the nearest nights with files are" if len(near) > 1 else "the nearest night with files is"
    hint = f"; {nearest} {', '.join(sorted(near))}" if near else "; no file has a date yet"
    return f"there is no file of {', '.join(nights)}{hint}"


def _paths(question: object) -> Iterator[str]:
    """Return every path that a question names: keys of filters, and fields of expressions."""
    if isinstance(question, Mapping):
        for key, inner in question.items():
            if isinstance(key, str) and not key.startswith("$"):
                yield key
            yield from _paths(inner)
    elif isinstance(question, list | tuple):
        for inner in question:
            yield from _paths(inner)
    elif isinstance(question, str) and question.startswith("$header."):
        yield question[1:]


def _elsewhere(path: str, keyword: str, other: str, document: Mapping[str, Any]) -> str:
    if path.startswith("hdus"):
        return f"no extension has the keyword {decode_keyword(keyword)}: the main header has it, ask for {other!r}"
    places = [
        f"HDU {place} ({hdu.get('name')})"
        for place, hdu in enumerate(document.get("hdus") or ())
        if keyword in (hdu.get("header") or {})
    ]
    shown = decode_keyword(keyword)
    return f"no main header has the keyword {shown}: it stands in {', '.join(places[:3])}, ask for {other!r}"


def _keywords(collection: Collection) -> list[str]:
    """Return the keywords of the documents looked through."""
    some = collection.find({}, {"header": 1}).limit(_SAMPLE)
    return sorted({keyword for document in some for keyword in document.get("header") or {}})
