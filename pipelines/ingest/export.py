"""Export: the original FITS file again, byte for byte, from its document and its arrays."""

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy.typing as npt

from arraystore import ArrayStore, Cube
from catalog import decode_keyword, unpack_cards
from pipelines.documents.schema import RESIDUE
from pipelines.errors import IntegrityError, UsageError
from pipelines.fits.rebuild import write_file
from pipelines.instruments import SPLITS
from pipelines.processes.partial import partial_name
from pipelines.session import Session


@dataclass(frozen=True, slots=True)
class Certificate:
    """Proof that an export is the file that was ingested.

    Attributes
    ----------
    file : Path
        The file written.
    nbytes : int
        Its size.
    ingested, exported : str
        SHA-256 of the file that was ingested and of the file written; equal.
    """

    file: Path
    nbytes: int
    ingested: str
    exported: str


def export(
    session: Session, document: Mapping[str, Any], out: str | os.PathLike[str], *, overwrite: bool = False
) -> Certificate:
    """Write the original file of a document.

    The file appears under its name only when it is whole and its digest is that of the original.

    Parameters
    ----------
    out : path
        The file to write; in a folder that is there, the file has the name it was ingested with.
    overwrite : bool
        Replace a file of that name.

    Raises
    ------
    UsageError
        Only the headers were ingested, the file is there already, or it cannot be written there.
    IntegrityError
        The bytes differ from those ingested. Nothing is written.
    arraystore.StoreError
        An array is lost or damaged.
    """
    target = Path(out)
    if target.is_dir():
        target /= document["path"].rpartition("/")[2]
    require_free(target, overwrite=overwrite)
    if not target.parent.is_dir():
        raise UsageError(f"the folder {target.parent} is not there; make it, or write elsewhere")
    expected = document["file"]["sha256"]
    if expected is None:
        raise UsageError(f"only the headers of {document['_id']} were ingested; ingest it without --headers-only first")
    partial = partial_name(target)
    try:
        with open(partial, "x+b") as file:
            nbytes = _write(file, document, session.store)
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            exported = hashlib.file_digest(file, "sha256").hexdigest()  # of what the file holds, not of what was meant
        if exported != expected:
            raise IntegrityError(
                f"the export of {document['_id']} has SHA-256 {exported}, the ingested file had "
                f"{expected}; nothing was written. Verify its arrays, and restore the store from a copy"
            )
        _place(partial, target, overwrite=overwrite)
    except OSError as error:  # what goes wrong in the store is a StoreError
        raise UsageError(f"cannot write {target}: {error.strerror or error}; make room, or write elsewhere") from error
    finally:
        with suppress(OSError):
            partial.unlink()
    return Certificate(target, nbytes, expected, exported)


def require_free(target: Path, *, overwrite: bool) -> None:
    """Refuse to write over a file unless that was asked for.

    Raises
    ------
    UsageError
        The file is there.
    """
    if not overwrite and os.path.lexists(target):
        raise UsageError(f"{target} is there already; write elsewhere, or add --overwrite. Nothing was written")


def _place(partial: Path, target: Path, *, overwrite: bool) -> None:
    """Move a complete file to its name, and force that to disk."""
    if overwrite:
        os.replace(partial, target)
    else:
        try:
            os.link(partial, target)  # fails where the name was taken meanwhile
        except FileExistsError:
            require_free(target, overwrite=False)
        except OSError:  # a file system without links
            require_free(target, overwrite=False)
            os.replace(partial, target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(file: BinaryIO, document: Mapping[str, Any], store: ArrayStore) -> int:
    """Write the parts of the original; return its bytes."""
    arrays = document["arrays"]

    def pixels(hdu: int) -> npt.NDArray[Any] | Cube:
        entry = document["hdus"][hdu]
        if "split" in entry:
            parts = {name: store.open(arrays[name]).stored[...] for name in entry["arrays"]}
            header = document["header"] if hdu == 0 else entry["header"]
            return SPLITS[entry["split"]].join(parts, {decode_keyword(key): value for key, value in header.items()})
        return store.open(arrays[entry["arrays"][0]]).stored

    residue = _Bands(store.open(arrays[RESIDUE])) if RESIDUE in arrays else b""
    return write_file(file, document["file"]["parts"], unpack_cards(document["cards"]), pixels, residue)


class _Bands:
    """A stored residue, read a piece at a time: of a compressed file it is the whole original."""

    def __init__(self, cube: Cube) -> None:
        self._cube = cube
        self.shape = cube.shape
        self.dtype = cube.dtype

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Return the bytes from start to stop."""
        piece: npt.NDArray[Any] = self._cube[start:stop]
        return piece
