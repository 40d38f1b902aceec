"""The archive: documents and arrays as one thing, with the verbs as methods.

This is the object a notebook holds. It is a facade: each verb lives in a module of its own.
"""

import os
from typing import Any

from catalog import connect
from pipelines import settings
from pipelines.archive.changes import Changes
from pipelines.archive.pixels import DetectorPixels
from pipelines.documents.copies import require_whole
from pipelines.session import Session

__all__ = ["Archive", "open_archive"]


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
    Refused
        Another catalog is still being copied there.
    """
    place = settings.resolve(home, catalog=catalog, store=store)
    connected = connect(place.catalog, readonly=readonly, **{**place.options, **client_options})
    try:
        require_whole(connected)
    except BaseException:
        connected.close()
        raise
    return Archive(
        Session(connected, store_url=place.store, writable=not readonly, home=place.home), unguarded=unguarded
    )


class Archive(Changes, DetectorPixels):
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
