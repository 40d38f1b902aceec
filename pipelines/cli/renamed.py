"""Words of earlier releases: each is answered with the word of this one, exit code 2, and nothing is done."""

from typing import Any, NoReturn

import typer

COMMANDS = {
    "certify": "darkroom masters certify",
    "shoot": "darkroom needs",
}
"""Commands of 0.2 that have another name now."""


def refuse(text: str) -> NoReturn:
    """Answer a word of an earlier release.

    Raises
    ------
    typer.BadParameter
        Always; exit code 2.
    """
    raise typer.BadParameter(text)


def renamed_option(old: str, new: str) -> Any:
    """Return a hidden option of an earlier release, refused with the name it has now.

    Parameters
    ----------
    old, new : str
        With their dashes, such as ``--mend`` and ``--repair``.
    """

    def tell(value: str | None) -> str | None:
        if value:
            refuse(f"{old} is now {new}")
        return None

    return typer.Option(None, old, hidden=True, callback=tell, help=f"Now {new}.")


def renamed_flag(old: str, new: str) -> Any:
    """Return a hidden switch of an earlier release, refused with the name it has now."""

    def tell(value: bool) -> bool:
        if value:
            refuse(f"{old} is now {new}")
        return False

    return typer.Option(False, old, hidden=True, callback=tell, help=f"Now {new}.")
