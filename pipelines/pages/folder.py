"""A folder of pages: one for each night, and an index."""

import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import UsageError
from pipelines.instruments.nights import parse_night
from pipelines.pages.night import night_page
from pipelines.pages.page import Page, render
from pipelines.version import __version__

if TYPE_CHECKING:
    from pipelines.archive import Archive
    from pipelines.nightly.report import NightReport

__all__ = ["index_page", "write_folder", "write_pages"]

INDEX = "index.html"
UNDATED = "undated"  # what a nightly run calls the files without a date
_PAGE = re.compile(r"\d{4}-\d{2}-\d{2}\.html")


def write_folder(archive: "Archive", folder: str | os.PathLike[str], nights: Iterable[str]) -> list[Path]:
    """Write the pages of some nights and the index of all into a folder, in the place of those written before.

    Parameters
    ----------
    archive : Archive
        It is only read.
    folder : path
        It is made if it is not there.
    nights : iterable of str
        ``YYYY-MM-DD``.

    Returns
    -------
    list of Path
        The files written, the index last.

    Raises
    ------
    UsageError
        One of them is not a valid date, or the folder holds an index that is none of ours.
    """
    place = Path(folder)
    wanted = sorted(set(nights))
    for night in wanted:
        parse_night(night)
    place.mkdir(parents=True, exist_ok=True)
    index = place / INDEX
    if index.exists() and '<meta name="generator" content="Darkroom' not in index.read_text("utf-8", "replace")[:2000]:
        raise UsageError(f"{index} is no page of Darkroom; write the pages into a folder of their own")
    written = [night_page(archive, night, link=INDEX).save(place / f"{night}.html", overwrite=True) for night in wanted]
    return [*written, index_page(archive, place).save(index, overwrite=True)]


def write_pages(archive: "Archive", folder: str | os.PathLike[str], reports: Iterable["NightReport"]) -> list[Path]:
    """Write the pages of the nights of a nightly run: those it changed, and those that have none yet.

    Raises
    ------
    UsageError
        As `write_folder`.
    """
    nights: set[str] = set()
    runs = []
    for report in reports:
        changed = report.new + report.revised + report.completed + len(report.refused)
        if report.night != UNDATED and (changed or not (Path(folder) / f"{report.night}.html").exists()):
            nights.add(report.night)
        if changed and report.run:
            runs.append(report.run)
    # A path says little of the night of most cameras; their documents do.
    nights.update(night for night in archive.headers.distinct("date", {"ingest.run": {"$in": runs}}) if night)
    return write_folder(archive, folder, nights)


def index_page(archive: "Archive", folder: Path) -> Page:
    """Make the index: every night of the archive, with a link to its page where the folder has one."""
    counts = archive.headers.aggregate(
        [
            {
                "$group": {
                    "_id": {"night": "$date", "kind": "$kind"},
                    "frames": {"$sum": 1},
                    "bad": {"$sum": {"$cond": [{"$eq": ["$qc.verdict", "bad"]}, 1, 0]}},
                }
            }
        ]
    )
    nights: dict[str, dict[str, int]] = {}
    undated = 0
    for row in counts:
        night = row["_id"].get("night")
        if night is None:
            undated += row["frames"]
            continue
        sums = nights.setdefault(night, {"frames": 0, "light": 0, "bad": 0})
        sums["frames"] += row["frames"]
        sums["bad"] += row["bad"]
        sums["light"] += row["frames"] if row["_id"].get("kind") == "light" else 0
    pages = {path.stem for path in folder.iterdir() if _PAGE.fullmatch(path.name)} if folder.is_dir() else set()
    values = {
        "title": "Nights",
        "link": "",
        "nights": [(night, nights[night], night in pages) for night in sorted(nights, reverse=True)],
        "undated": undated,
        "made": datetime.now(UTC),
        "version": __version__,
        "where": archive.catalog.url,
    }
    return Page("Nights", render("index.html", values))
