"""The archive: documents and arrays as one thing, with the verbs as methods.

This is the object a notebook holds. It is a facade: each verb lives in a module of its own.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any

from catalog import Catalog, Collection, connect
from pipelines import settings
from pipelines.calibration.groups import questions
from pipelines.documents.roots import Roots
from pipelines.errors import UnknownDocument, UsageError
from pipelines.table import Answer

if TYPE_CHECKING:
    from astropy.io.fits import Header

    from arraystore import ArrayStore, Cube
    from pipelines.calibration.accessor import CalibrationDesk
    from pipelines.calibration.select.why import Why
    from pipelines.ingest.export import Certificate
    from pipelines.ingest.report import IngestReport
    from pipelines.jwst.calibrate import Calibrated
    from pipelines.pixels.selection import PixelSelection
    from pipelines.upkeep.accessor import Upkeep
    from pipelines.upkeep.status import Status
    from pipelines.upkeep.sweep import Swept


def open_archive(
    home: str | os.PathLike[str] | None = None,
    *,
    catalog: str | None = None,
    store: str | None = None,
    readonly: bool = False,
    **client_options: Any,
) -> "Archive":
    """Open an archive; an embedded one is made if it is not there.

    Parameters
    ----------
    home : path, optional
        One folder that holds both catalog and arrays. Without it ``CATALOG_URL`` and
        ``ARRAYSTORE_URL`` say where they are, or ``DARKROOM_HOME``, or ``~/darkroom``.
    catalog, store : str, optional
        URLs: ``mongodb://…``, ``mongodb+srv://…`` or a path for the catalog; ``file://…``,
        ``memory://…`` or a path for the arrays.
    readonly : bool
        Refuse every change.
    **client_options
        Passed to the MongoDB client.

    Raises
    ------
    catalog.CatalogError
        The catalog cannot be reached, or is not one.
    """
    place = settings.resolve(home, catalog=catalog, store=store)
    connected = connect(place.catalog, readonly=readonly, **{**place.options, **client_options})
    return Archive(connected, store_url=place.store, readonly=readonly)


class Archive:
    """Documents and arrays of one archive; use :func:`open_archive` to get one.

    Parameters
    ----------
    catalog : Catalog
        The documents.
    store_url : str
        Where the arrays are; opened when first needed.
    readonly : bool
        Refuse every change.
    """

    def __init__(self, catalog: Catalog, *, store_url: str, readonly: bool = False) -> None:
        self.catalog = catalog
        self._store_url = store_url
        self._readonly = readonly

    @cached_property
    def store(self) -> "ArrayStore":
        """The arrays."""
        from arraystore import open_store
        from pipelines.documents.pairing import is_paired, require_store

        create = not self._readonly and not is_paired(self.catalog)
        store = open_store(self._store_url, readonly=self._readonly, create=create)
        require_store(self.catalog, store)
        return store

    @property
    def headers(self) -> Collection:
        """One document a FITS file: a pymongo-style collection."""
        return self.catalog.headers

    @property
    def masters(self) -> Collection:
        """Master frames."""
        return self.catalog.masters

    @property
    def runs(self) -> Collection:
        """The ledger of runs."""
        return self.catalog.runs

    @property
    def quarantine(self) -> Collection:
        """The files that could not be taken, and why."""
        return self.catalog.quarantine

    @property
    def history(self) -> Collection:
        """Documents as they were before each change."""
        return self.catalog.history

    @property
    def roots(self) -> Roots:
        """The named folders of original files."""
        return Roots(self.catalog.roots)

    @cached_property
    def calibration(self) -> "CalibrationDesk":
        """Everything about darks, flats and their masters: groups, checks, certificates, recalls, trends."""
        from pipelines.calibration.accessor import CalibrationDesk

        return CalibrationDesk(self)

    @cached_property
    def upkeep(self) -> "Upkeep":
        """What keeps the archive whole: check, rebuild, backup, migrate, undo."""
        from pipelines.upkeep.accessor import Upkeep

        return Upkeep(self)

    # -- questions -------------------------------------------------------------------------------

    def document(self, document_id: str) -> dict[str, Any]:
        """Give one document by its name.

        Raises
        ------
        UnknownDocument
            There is none; the message names near misses.
        """
        if not isinstance(document_id, str):
            raise UnknownDocument(f"a document's name is text, not {document_id!r:.100}")
        document = self.headers.find_one({"_id": document_id})
        if document is not None:
            return document
        import re

        tail = re.escape(document_id.rpartition("/")[2])
        near = [d["_id"] for d in self.headers.find({"_id": {"$regex": tail}}, {"_id": 1}).limit(3)]
        hint = f"; is it one of {', '.join(near)}?" if near else "; `darkroom query` lists names"
        raise UnknownDocument(f"no document named {document_id!r}{hint}")

    def dark_groups(self, date: str | Sequence[str] | None = None) -> Answer:
        """Darks grouped by exactly serial number and exposure time, on a night, several, or all."""
        return questions.dark_groups(self.headers, date)

    def flat_conflicts(self, date: str | Sequence[str] | None = None) -> Answer:
        """Flats of one exposure number whose cameras disagree on evening or morning."""
        return questions.flat_conflicts(self.headers, date)

    def header(self, document_id: str, hdu: int = 0) -> "Header":
        """Give a header card for card, as an astropy Header.

        Parameters
        ----------
        hdu : int
            Which HDU of the file, from 0.
        """
        from astropy.io.fits import Header

        from catalog import unpack_cards

        blocks = unpack_cards(self.document(document_id)["cards"])
        if not 0 <= hdu < len(blocks):
            raise UsageError(f"{document_id} has HDUs 0 to {len(blocks) - 1}, not {hdu}")
        return Header.fromstring(blocks[hdu])

    def cube(self, document: str | Mapping[str, Any], name: str | None = None) -> "Cube":
        """Open an array of a file.

        Parameters
        ----------
        document : str or Mapping
            A document's name, or the document itself (no query is made then).
        name : str, optional
            Which array; needed where a file has several besides the residue.

        Raises
        ------
        UnknownDocument
            There is no such document.
        UsageError
            It has no such array, or several to choose from.
        """
        found = self.document(document) if isinstance(document, str) else document
        arrays = found["arrays"]
        pixels = [key for key in arrays if key != "residue"]
        if name is None:
            if len(pixels) != 1 and "sci" not in arrays:
                raise UsageError(_which(found, pixels))
            name = pixels[0] if len(pixels) == 1 else "sci"
        if name not in arrays:
            raise UsageError(f"no array {name!r}: {_which(found, pixels)}")
        return self.store.open(arrays[name])

    def night(self, date: str) -> Answer:
        """What of a night is missing or odd, each with what to do; no rows: nothing is."""
        from pipelines.nights.completeness import night

        return night(self.catalog, date)

    def pixel(self, detector: str, **which: Any) -> "PixelSelection":
        """Ask for a detector pixel, several, or a box, in every exposure: ``.ramps()``, ``.history()``, ``.plot()``.

        Parameters
        ----------
        detector : str
            ``MIRIMAGE``, ``MIRIFULONG`` or ``MIRIFUSHORT``.
        **which
            The pixel as ``x=, y=`` (from 1, of the full frame), ``pixel_id=``, ``pixels=`` or ``box=``;
            the exposures by ``date=``, ``readpatt=``, ``subarray=``, ``version=``, ``where=``; see
            `pipelines.pixels.pixel`.
        """
        from pipelines.pixels import pixel

        return pixel(self, detector, **which)

    def why(self, frame: str, kind: str = "dark") -> "Why":
        """Why a frame has the master it has, or none, and what to take tonight."""
        return self.calibration.why(frame, kind)

    # -- changes ---------------------------------------------------------------------------------

    def ingest(
        self,
        paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        headers_only: bool = False,
        profile: str | None = None,
        campaign: str | None = None,
        jobs: int | None = None,
        progress: bool | None = None,
    ) -> "IngestReport":
        """Take FITS files and folders of them. Run again, only what changed is touched.

        Parameters
        ----------
        paths : path or sequence of paths
            Files and folders.
        headers_only : bool
            Make the documents now; a later run without this adds the arrays.
        profile : str, optional
            The instrument profile of all these files; by default chosen for each file.
        campaign : str, optional
            A test or campaign to record in each document.
        jobs : int, optional
            Worker processes; by default as many as the work and the processors are worth.
        progress : bool, optional
            Show a progress bar; by default on a terminal and in Jupyter.

        Returns
        -------
        IngestReport
            Also says what is in quarantine, and why.
        """
        from pipelines.ingest.run import Options, ingest
        from pipelines.progress import bar

        self.require_writable("ingest")
        listed = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
        with bar("Ingest", shown=progress) as advance:
            return ingest(
                listed,
                catalog=self.catalog,
                store=self.store,
                store_url=self._store_url,
                options=Options(headers_only=headers_only, profile=profile, campaign=campaign, jobs=jobs),
                progress=advance,
            )

    def make_master_darks(self, date: str, *, progress: bool | None = None) -> Answer:
        """Make the master darks of a night, each with value, variances, count, dq and rejection power."""
        return self.calibration.make_masters(date, kinds=("dark",), progress=progress)

    def make_master_flats(self, date: str, *, progress: bool | None = None) -> Answer:
        """Make the master flats of a night: evening, morning and both together."""
        return self.calibration.make_masters(date, kinds=("flat",), progress=progress)

    def calibrate(self, document_id: str, **how: Any) -> "Calibrated":
        """Run JWST's Detector1 on an exposure and ingest what it makes; see `pipelines.jwst.calibrate`."""
        from pipelines.jwst.calibrate import calibrate

        self.require_writable("calibrate")
        return calibrate(self, document_id, **how)

    def delete(
        self, ids: str | Sequence[str], *, why: str = "", cascade: bool = True, force: bool = False
    ) -> list[str]:
        """Move documents into the trash; :meth:`restore` brings them back, :meth:`sweep` empties it.

        Parameters
        ----------
        why : str
            Kept with them.
        cascade : bool
            Also the products that were made of them.
        force : bool
            Also if masters were made of them.

        Raises
        ------
        UnknownDocument
            One of them is not in the archive; nothing is deleted.
        Refused
            A master was made of one of them; nothing is deleted.
        """
        from pipelines.documents.deletion import delete_planned, plan_deletion

        self.require_writable("delete")
        plan = plan_deletion([ids] if isinstance(ids, str) else ids, catalog=self.catalog, cascade=cascade)
        return delete_planned(plan, catalog=self.catalog, store=self.store, why=why, force=force)

    def restore(self, ids: str | Sequence[str]) -> list[str]:
        """Bring documents back from the trash."""
        from pipelines.documents.trash import restore

        self.require_writable("restore")
        return restore([ids] if isinstance(ids, str) else ids, catalog=self.catalog, store=self.store)

    def sweep(self, *, grace: timedelta = timedelta(days=14), dry_run: bool = True) -> "Swept":
        """Empty the old trash and remove arrays nothing refers to; a dry run unless told otherwise."""
        from pipelines.upkeep.sweep import sweep

        self.require_writable("sweep")
        return sweep(catalog=self.catalog, store=self.store, grace=grace, dry_run=dry_run)

    def export(self, document_id: str, out: str | os.PathLike[str]) -> "Certificate":
        """Write the original file of a document, byte for byte; proved by its digest."""
        from pipelines.ingest.export import export

        return export(self.document(document_id), out, store=self.store)

    # -- the archive itself ----------------------------------------------------------------------

    def status(self) -> "Status":
        """Count what the archive holds."""
        from pipelines.upkeep.status import status

        return status(self.catalog, self.store)

    def close(self) -> None:
        """Close the catalog's connection."""
        self.catalog.close()

    def __enter__(self) -> "Archive":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        place = self._store_url.partition("?")[0]  # what follows may be credentials
        return f"<Archive {self.catalog!r} {place}>"

    def require_writable(self, verb: str) -> None:
        """Refuse a change of an archive that is open for reading, or whose documents are of another release.

        Raises
        ------
        UsageError
            It is open for reading, or has to be migrated first.
        SchemaTooNew
            A later release has written to it.
        """
        from pipelines.documents.migrate import require_current

        if self._readonly:
            raise UsageError(f"this archive is open read-only and cannot {verb}; open it without readonly=True")
        require_current(self.catalog)


def _which(document: Mapping[str, Any], names: Sequence[str]) -> str:
    if names:
        return f"{document['_id']} has the arrays {', '.join(names)}; name one of them"
    if document["ingest"]["arrays"] == "pending":
        return f"only the headers of {document['_id']} were ingested; ingest it without headers_only"
    return f"{document['_id']} has no pixels"
