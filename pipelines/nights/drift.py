"""Keywords that appeared, vanished or changed type, measured by recent nights."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from catalog import Collection, decode_keyword
from pipelines.nights.notice import Notice

USUAL = 0.95  # share of the files of recent nights that have a keyword which is always there
FEW = 10  # files of recent nights below which nothing is usual

Group = tuple[str, str]


@dataclass(slots=True)
class _Seen:
    """What the headers of one profile and kind have."""

    files: int = 0
    keywords: Counter[str] = field(default_factory=Counter)
    types: dict[str, set[str]] = field(default_factory=dict)

    def add(self, header: dict[str, Any]) -> None:
        self.files += 1
        for keyword, value in header.items():
            self.keywords[keyword] += 1
            if value is not None:
                self.types.setdefault(keyword, set()).add(_type(value))


def keyword_findings(headers: Collection, date: str, before: Sequence[str]) -> Iterator[Notice]:
    """Compare the keywords of a night with those of recent nights, by profile and kind of frame.

    Parameters
    ----------
    before : sequence of str
        The recent nights.
    """
    if not before:
        return
    now, then = _seen(headers, [date]), _seen(headers, before)
    for group in sorted(now.keys() & then.keys()):
        if then[group].files >= FEW:
            yield from _compare(f"{group[0]} {group[1]}", now[group], then[group])


def _seen(headers: Collection, dates: Sequence[str]) -> dict[Group, _Seen]:
    # Counted here: unwinding every header would make thirty rows of each document first.
    groups: dict[Group, _Seen] = {}
    for document in headers.find({"date": {"$in": list(dates)}}, {"profile": 1, "kind": 1, "header": 1}):
        groups.setdefault((document["profile"], document["kind"]), _Seen()).add(document["header"])
    return groups


def _compare(name: str, now: _Seen, then: _Seen) -> Iterator[Notice]:
    appeared = sorted(now.keywords.keys() - then.keywords.keys())
    if appeared:
        what = f"{name} headers have {_list(appeared)}, which recent nights have not"
        yield Notice("keyword-appeared", what, "nothing, if the software is new", _names(appeared), False)
    usual = [key for key, count in then.keywords.items() if count >= USUAL * then.files]
    vanished = sorted(key for key in usual if key not in now.keywords)
    if vanished:
        what = f"{name} headers lack {_list(vanished)}, which recent nights have"
        yield Notice("keyword-vanished", what, "look at the camera's software", _names(vanished))
    rarer = sorted(key for key in usual if 0 < now.keywords[key] < now.files and then.keywords[key] == then.files)
    for key in rarer:
        what = f"{now.files - now.keywords[key]} of {now.files} {name} headers lack {decode_keyword(key)}"
        yield Notice("keyword-vanished", what, "look at the software of those cameras", _names([key]))
    for key in sorted(now.types.keys() & then.types.keys()):
        new = now.types[key] - then.types[key]
        if new:
            was, became = " or ".join(sorted(then.types[key])), " or ".join(sorted(new))
            what = f"{decode_keyword(key)} of {name} headers is {became}, and was {was}"
            yield Notice("keyword-type", what, "questions that compare it miss these files; look", _names([key]))


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "logical"
    if isinstance(value, int | float):
        return "a number"  # 9 and 9.0 compare as equal, and cameras write either
    return "a date" if isinstance(value, datetime) else "text"


def _names(keywords: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(decode_keyword, keywords))


def _list(keywords: Sequence[str]) -> str:
    shown = ", ".join(_names(keywords)[:8])
    return shown + (f", … ({len(keywords)} in all)" if len(keywords) > 8 else "")
