"""Views of masters: all of them, and one with its evidence and what it was made of."""

from collections.abc import Mapping
from typing import Any

from pipelines.archive import Archive
from pipelines.calibration.groups.kinds import KINDS
from pipelines.calibration.select.departed import with_departures
from pipelines.calibration.select.listing import OUT_OF_USE, STORED, list_masters
from pipelines.documents.schema import CALIBRATED
from pipelines.web.answers import Page
from pipelines.web.asked import Asked
from pipelines.web.documents import document_of
from pipelines.web.frame import facts_of, made_of_it, story_of, view_of_picture
from pipelines.web.picture import WORDS

__all__ = ["master", "masters"]

PAGE = 30
"""Nights of one page."""

MOST_PAGES = 100_000
INPUTS = 2000
"""Frames of a master that its page lists."""

_PARTS = ("inputs", "images", "hdus", "cards", "header", "arrays", "obs_from", "digests", "parents")
_EVIDENCE = {
    "acceptance": "Whether it was accepted, and why",
    "statistics": "What was measured of it",
    "noise": "Noise of a pixel of its frames",
    "combined": "How its frames were combined",
    "key": "The setup that they share",
    "obs": "The observation it stands for",
}
_NOT_SAID = frozenset({"id", "pixels", "array", "revision"})


def masters(archive: Archive, asked: Asked) -> Page:
    """Show the masters of some nights, the latest first."""
    asked.only("page", "kind", "night", "camera", "status")
    number = asked.whole("page", least=1, most=MOST_PAGES) or 1
    kinds, statuses = (*KINDS, CALIBRATED), (*STORED, *OUT_OF_USE)
    kind, camera = asked.choice("kind", kinds), asked.text("camera")
    status, night = asked.choice("status", statuses), asked.night("night")
    query = {name: value for name, value in (("kind", kind), ("camera", camera)) if value}
    every = [night] if night else sorted(filter(None, archive.masters.distinct("date", query)), reverse=True)
    some = every[(number - 1) * PAGE : number * PAGE]
    named = {"kind": kind or None, "camera": camera or None, "status": status or None}
    rows = list(list_masters(archive.catalog, some, **named)) if some else []
    form = {"kind": kind, "camera": camera, "status": status, "night": night}
    pages = max(1, -(-len(every) // PAGE))
    data = {"masters": rows, "nights": [some[-1], some[0]] if some else [], "page": number, "pages": pages}
    return Page("masters.html", "Masters", {**data, "form": form, "kinds": kinds, "statuses": statuses}, data)


def master(archive: Archive, asked: Asked) -> Page:
    """Show a master: its verdict and the evidence, its picture, and what it was made of."""
    asked.only(*WORDS)
    (document,) = with_departures(archive.catalog, [document_of(archive, asked.document(), "masters")])
    name = str(document["_id"])
    inputs = list(document.get("inputs") or ())
    used = document.get("masters") or {}
    facts = {key: value for key, value in document.items() if key not in (*_PARTS, *_EVIDENCE)}
    said = dict.fromkeys(key for one in inputs for key in one if key not in _NOT_SAID)
    picture = view_of_picture(archive, document, asked)
    made = made_of_it(archive, name)
    values = {
        "document": document,
        "inputs": inputs[:INPUTS],
        "all_inputs": len(inputs),
        "used": _names(used),
        "facts": facts_of(facts),
        "said": tuple(said),
        "evidence": {words: facts_of(document.get(name) or {}) for name, words in _EVIDENCE.items()},
        "picture": picture,
        "made": made,
        "story": story_of(archive, name, "masters"),
    }
    return Page("master.html", name, values, {"master": document, "made_of_it": made})


def _names(used: Any) -> list[str]:
    """Return the names of the masters that went into a master."""
    if isinstance(used, Mapping):
        return [name for one in used.values() for name in _names(one)]
    if isinstance(used, list | tuple):
        return [name for one in used for name in _names(one)]
    return [used] if isinstance(used, str) and used.startswith("masters/") else []
