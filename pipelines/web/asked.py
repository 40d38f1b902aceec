"""What an address asks: every word of it is checked here before anything is done with it."""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pipelines.errors import UsageError
from pipelines.instruments.nights import parse_night

__all__ = ["Asked", "Unclear"]

LONGEST = 200
"""Characters of a value; a name of a document may have `NAME`."""

NAME = 1000
MOST_WORDS = 60
"""Parameters of one address."""

_WHOLE = re.compile(r"-?[0-9]{1,9}")


class Unclear(UsageError):
    """An address asks for what there is not, or in a way that is not understood."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    Attributes
    ----------
    name : str
        What stands in the address behind its first part: a document, a night, a kind; empty where nothing does.
    words : sequence of (str, str)
        The parameters behind the question mark, in their order.
    """

    name: str
    words: Sequence[tuple[str, str]] = ()

    def only(self, *names: str, lists: Collection[str] = ()) -> None:
        """Refuse a parameter that this address does not have, or that is given twice.

        A parameter that is passed over without a word would look as if it had been used.

        Raises
        ------
        Unclear
            There is one.
        """
        known = {*names, *lists, "format"}
        if len(self.words) > MOST_WORDS:
            raise Unclear(f"an address has at most {MOST_WORDS} parameters")
        seen = set()
        for name, value in self.words:
            if name not in known:
                there = ", ".join(sorted(known))
                raise Unclear(f"this address has no parameter {_shown(name)}; it has: {there}")
            if name in seen and name not in lists:
                raise Unclear(f"the parameter {name} is given twice")
            seen.add(name)
            if any(unicodedata.category(one) in ("Cc", "Cs") for one in value):
                raise Unclear(f"the value of {name} has control characters in it")
        self.choice("format", ("html", "json"))

    def values(self, name: str) -> list[str]:
        """Return every value of a parameter, without the spaces around it.

        Raises
        ------
        Unclear
            One is too long.
        """
        found = [value.strip() for key, value in self.words if key == name]
        if any(len(value) > (NAME if name in ("id", "after") else LONGEST) for value in found):
            raise Unclear(f"the value of {name} is longer than {LONGEST} characters")
        return found

    def text(self, name: str) -> str:
        """Return a parameter; empty where it is not given."""
        return next(iter(self.values(name)), "")

    def whole(self, name: str, *, least: int, most: int) -> int | None:
        """Return a parameter that is a whole number; None where it is not given.

        Raises
        ------
        Unclear
            It is none, or lies outside.
        """
        text = self.text(name)
        if not text:
            return None
        if _WHOLE.fullmatch(text) is None or not least <= int(text) <= most:
            raise Unclear(f"{name} is a whole number from {least} to {most}, not {_shown(text)}")
        return int(text)

    def choice(self, name: str, choices: Collection[str]) -> str:
        """Return a parameter that is one of some words; empty where it is not given.

        Raises
        ------
        Unclear
            It is another.
        """
        text = self.text(name)
        if text and text not in choices:
            raise Unclear(f"{name} is one of {', '.join(choices)}; not {_shown(text)}")
        return text

    def night(self, name: str) -> str:
        """Return a parameter that is a night; empty where it is not given.

        Raises
        ------
        UsageError
            It is no valid date.
        """
        text = self.text(name)
        return parse_night(text).isoformat() if text else ""

    def document(self) -> str:
        """Return the name of the document that is asked for: in the address, or as ``?id=``.

        Raises
        ------
        Unclear
            There is none, or two.
        """
        named = self.text("id")
        if bool(named) == bool(self.name):
            raise Unclear("say which document: its name in the address, or as ?id=")
        return (named or self.name)[: NAME + 1]

    def as_words(self) -> Mapping[str, str]:
        """Return the parameters with the last value of each."""
        return dict(self.words)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")
