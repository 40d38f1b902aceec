"""The archive: documents and arrays as one thing, with the verbs as methods.

This is the object a notebook holds. It is a facade: each verb lives in a module of its own.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from catalog import Catalog, Collection, connect
from pipelines import settings
from pipelines.calibration.groups import questions
from pipelines.documents.roots import Roots
from pipelines.errors import UsageError
from pipelines.session import Session
from pipelines.table import Answer

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from astropy.nddata import CCDData

    from arraystore import ArrayStore, Cube
    from pipelines.calibration.accessor import Calibration
    from pipelines.calibration.select.criteria import Rules
    from pipelines.calibration.select.why import Why
    from pipelines.documents.changes import Changed
    from pipelines.documents.deletion import Deletion
    from pipelines.ingest.again import Identified
    from pipelines.ingest.export import Certificate
    from pipelines.ingest.report import IngestReport
    from pipelines.ingest.survey import Survey
    from pipelines.jwst.calibrate import Calibrated, RunLimits
    from pipelines.nightly.nights import Wanted
    from pipelines.nightly.report import NightlyReport
    from pipelines.nightly.run import Schedule
    from pipelines.pixels.accessor import Pixels
    from pipelines.pixels.search import FlagCounts, FoundPixels
    from pipelines.pixels.selection import PixelSelection
    from pipelines.processes.limits import Bounds
    from pipelines.upkeep.accessor import Upkeep
    from pipelines.upkeep.status import Status
    from pipelines.upkeep.sweep import Swept

Instant = date | datetime | str

GUARD = (
    "it would leave no record and could not be undone. Change fields with archive.upkeep.change(ID, {FIELD: VALUE}, "
    "why=TEXT), delete with archive.delete(ID), add files with archive.ingest(PATH); "
    "open_archive(..., unguarded=True) writes all the same"
)


def open_archive(
    home: str | os.PathLike[str] | None = None,
    *,
    catalog: str | None = None,
    store: str | None = None,
    readonly: bool = False,
    unguarded: bool = False,
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
    unguarded : bool
        Let `Archive.headers` and `Archive.masters` be written past the verbs that record each change.
    **client_options
        Passed to the MongoDB client.

    Raises
    ------
    catalog.CatalogError
        The catalog cannot be reached, or is not one.
    """
    place = settings.resolve(home, catalog=catalog, store=store)
    connected = connect(place.catalog, readonly=readonly, **{**place.options, **client_options})
    return Archive(
        Session(connected, store_url=place.store, writable=not readonly, home=place.home), unguarded=unguarded
    )


class Archive:
    """Documents and arrays of one archive, with the verbs as methods; use :func:`open_archive` to get one.

    Attributes
    ----------
    session : Session
        The handle that the verbs below take: catalog, lazy store, roots, whether they may be changed.

    Examples
    --------
    >>> from pipelines import open_archive
    >>> with open_archive("/tmp/some-archive") as archive:  # doctest: +SKIP
    ...     archive.ingest("/data/2024-02-20")
    ...     archive.dark_groups(date="2024-02-20")
    """

    def __init__(self, session: Session, *, unguarded: bool = False) -> None:
        self.session = session
        self._unguarded = unguarded

    @property
    def catalog(self) -> Catalog:
        """The documents: every collection."""
        return self.session.catalog

    @property
    def store(self) -> "ArrayStore":
        """The arrays; opened when first asked for."""
        return self.session.store

    @property
    def headers(self) -> Collection:
        """One document per FITS file: a pymongo-style collection, read-only unless opened `unguarded`."""
        return self.session.headers if self._unguarded else self.session.headers.guarded(GUARD)

    @property
    def masters(self) -> Collection:
        """Master frames, read-only likewise."""
        return self.session.masters if self._unguarded else self.session.masters.guarded(GUARD)

    @property
    def runs(self) -> Collection:
        """The ledger of runs."""
        return self.session.runs

    @property
    def quarantine(self) -> Collection:
        """The files that could not be taken, and why."""
        return self.session.quarantine

    @property
    def history(self) -> Collection:
        """Documents as they were before each change."""
        return self.session.history

    @property
    def roots(self) -> Roots:
        """The named folders of original files."""
        return self.session.roots

    @cached_property
    def calibration(self) -> "Calibration":
        """Everything about darks, flats and their masters: groups, checks, certificates, recalls, trends."""
        from pipelines.calibration.accessor import Calibration

        return Calibration(self.session)

    @cached_property
    def upkeep(self) -> "Upkeep":
        """What keeps the archive whole: check, rebuild, backup, migrate, undo, quarantine."""
        from pipelines.upkeep.accessor import Upkeep

        return Upkeep(self.session)

    @cached_property
    def pixels(self) -> "Pixels":
        """Detector pixels over all exposures: searches, rate history, which calibration made what."""
        from pipelines.pixels.accessor import Pixels

        return Pixels(self.session)

    # -- questions -------------------------------------------------------------------------------

    def document(self, document_id: str) -> dict[str, Any]:
        """Return one document by its name: of a file, of a master, of a calibrated frame that is kept.

        Raises
        ------
        UnknownDocument
            There is none; the message names near misses.
        """
        return self.session.document(document_id)

    def dark_groups(self, date: str | Sequence[str] | None = None) -> Answer:
        """Darks grouped by exactly serial number and exposure time, on a night, several, or all."""
        return questions.dark_groups(self.headers, date)

    def flat_conflicts(self, date: str | Sequence[str] | None = None) -> Answer:
        """Flats of one exposure number whose cameras disagree on evening or morning."""
        return questions.flat_conflicts(self.headers, date)

    def header(self, document_id: str, hdu: int = 0) -> "Header":
        """Return a header card for card, as an astropy Header; of a master, that of its export.

        Parameters
        ----------
        hdu : int
            Which HDU of the file, from 0; of a calibrated frame which image.

        Warns
        -----
        UserWarning
            A card holds what no FITS header may, such as letters beyond ASCII: it is shown as ``?``.
            :meth:`cards` has it as it is.
        """
        from astropy.io.fits import Header

        from pipelines.fits.showing import readable

        if "root" not in (document := self.document(document_id)):  # made here, of no file
            return self.calibration.header(document, hdu)
        return Header.fromstring(readable("".join(self.cards(document_id, hdu)), document_id))

    def cards(self, document_id: str, hdu: int = 0) -> list[str]:
        """Return the 80 characters of each card of a header as they are in the file, byte for byte as Latin-1."""
        from catalog import unpack_cards

        document = self.document(document_id)
        if "root" not in document:
            return str(self.calibration.header(document, hdu).tostring(sep="\n", padding=False)).split("\n")
        blocks = unpack_cards(document["cards"])
        if not 0 <= hdu < len(blocks):
            raise UsageError(f"{document_id} has HDUs 0 to {len(blocks) - 1}, not {hdu}")
        block = blocks[hdu].decode("latin-1")
        return [block[start : start + 80] for start in range(0, len(block), 80)]

    def cube(self, document: str | Mapping[str, Any], name: str | None = None) -> "Cube":
        """Open an array of a file.

        Parameters
        ----------
        document : str or Mapping
            A document's name, or the document itself (no query is made then).
        name : str, optional
            Which array; needed where a file has several besides the residue. Of a master its value, or map, by default.

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
            first = next((key for key in ("sci", "value", "dq") if key in arrays), None)
            if len(pixels) != 1 and first is None:
                raise UsageError(_which(found, pixels))
            name = pixels[0] if len(pixels) == 1 else first
        if name not in arrays:
            raise UsageError(f"no array {name!r}: {_which(found, pixels)}")
        return self.store.open(arrays[name])

    def night(self, date: str, *, recent: int = 14) -> Answer:
        """What of a night is missing or odd, each with what to do, measured by the `recent` nights before it."""
        from pipelines.nights.completeness import night

        return night(self.session, date, recent=recent)

    def require_answer(
        self, answer: Answer, *, nights: Sequence[str] = (), kinds: Sequence[str] = (), camera: str | None = None
    ) -> None:
        """Say why an answer is empty, as far as the words of its question do: `pipelines.documents.words`.

        Raises
        ------
        UsageError
            It names a kind or a camera that does not exist; the message says which are near.
        NothingThere
            Its nights have no files, or none of that kind.
        """
        from pipelines.documents.words import nothing_found

        if not len(answer):
            nothing_found(self.headers, nights=nights, kinds=kinds, camera=camera)

    def require_fields(self, question: object, *, collection: str = "headers") -> None:
        """Refuse a question of keywords that no document has: `pipelines.documents.words`."""
        from pipelines.documents.words import require_fields

        require_fields(self.catalog[collection], question)

    def why(self, frame: str, kind: str = "dark") -> "Why":
        """Why a frame has the master it has, or none, and which calibration frames are needed."""
        return self.calibration.why(frame, kind)

    # -- detector pixels -------------------------------------------------------------------------

    def pixel(
        self,
        detector: str,
        *,
        x: int | None = None,
        y: int | None = None,
        pixel_id: int | Iterable[int] | None = None,
        pixels: Iterable[tuple[int, int]] | None = None,
        box: tuple[int, int, int, int] | None = None,
        date: str | tuple[Any, Any] | None = None,
        readpatt: str | None = None,
        subarray: str | None = None,
        version: str | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> "PixelSelection":
        """Select a detector pixel, several, or a box, in every exposure: `pipelines.pixels.selection.pixel`."""
        from pipelines.pixels.selection import pixel

        return pixel(
            self.session,
            detector,
            x=x,
            y=y,
            pixel_id=pixel_id,
            pixels=pixels,
            box=box,
            date=date,
            readpatt=readpatt,
            subarray=subarray,
            version=version,
            where=where,
        )

    def find_flag(
        self, flags: str | Sequence[str], *, where: Mapping[str, Any] | None = None, progress: bool | None = None
    ) -> "FlagCounts":
        """Count the ramps that have any of some flags, in each exposure: `pipelines.pixels.search.flags`."""
        return self.pixels.find_flag(flags, where=where, progress=progress)

    def find_above(
        self, *, sigmas: float = 5.0, where: Mapping[str, Any] | None = None, progress: bool | None = None
    ) -> "FoundPixels":
        """Find the pixels with a slope above `sigmas` sigma of their own history."""
        return self.pixels.find_above(sigmas=sigmas, where=where, progress=progress)

    def find_changed(
        self,
        before: Instant,
        after: Instant,
        *,
        sigmas: float = 5.0,
        where: Mapping[str, Any] | None = None,
        progress: bool | None = None,
    ) -> "FoundPixels":
        """Find the pixels whose level changed between two dates, by more than `sigmas` sigma."""
        return self.pixels.find_changed(before, after, sigmas=sigmas, where=where, progress=progress)

    def find_telegraph(
        self,
        *,
        separation: float = 5.0,
        switches: int = 2,
        where: Mapping[str, Any] | None = None,
        progress: bool | None = None,
    ) -> "FoundPixels":
        """Find the pixels whose slope jumps between two levels."""
        return self.pixels.find_telegraph(separation=separation, switches=switches, where=where, progress=progress)

    # -- changes ---------------------------------------------------------------------------------

    def survey(
        self,
        paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        campaign: str | None = None,
    ) -> "Survey":
        """What an ingest of these paths would take, folder by folder, without taking it."""
        from pipelines.ingest.survey import Selection, survey

        selection = Selection(tuple(include), tuple(exclude))
        return survey(self.session, _listed(paths), selection=selection, campaign=campaign)

    def ingest(
        self,
        paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        headers_only: bool = False,
        profile: str | None = None,
        campaign: str | None = None,
        jobs: int | None = None,
        reread: bool = False,
        progress: bool | None = None,
        interrupted: Callable[[], str] | None = None,
    ) -> "IngestReport":
        """Ingest FITS files and folders of them. Run again, only what changed is touched.

        Parameters
        ----------
        paths : path or sequence of paths
            Files and folders.
        include, exclude : sequence of str
            Only files that match one of `include` and none of `exclude`, as a shell matches names.
        headers_only : bool
            Make the documents now; a later run without this adds the arrays.
        profile : str, optional
            The instrument profile of all these files; by default chosen for each file.
        campaign : str, optional
            A test or campaign to record in each document.
        jobs : int, optional
            Worker processes; by default as many as the work and the processors are worth.
        reread : bool
            Read known files too, whose size and time are what they were.
        progress : bool, optional
            Show a progress bar; by default on a terminal and in Jupyter.
        interrupted : callable, optional
            Asked before each file; when it gives a reason, files being read are finished and committed.

        Returns
        -------
        IngestReport
            Also says what is in quarantine, and why.
        """
        from pipelines.ingest.run import IngestOptions, ingest
        from pipelines.ingest.survey import Selection, chosen_files
        from pipelines.progress import bar

        self.session.require_writable("ingest")
        listed = _listed(paths)
        if include or exclude:
            listed = list(chosen_files(listed, roots=self.roots, selection=Selection(tuple(include), tuple(exclude))))
        options = IngestOptions(headers_only=headers_only, profile=profile, campaign=campaign, jobs=jobs, reread=reread)
        with bar("Ingest", shown=progress) as advance:
            return ingest(self.session, listed, options=options, progress=advance, stop=interrupted)

    def identify(
        self,
        documents: str | Sequence[str] | None = None,
        *,
        night: str | None = None,
        where: Mapping[str, Any] | str | None = None,
        everything: bool = False,
        profile: str | None = None,
        dry_run: bool = False,
        progress: bool | None = None,
    ) -> "Identified":
        """Identify documents again from the headers they hold: `pipelines.ingest.again`."""
        from pipelines.ingest.again import identify_again
        from pipelines.ingest.which import which
        from pipelines.progress import bar

        if not dry_run:
            self.session.require_writable("identify")
        query = which(self.session, documents, night=night, where=where, everything=everything)
        with bar("Identify", shown=progress) as advance:
            return identify_again(self.session, query, profile=profile, dry_run=dry_run, progress=advance)

    def correct(self, document_id: str, values: str | Sequence[str], *, why: str) -> "Identified":
        """Correct values of a stored header, ``KEY=VALUE``, and identify the document by them."""
        from pipelines.ingest.correct import correct

        self.session.require_writable("correct")
        return correct(self.session, document_id, [values] if isinstance(values, str) else values, why=why)

    def nightly(
        self,
        roots: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        wanted: "Wanted | None" = None,
        since_last: bool = False,
        schedule: "Schedule | None" = None,
        headers_only: bool = False,
        profile: str | None = None,
        jobs: int | None = None,
        bounds: "Bounds | None" = None,
        progress: bool | None = None,
        interrupted: Callable[[], str] | None = None,
    ) -> "NightlyReport":
        """Ingest the files of some nights, one run at a time per night: `pipelines.nightly.run.nightly`."""
        from pipelines.ingest.run import IngestOptions
        from pipelines.nightly.run import nightly
        from pipelines.nightly.run import since_last as newer
        from pipelines.processes.limits import Bounds
        from pipelines.progress import bar

        self.session.require_writable("ingest")
        listed = _listed(roots)
        options = IngestOptions(headers_only=headers_only, profile=profile, jobs=jobs, bounds=bounds or Bounds())
        with bar("Nightly", shown=progress) as advance:
            return nightly(
                self.session,
                listed,
                wanted=newer(self.session, listed) if since_last else wanted,
                options=options,
                schedule=schedule,
                progress=advance,
                interrupted=interrupted,
            )

    def make_master_darks(self, date: str, *, progress: bool | None = None) -> Answer:
        """Make the master darks of a night, each with value, variances, count, dq and rejection power."""
        return self.calibration.make_masters(date, kinds=("dark",), progress=progress)

    def make_master_flats(self, date: str, *, progress: bool | None = None) -> Answer:
        """Make the master flats of a night: evening, morning and both together."""
        return self.calibration.make_masters(date, kinds=("flat",), progress=progress)

    def run_detector1(
        self,
        document_id: str,
        *,
        out: str | os.PathLike[str] | None = None,
        references: str | os.PathLike[str] | None = None,
        overrides: Mapping[str, str | os.PathLike[str]] | None = None,
        skip: Sequence[str] = (),
        limits: "RunLimits | None" = None,
        progress: bool | None = None,
    ) -> "Calibrated":
        """Run JWST's Detector1 on an exposure and ingest what it makes: `pipelines.jwst.calibrate`."""
        from pipelines.jwst.calibrate import calibrate
        from pipelines.progress import bar

        self.session.require_writable("run detector1")
        with bar("Detector1", shown=progress) as advance:
            return calibrate(
                self.session,
                document_id,
                out=out,
                references=references,
                overrides=overrides,
                skip=skip,
                limits=limits,
                progress=advance,
            )

    def detector1_log(self, document_id: str) -> str:
        """Return what the pipeline said when it made a product."""
        from pipelines.jwst.log import log_of

        return log_of(self.document(document_id))

    def calibrate(self, document_id: str, **how: Any) -> "Calibrated":
        """Run Detector1; the name of 0.2 for :meth:`run_detector1`."""
        warnings.warn("archive.calibrate is now archive.run_detector1", DeprecationWarning, stacklevel=2)
        return self.run_detector1(document_id, **how)

    def plan_deletion(self, ids: str | Sequence[str], *, cascade: bool = True) -> "Deletion":
        """What :meth:`delete` of these documents would take with it, and how much that is."""
        from pipelines.documents.deletion import plan_deletion

        return plan_deletion([ids] if isinstance(ids, str) else ids, catalog=self.catalog, cascade=cascade)

    def delete(
        self,
        ids: "str | Sequence[str] | Deletion",
        *,
        why: str = "",
        cascade: bool = True,
        force: bool = False,
    ) -> "Changed":
        """Move documents into the trash; :meth:`restore` brings them back, :meth:`sweep` empties it.

        What is returned has the deletion's run as its ``run``.

        Parameters
        ----------
        ids : str, sequence of str or Deletion
            Documents, or a plan that was looked at: if anything changed since, nothing is deleted.
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
        from pipelines.documents.deletion import Deletion, delete_planned

        self.session.require_writable("delete")
        plan = ids if isinstance(ids, Deletion) else self.plan_deletion(ids, cascade=cascade)
        return delete_planned(plan, catalog=self.catalog, store=self.store, why=why, force=force)

    def restore(self, ids: str | Sequence[str] = (), *, run: str = "", only: bool = False) -> list[str]:
        """Bring documents back from the trash, with everything else their deletion took, unless `only` these.

        With `run`, everything that one deletion took.
        """
        from pipelines.documents.deletion import restore_run, same_deletion
        from pipelines.documents.trash import restore

        self.session.require_writable("restore")
        if ids and run:
            raise UsageError("name documents to restore, or one run of a deletion, not both")
        if run:
            return restore_run(run, catalog=self.catalog, store=self.store)
        named = [ids] if isinstance(ids, str) else list(ids)
        if not only:
            named += same_deletion(named, catalog=self.catalog)
        return restore(named, catalog=self.catalog, store=self.store)

    def deleted_with(self, ids: Sequence[str]) -> list[str]:
        """What else the deletion of some documents took, and what is still in the trash of it."""
        from pipelines.documents.deletion import same_deletion

        return same_deletion(ids, catalog=self.catalog)

    def trash(self) -> Answer:
        """List what is in the trash: when it was deleted, by which run, and why."""
        from pipelines.documents.trash import listed

        return listed(self.catalog)

    def sweep(
        self, *, grace: timedelta = timedelta(days=14), dry_run: bool = True, forget: Sequence[str] = ()
    ) -> "Swept":
        """Empty the old trash and remove arrays nothing refers to; a dry run unless told otherwise."""
        from pipelines.upkeep.sweep import sweep

        self.session.require_writable("sweep")
        return sweep(self.session, grace=grace, dry_run=dry_run, forget=forget)

    def export(self, document_id: str, out: str | os.PathLike[str], *, overwrite: bool = False) -> "Certificate":
        """Write the original file of a document, byte for byte; proved by its digest. A folder takes its name.

        A master, or a calibrated frame, has no original file: ``archive.calibration.export`` writes it as FITS.
        """
        from pipelines.ingest.export import export

        return export(self.session, self.session.frame(document_id), out, overwrite=overwrite)

    def calibrated(
        self, document_id: str, *, rules: "Rules | None" = None, cosmic_rays: bool = False
    ) -> "CCDData | list[CCDData]":
        """Return a frame calibrated by its masters: value, variance and mask; a list where it has several images."""
        return self.calibration.calibrated(document_id, rules=rules, cosmic_rays=cosmic_rays)

    # -- the archive itself ----------------------------------------------------------------------

    def status(self) -> "Status":
        """Count what the archive holds."""
        from pipelines.upkeep.status import status

        return status(self.session)

    def require_current(self) -> None:
        """Refuse documents of another release: they have to be migrated first."""
        from pipelines.documents.migrate import require_current

        require_current(self.catalog)

    def close(self) -> None:
        """Close the catalog's connection."""
        self.session.close()

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self.session).replace("<Session", "<Archive", 1)


def _listed(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[str | os.PathLike[str]]:
    return [paths] if isinstance(paths, str | os.PathLike) else list(paths)


def _which(document: Mapping[str, Any], names: Sequence[str]) -> str:
    if names:
        return f"{document['_id']} has the arrays {', '.join(names)}; name one of them"
    if document["ingest"]["arrays"] == "pending":
        return f"only the headers of {document['_id']} were ingested; ingest it without headers_only"
    return f"{document['_id']} has no pixels"
