"""Home: what ``darkroom.toml`` in the folder of an archive says of its site.

::

    [site]
    longitude = -79.4     # degrees east
    latitude = 43.66      # degrees north, optional
    zone = "America/Toronto"   # optional: nights by the clock on the wall

It counts for frames of which neither header nor profile tells where they were taken.
"""

from __future__ import annotations

from pathlib import Path

from pipelines.errors import UsageError
from pipelines.instruments.nights import site_zone
from pipelines.instruments.sites import NOWHERE, Place
from pipelines.instruments.tomlfile import TomlFile, read_toml

__all__ = ["FILE", "place_of", "read_site", "write_longitude"]

FILE = "darkroom.toml"
_FIELDS = ("longitude", "latitude", "zone")


def read_site(home: Path | None) -> Place:
    """Return the site of an archive; nowhere where its home says none.

    Raises
    ------
    UsageError
        The file cannot be read, or makes no sense: which file, and what in it.
    """
    file = None if home is None else home / FILE
    if file is None or not file.is_file():
        return NOWHERE
    toml = read_toml(file)
    toml.require_known(toml.content, ("site",), "the file")
    return NOWHERE if "site" not in toml.content else place_of(toml, source=FILE)


def write_longitude(home: Path, longitude: float, note: str) -> Path:
    """Add a site to ``darkroom.toml``, which has none; what stands in it stays. Return the file.

    Parameters
    ----------
    longitude
        Degrees east.
    note
        Where it comes from; a comment above it.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    file = home / FILE
    comment = " ".join("".join(letter if letter.isprintable() else " " for letter in note).split())
    try:
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        gap = "" if not before or before.endswith("\n") else "\n"
        with file.open("a", encoding="utf-8") as out:
            out.write(f"{gap}[site]\n# {comment}\nlongitude = {longitude}  # degrees east\n")
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from error
    return file


def place_of(toml: TomlFile, *, source: str) -> Place:
    """Return the place that the table ``site`` of a file describes.

    Raises
    ------
    UsageError
        A field that is not known, a longitude or latitude off the globe, a zone that does not exist.
    """
    site = toml.content["site"]
    if not isinstance(site, dict):
        raise toml.wrong("site", f"site is a table, [site] with {', '.join(_FIELDS)}")
    toml.require_known(site, (*_FIELDS, "height"), "[site]")
    for name, limit in (("longitude", 180), ("latitude", 90)):
        value = site.get(name)
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= limit
        ):
            raise toml.wrong(name, f"{name} = {value!r} is not on the globe; degrees from -{limit} to {limit}")
    zone = site.get("zone")
    if zone is not None:
        try:
            site_zone(str(zone))
        except ValueError as error:
            raise toml.wrong("zone", str(error)) from error
    if zone is None and site.get("longitude") is None:
        raise toml.wrong("site", "[site] needs a longitude or a zone")
    longitude, latitude = site.get("longitude"), site.get("latitude")
    return Place(
        None if longitude is None else float(longitude),
        None if latitude is None else float(latitude),
        zone,
        source=source,
    )
