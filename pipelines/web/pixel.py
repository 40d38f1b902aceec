"""The history of a pixel: which one a place in a picture is, and its value in every frame that covers it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from pipelines.archive import Archive
from pipelines.errors import UsageError
from pipelines.pixels.cameras import CameraPixels
from pipelines.pixels.cameras.places import place_of
from pipelines.pixels.coordinates import is_detector
from pipelines.pixels.exposures import RAMPS, SLOPES
from pipelines.table import Answer, Row
from pipelines.web.addresses import address
from pipelines.web.answers import Page
from pipelines.web.asked import Asked
from pipelines.web.chart import Point, chart

__all__ = ["address_of", "follows", "pixel"]

AT_FIRST = 200
"""Files that are read when nobody says which nights: those of the latest nights."""

MOST = 2000
"""Files that are read for one question."""

FAR = 1_000_000


def follows(document: Mapping[str, Any]) -> bool:
    """Tell whether pixels of a document have a history: it is a file of a camera or of a detector that are known."""
    obs = document.get("obs") or {}
    return "root" in document and bool(document.get("detector") if _is_exposure(document) else obs.get("camera"))


def address_of(document: Mapping[str, Any], array: str, column: int, row: int) -> str:
    """Return the address of the history of a pixel that a document shows.

    Parameters
    ----------
    column, row : int
        In its array, from 0.

    Raises
    ------
    UsageError
        The document does not say where its picture lies on the detector, or is of no camera that is known.
    """
    if not follows(document):
        raise UsageError("the history of a pixel begins with a frame whose camera is known; a master has its frames")
    if _is_exposure(document):
        window = document.get("window") or {}
        if window.get("x") is None or window.get("y") is None:
            raise UsageError("its header does not place its window on the detector")
        return address("pixel", camera=str(document["detector"]), x=int(window["x"]) + column, y=int(window["y"]) + row)
    place = place_of(document, array)
    x = int(place.columns.pixels(np.asarray([column]))[0])
    y = int(place.rows.pixels(np.asarray([row]))[0])
    if x < 1 or y < 1:
        raise UsageError(f"column {column} and row {row} are no pixel of the detector: overscan")
    image = {"image": array} if len((document.get("obs") or {}).get("images") or ()) > 1 else {}
    return address("pixel", camera=str(document["obs"]["camera"]), x=x, y=y, **image)


def pixel(archive: Archive, asked: Asked) -> Page:
    """Show the history of a pixel."""
    asked.only("camera", "x", "y", "kind", "image", "from", "to")
    camera = asked.text("camera")
    x, y = (asked.whole(axis, least=1, most=FAR) for axis in "xy")
    first, last, kind, image = asked.night("from"), asked.night("to"), asked.text("kind"), asked.text("image")
    form = {"camera": camera, "x": x, "y": y, "kind": kind, "image": image, "from": first, "to": last}
    if not camera or x is None or y is None:
        cameras = sorted(str(one) for one in archive.headers.distinct("obs.camera") if one is not None)
        return Page(
            "pixel.html", "History of a pixel", {"form": form, "cameras": cameras, "asked": False}, {"form": form}
        )
    mine = {"detector": camera, "kind": {"$in": [*RAMPS, *SLOPES]}}
    stand = is_detector(camera) or archive.headers.count_documents(mine, limit=1) > 0
    nights, left = _nights(archive, mine if stand else {"obs.camera": camera}, first, last)
    if stand:
        where: dict[str, Any] = {} if nights is None else {"date": (nights[0], nights[-1])}
    else:
        where = {"kind": [kind] if kind else None, "image": image or None}
        where |= {} if nights is None else {"where": {"date": {"$in": nights}}}
    found = archive.pixel(camera, x=x, y=y, **where)
    unread = list(found.unread) if isinstance(found, CameraPixels) else []
    answer = found.summary()
    if not isinstance(found, CameraPixels):
        unread = list(found.unread)
    data = {**found.values(), "camera": camera, "nights": None if nights is None else [nights[0], nights[-1]], **left}
    values = {
        "form": form,
        "asked": True,
        "cameras": [],
        "answer": answer,
        "unread": unread,
        "left": left,
        "nights": nights,
        **_columns(answer),
        "assumed": list(getattr(found, "assumed", ())),
        "chart": chart(_points(found.values(), answer.rows)),
        "drawn": "value of each frame, ADU" if isinstance(found, CameraPixels) else "slope of each exposure, DN/s",
    }
    return Page("pixel.html", f"Pixel x={x}, y={y} of {camera}", values, data)


def _columns(answer: Answer) -> dict[str, Any]:
    """Return which columns differ from row to row, which are numbers, and what is the same in all rows."""
    rows = answer.rows
    alike = {
        name: rows[0][name]
        for name in answer.columns
        if len(rows) > 2
        and name not in ("frame", "exposure", "value")
        and all(row[name] == rows[0][name] for row in rows)
    }
    columns = [name for name in answer.columns if name not in alike]
    numbers = [name for name in columns if all(isinstance(row[name], int | float | None) for row in rows)]
    return {"columns": columns, "numbers": numbers, "alike": {k: v for k, v in alike.items() if k not in ("x", "y")}}


def _is_exposure(document: Mapping[str, Any]) -> bool:
    return document.get("kind") in (*RAMPS, *SLOPES)


def _nights(
    archive: Archive, mine: Mapping[str, Any], first: str, last: str
) -> tuple[list[str] | None, dict[str, Any]]:
    """Return the nights to read, in order, and what is left out; None for all there are, undated files included.

    Raises
    ------
    UsageError
        The nights that were asked for have more files than one question may read.
    """
    count = archive.headers.count_documents
    every = sorted(night for night in archive.headers.distinct("date") if isinstance(night, str))
    if first or last:
        some = [night for night in every if (first or night) <= night <= (last or night)]
        files = sum(count({**mine, "date": night}) for night in some)
        if files > MOST:
            raise UsageError(
                f"these nights have {files} files of it, and one question reads at most {MOST}; "
                "choose fewer nights by from= and to="
            )
        if not files:
            raise UsageError("there is no file of it in these nights")
        return some, {}
    total = count(mine)
    if total <= AT_FIRST:
        return None, {}
    chosen: list[str] = []
    files = 0
    for night in reversed(every):
        here = count({**mine, "date": night})
        if files and files + here > AT_FIRST:
            break
        if here:
            chosen.append(night)
            files += here
    if not chosen:
        raise UsageError(f"{total} files of it have no date; `darkroom pixel` reads them all")
    if files > MOST:
        raise UsageError(f"its latest night has {files} files, and one question reads at most {MOST}")
    return chosen[::-1], {"files": files, "of": total}


def _points(values: Mapping[str, Any], rows: Sequence[Row]) -> list[Point]:
    """Return what is drawn: of a camera the values, of a detector the slopes."""
    if "rows" in values:
        return [
            Point(datetime.fromisoformat(row["start"]), float(row["value"]), str(row["kind"]), str(row["frame"]))
            for row in values["rows"]
            if row["start"] and row["value"] is not None
        ]
    return [
        Point(datetime.fromisoformat(str(row["start"])), float(row["slope"]), "slope", str(row["exposure"]))
        for row in rows
        if row["start"] and row["slope"] is not None
    ]
