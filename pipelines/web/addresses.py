"""Addresses of the views, as pages link them."""

from typing import Any
from urllib.parse import quote, urlencode

__all__ = ["address"]


def address(view: str, name: str = "", **words: Any) -> str:
    """Return the address of a view, below the address of the server.

    Examples
    --------
    >>> address("frame", "raw/2024-02-20/a b.fits", size=300)
    '/frame/raw/2024-02-20/a%20b.fits?size=300'
    >>> address("frame", "a/../b")  # a browser would resolve it
    '/frame?id=a%2F..%2Fb'
    """
    given = {key: value for key, value in words.items() if value is not None and value != ""}
    parts = name.split("/")
    if name and any(part in ("", ".", "..") for part in parts):
        given, name = {"id": name, **given}, ""
    path = f"/{view}/{quote(name, safe='/')}" if name else f"/{view}"
    return path + (f"?{urlencode(given)}" if given else "")
