"""What changes an archive, and what leaves it: ingest, masters, deletion, export. Each verb has a module of its own."""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.archive.questions import Questions, listed
from pipelines.errors import UsageError
from pipelines.table import Answer

if TYPE_CHECKING:
    from pipelines.calibration.select.criteria import Rules
    from pipelines.documents.changes import Changed
    from pipelines.documents.deletion import Deletion
    from pipelines.ingest.again import Identified
    from pipelines.ingest.export import Certificate
    from pipelines.ingest.report import IngestReport
    from pipelines.nightly.nights import Wanted
    from pipelines.nightly.report import NightlyReport
    from pipelines.nightly.run import Schedule
    from pipelines.processes.limits import Bounds
    from pipelines.upkeep.copying import CopyReport
    from pipelines.upkeep.sweep import Swept


class Changes(Questions):
    """The verbs that change or write; `Archive` has them all."""

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
        patience: float = 60.0,
        scheduler: Any = None,
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
        patience : float
            Seconds to wait for a server that holds the catalog and does not answer.
        scheduler : str or distributed.Client, optional
            Who reads the files: None for this machine; ``'tcp://host:8786'`` or a Dask client for its workers, which
            have to see them under the same paths; ``'processes'`` for processes of Dask here. See
            `pipelines.schedulers`.
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
        wanted = listed(paths)
        if include or exclude:
            wanted = list(chosen_files(wanted, roots=self.roots, selection=Selection(tuple(include), tuple(exclude))))
        options = IngestOptions(
            headers_only=headers_only,
            profile=profile,
            campaign=campaign,
            jobs=jobs,
            reread=reread,
            patience=patience,
        )
        with self.session.spread(scheduler) as session, bar("Ingest", shown=progress) as advance:
            return ingest(session, wanted, options=options, progress=advance, stop=interrupted)

    def identify(
        self,
        documents: str | Sequence[str] | None = None,
        *,
        night: str | None = None,
        where: Mapping[str, Any] | str | None = None,
        everything: bool = False,
        profile: str | None = None,
        dry_run: bool = False,
        scheduler: Any = None,
        progress: bool | None = None,
    ) -> "Identified":
        """Identify documents again from the headers they hold: `pipelines.ingest.again`; `scheduler` as of ingest."""
        from pipelines.ingest.again import identify_again
        from pipelines.ingest.which import which
        from pipelines.progress import bar

        if not dry_run:
            self.session.require_writable("identify")
        query = which(self.session, documents, night=night, where=where, everything=everything)
        with self.session.spread(scheduler) as session, bar("Identify", shown=progress) as advance:
            return identify_again(session, query, profile=profile, dry_run=dry_run, progress=advance)

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
        patience: float = 60.0,
        scheduler: Any = None,
        progress: bool | None = None,
        interrupted: Callable[[], str] | None = None,
    ) -> "NightlyReport":
        """Ingest the files of some nights, one run at a time per night: `pipelines.nightly.run.nightly`.

        `scheduler` is that of :meth:`ingest`.
        """
        from pipelines.ingest.run import IngestOptions
        from pipelines.nightly.run import nightly
        from pipelines.nightly.run import since_last as newer
        from pipelines.processes.limits import Bounds
        from pipelines.progress import bar

        self.session.require_writable("ingest")
        folders = listed(roots)
        options = IngestOptions(
            headers_only=headers_only, profile=profile, jobs=jobs, bounds=bounds or Bounds(), patience=patience
        )
        with self.session.spread(scheduler) as session, bar("Nightly", shown=progress) as advance:
            return nightly(
                session,
                folders,
                wanted=newer(self.session, folders) if since_last else wanted,
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

    def sweep(
        self, *, grace: timedelta = timedelta(days=14), dry_run: bool = True, forget: Sequence[str] = ()
    ) -> "Swept":
        """Empty the old trash and remove arrays nothing refers to; a dry run unless told otherwise."""
        from pipelines.upkeep.sweep import sweep

        self.session.require_writable("sweep")
        return sweep(self.session, grace=grace, dry_run=dry_run, forget=forget)

    def copy_to(
        self,
        catalog: str | os.PathLike[str] | None = None,
        *,
        store: str | os.PathLike[str] | None = None,
        dry_run: bool = False,
        progress: bool | None = None,
    ) -> "CopyReport":
        """Copy the archive to another catalog and another store, and prove both: `pipelines.upkeep.copying`.

        Examples
        --------
        >>> archive.copy_to("mongodb://localhost/darkroom", store="s3://bucket/darkroom")  # doctest: +SKIP
        """
        return self.upkeep.copy(catalog, store_to=store, dry_run=dry_run, progress=progress)

    def export(self, document_id: str, out: str | os.PathLike[str], *, overwrite: bool = False) -> "Certificate":
        """Write the original file of a document, byte for byte; proved by its digest. A folder takes its name.

        A master, or a calibrated frame, has no original file: ``archive.calibration.export`` writes it as FITS.
        """
        from pipelines.ingest.export import export

        return export(self.session, self.session.frame(document_id), out, overwrite=overwrite)

    def export_with_calibration(
        self,
        what: str | Sequence[str] | Mapping[str, Any],
        folder: str | os.PathLike[str],
        *,
        rules: "Rules | None" = None,
        overwrite: bool = False,
        progress: bool | None = None,
    ) -> Answer:
        """Write lights and the raw frames of their masters, in folders that Siril and WBPP take.

        Parameters
        ----------
        what : str, sequence of str or Mapping
            A night (its lights), a frame, several, or a filter of frames.
        folder : path
            Below it a folder for each setup, with ``lights``, ``darks``, ``flats``, ``biases``, ``darkflats``.
        rules : Rules, optional
            What is asked of the masters.
        overwrite : bool
            Replace files that are there.

        Raises
        ------
        UsageError
            There is no such light, or a file is there already.
        """
        from pipelines.calibration.apply.belongings import export_belongings
        from pipelines.calibration.apply.run import lights_of
        from pipelines.ingest.export import export
        from pipelines.progress import bar

        names = lights_of(self.session, what)
        with bar("Export", shown=progress) as advance:
            return export_belongings(
                self.session,
                names,
                Path(folder),
                write=lambda document, path: export(self.session, document, path, overwrite=overwrite),
                rules=rules,
                overwrite=overwrite,
                progress=advance,
            )
