"""Views of groups, and of what frames are in none."""

from pipelines.archive import Archive
from pipelines.errors import NothingThere
from pipelines.web.answers import Page
from pipelines.web.asked import Asked

__all__ = ["groups"]

KINDS = ("dark", "flat", "bias")


def groups(archive: Archive, asked: Asked) -> Page:
    """Show the groups of a kind of frame in a night, and the frames that are in none."""
    asked.only("kind", "night")
    kind = asked.choice("kind", KINDS) or KINDS[0]
    night = asked.night("night") or _latest(archive, kind)
    found = archive.calibration.groups(kind, night)
    apart = [row for row in archive.calibration.ungrouped(night) if row["kind"] == kind]
    data = {"night": night, "kind": kind, "groups": list(found), "ungrouped": apart}
    hidden = {"ids", "left_out", "why_left_out", "borrow", "mixed", "spread", "profile", "date"}
    columns = [name for name in found.columns if name not in hidden]
    values = {**data, "columns": columns, "kinds": KINDS}
    return Page("groups.html", f"{kind.capitalize()} groups, {night}", values, data)


def _latest(archive: Archive, kind: str) -> str:
    """Return the latest night with a frame of a kind."""
    for night in sorted((one for one in archive.headers.distinct("date") if isinstance(one, str)), reverse=True):
        if archive.headers.count_documents({"date": night, "kind": kind}, limit=1):
            return night
    raise NothingThere(f"there is no {kind} frame with a date in the archive")
