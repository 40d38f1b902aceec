"""Showing a header as astropy can hold it: what FITS forbids in a card is replaced, and that is said."""

import re
import warnings

_FORBIDDEN = re.compile(r"[^\x20-\x7e]")


def readable(block: str, name: str) -> str:
    """Return the cards of a header with ``?`` for every character that FITS forbids.

    Parameters
    ----------
    block : str
        Cards of 80 characters each.
    name : str
        Whose header it is, for the warning.

    Warns
    -----
    UserWarning
        Which cards are not shown as they are.
    """
    odd = [block[n : n + 8].strip() for n in range(0, len(block), 80) if _FORBIDDEN.search(block[n : n + 80])]
    if not odd:
        return block
    shown = ", ".join(_FORBIDDEN.sub("?", keyword) for keyword in odd[:5])
    warnings.warn(
        f"{len(odd)} cards of {_FORBIDDEN.sub('?', name)} hold characters that FITS forbids, shown as ? ({shown}); "
        "archive.cards(ID) returns them as they are",
        stacklevel=3,
    )
    return _FORBIDDEN.sub("?", block)
