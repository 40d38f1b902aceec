"""A notice about a night: what is missing or odd, and what to do about it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that is missing or odd.

    Attributes
    ----------
    code : str
        The kind; stable, to be counted.
    what, hint : str
        What was found, and what to do.
    which : tuple of str
        The cameras, documents or files it is about.
    attention : bool
        Whether somebody should act; False for what is only worth knowing.
    """

    code: str
    what: str
    hint: str
    which: tuple[str, ...] = ()
    attention: bool = True
