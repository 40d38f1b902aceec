"""Retaking: a damaged array made again from the original file, if that is still what was ingested."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from arraystore import ArrayStore
from catalog import Catalog
from pipelines.documents.roots import Roots
from pipelines.errors import UsageError
from pipelines.fits import FitsError, open_fits
from pipelines.ingest.file import store_arrays
from pipelines.instruments import plan_arrays, profiles
from pipelines.session import Session

_DIGEST = re.compile(r"objects/[0-9a-f]{2}/([0-9a-f]{64})(?:/.*)?")


def retake(session: Session, what: str) -> bool:
    """Make an array again from the original of one of its documents.

    The original is read whole and has to have the SHA-256 it was ingested with, before the damaged
    array is taken away; and the array made of it has to verify.

    Parameters
    ----------
    what : str
        The object, or a file of it, as a finding names it.

    Returns
    -------
    bool
        Whether the array is there and sound; False if no original is left as it was. Then nothing
        has been touched.
    """
    match = _DIGEST.fullmatch(what)
    if match is None:
        return False
    digest = match[1]
    return any(
        _made_again(document, file, digest, session.store) for document, file in _originals(digest, session.catalog)
    )


def _originals(digest: str, catalog: Catalog) -> Iterator[tuple[dict[str, Any], Path]]:
    """Return the documents that refer to an array, with their files, where those are there."""
    roots = Roots(catalog.roots)
    for document in catalog.headers.find({"digests": digest, "ingest.arrays": "kept"}):
        try:
            file = roots.folder(document["root"]) / document["path"]
        except UsageError:  # nobody has said yet where that root is
            continue
        if file.is_file() and document["profile"] in profiles():
            yield document, file


def _made_again(document: Mapping[str, Any], file: Path, digest: str, store: ArrayStore) -> bool:
    refs = [ref for ref in document["arrays"].values() if ref["digest"] == digest]
    if not any(store.verify(ref, level="decode") for ref in refs):
        return bool(refs)  # repaired already, with another of its files
    try:
        with open_fits(str(file)) as original:
            if original.sha256() != document["file"]["sha256"]:
                return False
            profile = profiles()[document["profile"]]
            plans = [plan for plan in plan_arrays(profile, original.hdus) if original.hdus[plan.hdu].pixels is not None]
            store.withdraw(digest)
            with store.batch() as batch:
                store_arrays(original, plans, batch)
    except (FitsError, OSError):
        return False
    return not any(store.verify(ref, level="decode") for ref in refs)
