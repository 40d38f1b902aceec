"""``darkroom show``: the picture of a file, of a master, or of a whole night as a contact sheet."""

import logging
import re
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from html import escape

import numpy as np

from arraystore import StoreError
from pipelines.documents.schema import Doc
from pipelines.errors import DarkroomError, UsageError
from pipelines.pictures.frame import Drawn, arrays_of, draw, said_of
from pipelines.pictures.picture import Panel, Picture, pillow
from pipelines.session import Session
from pipelines.table.cells import counted

__all__ = ["MOST", "contact_sheet", "picture", "show", "thumbnail"]


SIZE, THUMB, CUBE = 1000, 150, 300
MOST = 500
"""Frames of one contact sheet."""

ACROSS = 4, 16
"""Panels beside each other on a contact sheet, at least and at most."""

THREADS = 2
FIELDS = (
    *("root", "kind", "camera", "date", "timestamp", "obs", "arrays", "hdus", "header", "dq_version"),
    *("qc.verdict", "ingest.arrays"),
)
NAMED = 10
"""Frames without a picture that a contact sheet names."""

_log = logging.getLogger(__name__)


def show(
    session: Session, what: str, *, array: str | None = None, size: int | None = None, mask: bool = True
) -> Picture:
    """Return the picture of a document, or the contact sheet of a night.

    Parameters
    ----------
    what : str
        Name of a file's document, of a master (or the beginning of its name), or a night, YYYY-MM-DD.
    array : str, optional
        Which array of the document; by default its image, of several chips all.
    size : int, optional
        Points along the longer side of an image; 1000 by default, 150 on a contact sheet.
    mask : bool
        Show in red what is flagged or saturated.

    Raises
    ------
    UnknownDocument
        Nothing has this name.
    UsageError
        It has no pixels, or no such array.
    NothingThere
        The night has no files.
    MissingExtra
        Pillow is not installed.
    """
    pillow()
    if size is not None and not 16 <= size <= 10_000:
        raise UsageError(f"a picture has 16 to 10000 points along its longer side, not {size}")
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", what):
        if array is not None:
            raise UsageError("a contact sheet shows the image of each frame; name one document to see another array")
        return contact_sheet(session, what, size=size or THUMB)
    return picture(session, _document(session, what), array=array, size=size or SIZE, mask=mask)


def picture(
    session: Session, document: Doc, *, array: str | None = None, size: int = SIZE, mask: bool = True
) -> Picture:
    """Return the picture of one document; its chips stand beside each other."""
    names = arrays_of(document, array)
    across = int(np.ceil(np.sqrt(len(names))))
    drawn = [draw(document, name, session.store, size=max(16, size // across), mask=mask) for name in names]
    head = (str(document["_id"]), said_of(document))
    if len(names) == 1:
        return Picture(
            (Panel(drawn[0].points, compass=drawn[0].compass),), facts=(*head, *_named(names[0]), *drawn[0].facts)
        )
    panels = [
        Panel(one.points, (name, *one.facts), compass=one.compass) for name, one in zip(names, drawn, strict=True)
    ]
    return Picture(tuple(panels), facts=head, columns=across)


def thumbnail(session: Session, document: Doc, name: str) -> str:
    """Return an array of a document as a small picture in HTML, or why there is none: it stands below other facts."""
    try:
        drawn = draw(document, name, session.store, size=CUBE)
        made = Picture((Panel(drawn.points),), facts=drawn.facts)
        points = b64encode(made.png()).decode()
    except (DarkroomError, StoreError) as error:
        return f"<p>no picture: {escape(str(error))}</p>"
    return f'<img alt="{escape("; ".join(drawn.facts))}" src="data:image/png;base64,{points}">'


def contact_sheet(session: Session, night: str, *, size: int = THUMB) -> Picture:
    """Return every frame of a night, small, by camera and time; one that cannot be read is framed and says so.

    Raises
    ------
    NothingThere
        The night has no files.
    """
    from pipelines.documents.words import nothing_found  # the words of instruments: as long as drawing one frame

    fields = dict.fromkeys(FIELDS, 1)
    total = session.headers.count_documents({"date": night})
    if not total:
        nothing_found(session.headers, nights=(night,))
    found = (
        session.headers.find({"date": night}, fields).sort([("camera", 1), ("timestamp", 1), ("_id", 1)]).limit(MOST)
    )
    with ThreadPoolExecutor(THREADS) as pool:
        panels = tuple(pool.map(lambda document: _small(session, document, size), found))
    shown = counted(total, "file") if total <= MOST else f"the first {MOST} of {total} files"
    across = min(max(round((1.3 * len(panels)) ** 0.5), ACROSS[0]), ACROSS[1])
    unread = tuple(panel.unread for panel in panels if panel.unread)
    facts = [
        f"{shown}, by camera and time; each between its own ZScale limits, as `darkroom show ID` shows it",
        *(["framed: judged bad, or no picture"] if any(panel.alarm for panel in panels) else []),
        *unread[:NAMED],
        *([f"and {len(unread) - NAMED} more"] if len(unread) > NAMED else []),
    ]
    return Picture(panels, title=f"Night {night}", facts=tuple(facts), columns=across, unread=unread)


def _small(session: Session, document: Doc, size: int) -> Panel:
    """Return the panel of one frame; whatever is wrong with it costs this panel."""
    obs = document.get("obs") or {}
    name = str(document["_id"]).rpartition("/")[2]
    what = " ".join(
        str(part)
        for part in (
            document.get("kind"),
            None if obs.get("exptime") is None else f"{obs['exptime']:g} s",
            obs.get("filter"),
        )
        if part
    )
    bad = (document.get("qc") or {}).get("verdict") == "bad"
    try:
        first, *others = arrays_of(document)
        drawn: Drawn = draw(document, first, session.store, size=size, mask=True, grow=False)
    except (DarkroomError, StoreError) as error:
        _log.info("%s: no picture: %s", document["_id"], error)
        grey = np.full((size // 2, size, 3), 225, np.uint8)
        told = str(error) if document["_id"] in str(error) else f"{document['_id']}: {error}"
        return Panel(grey, (name, "no picture"), alarm=True, unread=told)
    nothing = any(fact.startswith("no data") for fact in drawn.facts)
    what += f", {first} of {1 + len(others)} images" if others else ""
    return Panel(drawn.points, (name, f"{'BAD ' if bad else ''}{'no data, ' if nothing else ''}{what}"), alarm=bad)


def _named(name: str) -> tuple[str, ...]:
    return () if name in ("sci", "value") else (f"array {name}",)


def _document(session: Session, what: str) -> Doc:
    if what.startswith("masters/"):
        from pipelines.calibration.select.certify import find_master

        return find_master(session, what)
    return session.document(what)
