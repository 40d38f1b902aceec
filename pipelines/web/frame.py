"""The view of a frame: its picture, what is known of it and from where, its header card for card."""

from collections.abc import Mapping
from typing import Any

from arraystore import StoreError
from catalog import unpack_cards
from pipelines.archive import Archive
from pipelines.documents.history import history
from pipelines.errors import DarkroomError, UsageError
from pipelines.pictures.frame import said_of
from pipelines.table import Row
from pipelines.web.answers import Page
from pipelines.web.asked import Asked, Unclear
from pipelines.web.documents import document_of
from pipelines.web.picture import WORDS, shown, wanted
from pipelines.web.pixel import address_of, follows

__all__ = ["facts_of", "frame", "made_of_it", "story_of", "view_of_picture"]

CARDS = 1000
"""Cards of one page; a header may have 36,000."""

LISTED = 100
"""Documents that were made of one, and changes of one, that a page lists."""

DEEP = 4


def frame(archive: Archive, asked: Asked) -> Page:
    """Show a frame."""
    asked.only(*WORDS, "hdu", "card", "column", "row")
    document = document_of(archive, asked.document(), "headers")
    name = str(document["_id"])
    hdu, first = asked.whole("hdu", least=0, most=10_000) or 0, asked.whole("card", least=0, most=100_000) or 0
    cards = _cards(archive, name, hdu)
    checks = list((document.get("qc") or {}).get("checks") or ())
    made = made_of_it(archive, name)
    values = {
        "document": document,
        "said": said_of(document),
        "follows": follows(document),
        "checks": checks,
        "obs": _obs(document),
        "cards": cards[first : first + CARDS],
        "all_cards": len(cards),
        "card": first,
        "hdu": hdu,
        "hdus": _hdus(document),
        "cards_a_page": CARDS,
        "made": made,
        "story": story_of(archive, name, "headers"),
        "picture": view_of_picture(archive, document, asked),
        "place": _place(document, asked),
    }
    data = {"frame": document, "hdu": hdu, "cards": cards[first : first + CARDS], "all_cards": len(cards)}
    return Page("frame.html", name, values, {**data, "made_of_it": made})


def view_of_picture(archive: Archive, document: Mapping[str, Any], asked: Asked) -> dict[str, Any]:
    """Return what a page shows of an array; whatever is wrong with it costs the picture, not the page."""
    try:
        what = wanted(document, asked)
        made = shown(archive, document, what)
    except Unclear:
        raise
    except UsageError as error:
        if any(asked.text(word) for word in WORDS if word != "id"):
            raise
        return {"why_none": str(error)}
    except (DarkroomError, StoreError) as error:
        return {"why_none": str(error)}
    window = made.drawn.window
    column, row = (window.x0 + window.x1) // 2, (window.y0 + window.y1) // 2
    high, wide = made.drawn.points.shape[:2]
    return {
        "why_none": "",
        "what": what,
        "facts": made.drawn.facts,
        "width": wide,
        "height": high,
        "window": window,
        "block": made.drawn.block,
        "grown": made.drawn.grown,
        "down": made.drawn.down,
        "closer": what.around(column, row, times=0.5),
        "farther": what.around(column, row, times=2.0),
        "pans": _pans(made.drawn.down, column, row, window.shape, what) if what.window is not None else {},
    }


def _pans(down: bool, column: int, row: int, shape: tuple[int, int], what: Any) -> dict[str, Any]:
    """Return the pictures to the four sides of a window; up is where the picture has it."""
    high, wide = shape
    up = -high // 2 if down else high // 2
    return {
        "left": what.around(column - wide // 2, row, times=1.0),
        "right": what.around(column + wide // 2, row, times=1.0),
        "up": what.around(column, row + up, times=1.0),
        "down": what.around(column, row - up, times=1.0),
    }


def _place(document: Mapping[str, Any], asked: Asked) -> dict[str, Any] | None:
    """Return where a column and a row of the array lead, as the form for those without a mouse asks."""
    column, row = (asked.whole(name, least=0, most=1_000_000) for name in ("column", "row"))
    if column is None or row is None:
        return None
    rows, columns = wanted(document, asked).shape
    if column >= columns or row >= rows:
        raise Unclear(f"the array has columns 0 to {columns - 1} and rows 0 to {rows - 1}")
    return {"column": column, "row": row, "to": address_of(document, wanted(document, asked).array, column, row)}


def _cards(archive: Archive, name: str, hdu: int) -> list[str]:
    kept = archive.session.headers.find_one({"_id": name}, {"cards": 1})
    if kept is None or kept.get("cards") is None:
        return []
    blocks = unpack_cards(kept["cards"])
    if hdu >= len(blocks):
        raise Unclear(f"the file has HDUs 0 to {len(blocks) - 1}, not {hdu}")
    text = blocks[hdu].decode("latin-1")
    cards = [text[start : start + 80].rstrip() for start in range(0, len(text), 80)]
    end = next((place for place, card in enumerate(cards) if card == "END"), len(cards) - 1)
    return cards[: end + 1]


def _obs(document: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    """Return what is known of the observation, and from where."""
    origin = document.get("obs_from") or {}
    return [(name, value, str(origin.get(name) or "")) for name, value in (document.get("obs") or {}).items()]


def _hdus(document: Mapping[str, Any]) -> list[str]:
    return [
        f"{number} {hdu.get('name') or ''} {'x'.join(map(str, reversed(hdu.get('shape') or ())))}".strip()
        for number, hdu in enumerate(document.get("hdus") or ())
    ]


def facts_of(document: Mapping[str, Any], before: str = "", deep: int = 0) -> list[tuple[str, Any]]:
    """Return the fields of a document one below the other, those inside others under names with dots.

    What is empty is left out.

    Examples
    --------
    >>> facts_of({"kind": "dark", "key": {"exptime": 5.0}})
    [('kind', 'dark'), ('key.exptime', 5.0)]
    """
    found: list[tuple[str, Any]] = []
    for name, value in document.items():
        if isinstance(value, Mapping) and value and deep < DEEP:
            found += facts_of(value, f"{before}{name}.", deep + 1)
        elif value is not None and value != [] and value != {} and not isinstance(value, bytes):
            found.append((f"{before}{name}", value))
    return found


def made_of_it(archive: Archive, name: str) -> list[dict[str, Any]]:
    """Return what was made of a document: masters, calibrated frames, products; at most `LISTED` of each."""
    fields = {"kind": 1, "date": 1, "status": 1}
    found = []
    for view, documents in (("master", archive.session.masters), ("frame", archive.session.headers)):
        some = documents.find({"parents": name}, fields).sort("_id", 1).limit(LISTED)
        found += [{"view": view, "id": str(one.pop("_id")), **one} for one in some]
    return found


def story_of(archive: Archive, name: str, collection: str) -> list[Row]:
    """Return the latest changes of a document; none where nothing is known of them."""
    return list(history(name, catalog=archive.catalog, collection=collection))[-LISTED:]
