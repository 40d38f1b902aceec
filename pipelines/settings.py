"""Where an archive lives: from arguments, from the environment, or one default folder."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import UsageError

DEFAULT_HOME = "~/darkroom"


@dataclass(frozen=True, slots=True)
class Settings:
    """The two addresses of an archive, and the options of its catalog.

    Attributes
    ----------
    catalog : str
        URL or path of the catalog.
    store : str
        URL or path of the array store.
    options : Mapping
        Options for the catalog's client (credentials from the environment).
    home : Path
        The folder of ``darkroom.toml`` and ``profiles``.
    """

    catalog: str
    store: str
    options: Mapping[str, str]
    home: Path

    def __repr__(self) -> str:
        # The options may hold a password; a URL may too. Neither is ever printed.
        return "Settings(...)"


def resolve(
    home: str | os.PathLike[str] | None = None,
    *,
    catalog: str | None = None,
    store: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Settle the two addresses: argument first, then the environment, then the home folder.

    Parameters
    ----------
    home : path, optional
        One folder that holds both, ``catalog.db`` and ``store``. When given, it wins over the
        environment. Otherwise ``DARKROOM_HOME``, otherwise ``~/darkroom``.
    catalog, store : str, optional
        URLs that win over everything; otherwise ``CATALOG_URL`` and ``ARRAYSTORE_URL``.
    environ : Mapping, optional
        The environment to read, by default that of the process.

    Raises
    ------
    UsageError
        A password is given for no user.
    """
    env = os.environ if environ is None else environ
    folder = Path(home or env.get("DARKROOM_HOME") or DEFAULT_HOME).expanduser().absolute()
    if catalog is None and home is None:
        catalog = env.get("CATALOG_URL") or None
    if store is None and home is None:
        store = env.get("ARRAYSTORE_URL") or None
    options: dict[str, str] = {}
    if catalog is not None and catalog.startswith("mongodb"):
        pairs = {"username": env.get("CATALOG_USER"), "password": env.get("CATALOG_PASSWORD")}
        options = {key: value for key, value in pairs.items() if value}
        if options.keys() == {"password"} and "@" not in catalog:
            raise UsageError("CATALOG_PASSWORD is set and CATALOG_USER is not, and the URL names no user: name one")
    return Settings(
        catalog=catalog or str(folder / "catalog.db"),
        store=store or str(folder / "store"),
        options=options,
        home=folder,
    )
