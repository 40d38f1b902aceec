"""Views of nights: all of them, page by page, and one: the page of the morning after."""

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

from pipelines.archive import Archive
from pipelines.instruments.nights import parse_night
from pipelines.pages import night_values
from pipelines.web.answers import Page
from pipelines.web.asked import Asked

__all__ = ["home", "night", "nights"]

PAGE = 25
"""Nights of one page."""

KINDS = ("light", "dark", "flat", "bias")
"""Kinds that are counted; questions that an index answers alone."""

MOST_PAGES = 100_000


def home(archive: Archive, asked: Asked) -> Page:
    """Show the nights: where everybody begins."""
    return nights(archive, asked)


def nights(archive: Archive, asked: Asked) -> Page:
    """Show the nights of the archive, the latest first."""
    asked.only("page")
    number = asked.whole("page", least=1, most=MOST_PAGES) or 1
    every = sorted((one for one in archive.headers.distinct("date") if isinstance(one, str)), reverse=True)
    some = every[(number - 1) * PAGE : number * PAGE]
    rows = [_counts(archive, one) for one in some]
    pages = max(1, -(-len(every) // PAGE))
    undated = archive.headers.count_documents({"date": None})
    data = {"nights": rows, "page": number, "pages": pages, "total": len(every), "undated": undated}
    return Page("nights.html", "Nights", {**data, "kinds": KINDS}, data)


def _counts(archive: Archive, night: str) -> dict[str, Any]:
    count = archive.headers.count_documents
    by_kind = {kind: count({"date": night, "kind": kind}) for kind in KINDS}
    total = count({"date": night})
    return {"night": night, "files": total, **by_kind, "other": total - sum(by_kind.values())}


def night(archive: Archive, asked: Asked) -> Page:
    """Show one night; its pictures stand in the page."""
    asked.only()
    day = parse_night(asked.name).isoformat()
    values = night_values(archive, day)
    shown = {**values, "masters": [master for master, _ in values["masters"]], "pictures": None}
    data = {name: _plain(shown[name]) for name in _SAID}
    return Page("night.html", f"Night {day}", values, data)


_SAID = (
    *("night", "problems", "notes", "unchecked", "hours", "cameras", "flats", "clocks", "groups", "ungrouped"),
    *("masters", "trends", "quarantine", "frames", "size", "made", "checked"),
)
"""What JSON has of a night's page: all but pictures and drawings."""


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items() if not isinstance(one, bytes)}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
