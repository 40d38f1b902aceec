"""What an archive is asked: documents, headers, cubes, groups, a night. Each verb has a module of its own."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipelines.archive.handle import Handle
from pipelines.errors import UsageError
from pipelines.session import Session
from pipelines.table import Answer

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from astropy.nddata import CCDData
    from matplotlib.figure import Figure

    from arraystore import Cube
    from pipelines.calibration.select.criteria import Rules
    from pipelines.calibration.select.why import Why
    from pipelines.documents.following import Event
    from pipelines.ingest.survey import Survey
    from pipelines.pictures import Picture
    from pipelines.upkeep.status import Status


class Questions(Handle):
    """The questions; `Archive` has them all."""

    def document(self, document_id: str) -> dict[str, Any]:
        """Return one document by its name: of a file, of a master, of a calibrated frame that is kept.

        Raises
        ------
        UnknownDocument
            There is none; the message names near misses.
        """
        from catalog.shown import Shown

        return Shown(self.session.document(document_id))

    def dark_groups(self, date: str | Sequence[str] | None = None) -> Answer:
        """Darks grouped by exactly serial number and exposure time, on a night, several, or all."""
        from pipelines.calibration.groups import questions  # it brings numpy and the FITS reader

        return questions.dark_groups(self.headers, date)

    def flat_conflicts(self, date: str | Sequence[str] | None = None) -> Answer:
        """Flats of one exposure number whose cameras disagree on evening or morning."""
        from pipelines.calibration.groups import questions

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
            name = str(pixels[0] if len(pixels) == 1 else first)
        if name not in arrays:
            raise UsageError(f"no array {name!r}: {_which(found, pixels)}")
        return self.store.open(arrays[name]).previewed(_preview(self.session, found, name))

    def show(self, what: str, *, array: str | None = None, size: int | None = None, mask: bool = True) -> "Picture":
        """Return the picture of a file or a master, or the contact sheet of a night: `pipelines.pictures.show`."""
        from pipelines.pictures.show import show

        return show(self.session, what, array=array, size=size, mask=mask)

    def plot_master(self, master_id: str, *, image: str | None = None) -> "Figure":
        """Draw a master: values, noise, and the distribution of both: `pipelines.pictures.plots`."""
        from pipelines.pictures.plots import plot_master

        return plot_master(self.store, self.calibration.master(master_id), image=image)

    def plot_groups(self, kind: str, date: str | Sequence[str] | None = None) -> "Figure":
        """Draw the groups of a kind of frame, and which make no master: `pipelines.pictures.plots`."""
        from pipelines.pictures.plots import plot_groups

        return plot_groups(self.calibration.groups(kind, date))

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

    def calibrated(
        self, document_id: str, *, rules: "Rules | None" = None, cosmic_rays: bool = False
    ) -> "CCDData | list[CCDData]":
        """Return a frame calibrated by its masters: value, variance and mask; a list where it has several images."""
        return self.calibration.calibrated(document_id, rules=rules, cosmic_rays=cosmic_rays)

    def targets(self, name: str | None = None) -> Answer:
        """Hours, frames and nights per target and filter, and which masters would apply: `pipelines.nights.targets`."""
        from pipelines.nights.targets import targets

        return targets(self.session, name)

    def status(self, *, count: bool = True) -> "Status":
        """Say what the archive holds and what needs attention; without `count`, by the last count of its store."""
        from pipelines.upkeep.status import status

        return status(self.session, count=count)

    def follow(
        self, *, since: datetime | None = None, every: float = 2.0, time_limit: float | None = None
    ) -> Iterator["Event"]:
        """Yield what is ingested, made, changed and deleted, as it happens: `pipelines.documents.following`."""
        from pipelines.documents.following import follow

        return follow(self.catalog, since=since, every=every, time_limit=time_limit)

    def trash(self) -> Answer:
        """List what is in the trash: when it was deleted, by which run, and why."""
        from pipelines.documents.trash import listed

        return listed(self.catalog)

    def deleted_with(self, ids: Sequence[str]) -> list[str]:
        """What else the deletion of some documents took, and what is still in the trash of it."""
        from pipelines.documents.deletion import same_deletion

        return same_deletion(ids, catalog=self.catalog)

    def survey(
        self,
        paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        campaign: str | None = None,
        profile: str | None = None,
        progress: bool | None = None,
    ) -> "Survey":
        """What an ingest of these paths would take, file by file and folder by folder, without taking it."""
        from pipelines.ingest.survey import Selection, survey
        from pipelines.progress import bar

        selection = Selection(tuple(include), tuple(exclude))
        with bar("Look", shown=progress) as advance:
            return survey(
                self.session, listed(paths), selection=selection, campaign=campaign, profile=profile, progress=advance
            )


def _preview(session: Session, document: Mapping[str, Any], name: str) -> "Callable[[Cube], str]":
    """Return what draws an array of a document for a notebook; what it cannot draw it says."""

    def made(cube: "Cube") -> str:
        from pipelines.pictures.show import thumbnail

        return thumbnail(session, document, name)

    return made


def listed(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[str | os.PathLike[str]]:
    """Return paths as a list, also where one is given alone."""
    return [paths] if isinstance(paths, str | os.PathLike) else list(paths)


def _which(document: Mapping[str, Any], names: Sequence[str]) -> str:
    if names:
        return f"{document['_id']} has the arrays {', '.join(names)}; name one of them"
    if document["ingest"]["arrays"] == "pending":
        return f"only the headers of {document['_id']} were ingested; ingest it without headers_only"
    return f"{document['_id']} has no pixels"
