"""Named roots: documents record files relative to a root, so an archive of originals may move.

A root is a name for a folder. It is made when a folder is first ingested and kept in the catalog;
``move`` points the name at the folder's new place, and every document follows.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipelines.errors import UsageError

if TYPE_CHECKING:  # a process that reads files has no catalog, and need not wait for PyMongo
    from catalog import Collection

WHOLE = "path"
"""What a root says of the names of its documents; one of 0.2 says nothing: three components of the path."""


class Located(NamedTuple):
    """A file's place in the archive of originals.

    Attributes
    ----------
    root : str
        Name of the root.
    path : str
        Path relative to the root, with forward slashes.
    """

    root: str
    path: str


class Roots:
    """The named roots of one archive.

    Parameters
    ----------
    collection : Collection
        Documents ``{'_id': name, 'folder': absolute path}``.
    """

    def __init__(self, collection: "Collection") -> None:
        self._collection = collection

    def all(self) -> dict[str, Path]:
        """Return every root: name to folder."""
        return {doc["_id"]: Path(doc["folder"]) for doc in self._collection.find().sort("_id", 1)}

    def whole(self) -> frozenset[str]:
        """Return the roots whose documents are named by the whole path below them: those begun since 0.3."""
        return frozenset(doc["_id"] for doc in self._collection.find({"ids": WHOLE}, {"_id": 1}))

    def folder(self, name: str) -> Path:
        """Return the folder of a root.

        Raises
        ------
        UsageError
            There is no root of that name.
        """
        doc = self._collection.find_one({"_id": name})
        if doc is None:
            known = ", ".join(self.all()) or "none yet"
            raise UsageError(f"there is no root named {name!r}; the roots are: {known}")
        return Path(doc["folder"])

    def covering(self, folder: Path) -> str:
        """Return the innermost root that holds a folder; make one, named after it, if none does.

        Parameters
        ----------
        folder : Path
            An absolute folder.
        """
        from catalog import DuplicateKey

        known = self.all()
        found = innermost(known, folder)
        if found is not None:
            return found
        stem = folder.name or "root"
        for number in range(1, 10_000):
            name = stem if number == 1 else f"{stem}-{number}"
            if name in known:
                continue
            try:
                self._collection.insert_one({"_id": name, "folder": str(folder), "ids": WHOLE})
            except DuplicateKey:  # another process took the name in this moment
                if self.folder(name) != folder:
                    continue
            return name
        raise UsageError(f"no free root name for {folder}; name one with `darkroom root add NAME {folder}`")

    def add(self, name: str, folder: str | os.PathLike[str]) -> None:
        """Name a folder.

        Raises
        ------
        UsageError
            The name is taken by another folder, the folder has another name already, or it is not there.
        """
        place = _existing(folder)
        self._require_unnamed(place, name)
        taken = self.all().get(name)
        if taken is not None and taken != place:
            raise UsageError(f"root {name!r} is {taken}; if it has moved: `darkroom root move {name} {place}`")
        if taken is None:
            self._collection.insert_one({"_id": name, "folder": str(place), "ids": WHOLE})

    def move(self, name: str, folder: str | os.PathLike[str]) -> None:
        """Point a root at the new place of its folder.

        Raises
        ------
        UsageError
            There is no such root, the folder is not there, or it is another root.
        """
        self.folder(name)
        place = _existing(folder)
        self._require_unnamed(place, name)
        self._collection.update_one({"_id": name}, {"$set": {"folder": str(place)}})

    def _require_unnamed(self, place: Path, name: str) -> None:
        """Refuse a second name of a folder: its files would be other documents, and each in conflict with the first."""
        other = next((known for known, folder in self.all().items() if folder == place and known != name), None)
        if other is not None:
            raise UsageError(f"{place} is the root {other!r} already; one folder has one name")


def innermost(roots: Mapping[str, Path], path: Path) -> str | None:
    """Return the name of the deepest root that holds a path, or None."""
    holding = [(len(folder.parts), name) for name, folder in roots.items() if path.is_relative_to(folder)]
    return max(holding)[1] if holding else None


def _existing(folder: str | os.PathLike[str]) -> Path:
    place = Path(folder).expanduser().resolve()
    if not place.is_dir():
        raise UsageError(f"{place} is not a folder; a root names a folder that is there")
    return place
