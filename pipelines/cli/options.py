"""Options that several commands share, and the archive they open."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines import Archive


@dataclass(frozen=True, slots=True)
class ArchiveAddress:
    """Where the archive is, as far as the command line says."""

    home: str | None
    catalog: str | None
    store: str | None

    def open(self, *, readonly: bool = False, any_schema: bool = False, new: bool = False) -> "Archive":
        """Open the archive; to be changed, its documents must be of this release unless `any_schema`.

        Only with `new` may it be one that is not there yet: a wrong path, or a disk that is not mounted,
        must not look like an archive in which nothing is wrong.
        """
        from catalog import Unreachable
        from pipelines import open_archive

        if not (new or self.exists()):
            raise Unreachable(
                f"there is no catalog at {self._catalog()}; check --home, DARKROOM_HOME, and that its disk is mounted. "
                "`darkroom ingest` begins an archive, `darkroom rebuild` brings a lost catalog back"
            )
        if new:  # before an archive is begun: what is wrong with profiles or the site changes nothing
            from pipelines.instruments import home, profiles

            profiles()
            home.read_site(self.folder())
            if not (self.exists() or self._named()):
                place = f"{self.folder()}; DARKROOM_HOME or --home names another place"
                typer.echo(f"no archive was named: a new one begins in {place}", err=True)
        archive = open_archive(self.home, catalog=self.catalog, store=self.store, readonly=readonly)
        if not (readonly or any_schema):
            archive.require_current()
        return archive

    @contextmanager
    def open_if_there(self) -> "Iterator[Archive]":
        """Open the archive for reading; one that is not there yet is an empty one, made nowhere that lasts."""
        if self.exists():
            with self.open(readonly=True) as archive:
                yield archive
            return
        from tempfile import TemporaryDirectory

        from pipelines import open_archive

        # Its home is the one meant: that may name a site already.
        with (
            TemporaryDirectory(prefix="darkroom-") as folder,
            open_archive(self.home, catalog=f"{folder}/catalog.db", store=f"{folder}/store") as archive,
        ):
            yield archive

    def exists(self) -> bool:
        """Tell whether there is a catalog; of a server, only connecting would tell, and it is taken to be there."""
        from pathlib import Path

        catalog = self._catalog()
        return "://" in catalog or Path(catalog).exists()

    def _named(self) -> bool:
        """Tell whether somebody said where the archive is."""
        return bool(self.home or self.catalog or os.environ.get("DARKROOM_HOME") or os.environ.get("CATALOG_URL"))

    def require_store(self) -> None:
        """Refuse a store that is not there, before anything is made beside it.

        Raises
        ------
        arraystore.StoreError
            There is none, or it cannot be reached.
        """
        from arraystore import open_store
        from pipelines import resolve

        place = resolve(self.home, catalog=self.catalog, store=self.store)
        open_store(place.store, readonly=True, create=False)

    def folder(self) -> "Path":
        """Return the folder of ``darkroom.toml`` and of the profiles."""
        from pipelines import resolve

        return resolve(self.home, catalog=self.catalog, store=self.store).home

    def _catalog(self) -> str:
        from pipelines import resolve

        return resolve(self.home, catalog=self.catalog, store=self.store).catalog


def _show_version(wanted: bool) -> None:
    if wanted:
        from pipelines import __version__

        typer.echo(f"darkroom {__version__}")
        raise typer.Exit


version_option = typer.Option(False, "--version", help="Print the version.", callback=_show_version, is_eager=True)
json_option = typer.Option(False, "--json", help="Print JSON for machines.")
table_option = typer.Option(False, "--json", help="Print JSON for machines.")
"""``--json`` of a command that answers with a table: it then has ``--csv`` and ``--wide`` too."""
ADDRESS = {
    name: typer.Option(None, f"--{name}", hidden=True, help="As before the command.")
    for name in ("home", "catalog", "store")
}
"""Where the archive is, said after a command; every command has these."""
scheduler_option = typer.Option(
    None,
    "--scheduler",
    metavar="WHO",
    help="Who does the work: processes, or tcp://HOST:8786 of a Dask scheduler [this command].",
)
yes_option = typer.Option(False, "--yes", "-y", help="Do not ask.")
elsewhere_option = typer.Option(
    False, "--masters-from-elsewhere", help="Use stacks that other programs made where there is no master of ours."
)


def duration(text: str) -> timedelta:
    """Read a duration such as ``0``, ``90m``, ``12h``, ``14d`` or ``4w``.

    Raises
    ------
    typer.BadParameter
        It is not one.
    """
    match = re.fullmatch(r"(\d+)\s*([smhdw]?)", text.strip())
    if match is None or (match[1] != "0" and not match[2]):
        raise typer.BadParameter(f"{text!r} is not a duration; write 0, 90m, 12h, 14d or 4w")
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "": 0}[match[2]]
    return timedelta(seconds=int(match[1]) * seconds)


def size(text: str) -> int:
    """Read a number of bytes such as ``500M``, ``1G`` or ``1.5GiB``; units are of 1024.

    Raises
    ------
    typer.BadParameter
        It is not one.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", text.strip().lower())
    if match is None or float(match[1]) == 0:
        raise typer.BadParameter(f"{text!r} is not a size; write 500M, 1G or 1.5G")
    return int(float(match[1]) * 1024 ** "_kmgt".index(match[2] or "_"))
