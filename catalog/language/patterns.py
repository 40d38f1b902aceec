r"""Compiles regular expressions with PCRE2, the library MongoDB matches with.

Python's `re`, and `regex`, answer otherwise without a word: POSIX classes, ``\w`` beside letters whose case is beyond
ASCII, ``\Z``, ``\Q..\E``, named groups; and `re` has no bound on how long it tries.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from bson import Regex

from catalog.errors import InvalidQuery, NotSupported
from catalog.limits import refused

__all__ = ["Pattern", "compile_pattern"]

_MOST = 16_384  # bytes of a pattern, as on a server
_OPTIONS = {"i": "IGNORECASE", "m": "MULTILINE", "x": "VERBOSE", "s": "DOTALL", "u": "NOFLAG"}
#: Escapes that the binding has PCRE2 read as JavaScript does, or forbid; each other one is passed over whole.
_ESCAPE = re.compile(r"\\(?:(?P<other>C|x(?![0-9A-Fa-f]{2}))|(?P<none>[uU])|.)", re.DOTALL)


class Pattern:
    """A compiled pattern; what would go on without end is ended by PCRE2's limits, and said."""

    __slots__ = ("_compiled", "_error", "_text")

    def __init__(self, text: str, options: str) -> None:
        try:
            import pcre2  # not before a pattern is met
        except ImportError as error:
            raise NotSupported(
                f"regular expressions are matched by PCRE2, which is not here ({error}): pip install pcre2", 238
            ) from None
        _check_escapes(text)
        flags = pcre2.ASCII  # \\w, \\d and \\s are ASCII on a server; letters have case beyond it all the same
        for option in options:
            flags |= getattr(pcre2, _OPTIONS[option])
        self._text, self._error = text, pcre2.LibraryError
        try:
            self._compiled = pcre2.compile(text, flags)
        except pcre2.LibraryError as error:
            raise InvalidQuery(f"Regular expression is invalid: {error}", 51091) from None

    def matches(self, text: str) -> bool:
        """Tell whether the pattern is found in a text."""
        try:
            return self._compiled.search(text) is not None
        except self._error as error:
            told = f"Regular expression /{self._text[:60]}/ needs too many steps ({error}); ask for less at once"
            raise InvalidQuery(told, 51156) from None


def _check_escapes(text: str) -> None:
    for found in _ESCAPE.finditer(text):
        if found["other"]:
            raise refused("\\C, \\x{...}", "escapes of a pattern")
        if found["none"]:
            raise InvalidQuery(f"Regular expression is invalid: PCRE2 does not support {found[0]}", 51091)


def compile_pattern(pattern: Any, options: Any = "") -> Pattern:
    """Compile a pattern: text, or a regular expression with options of its own.

    Raises
    ------
    InvalidQuery
        If pattern or options are not valid.
    """
    if not isinstance(options, str):
        raise InvalidQuery("$options has to be a string", 2)
    if "\x00" in options or set(options) - set(_OPTIONS):
        raise InvalidQuery(f"invalid flag in regex options: {options}", 51108)
    if isinstance(pattern, (Regex, re.Pattern)):
        known = pattern if isinstance(pattern, Regex) else Regex.from_native(pattern)
        given = {"i": re.I, "m": re.M, "x": re.X, "s": re.S}
        options += "".join(letter for letter, flag in given.items() if known.flags & flag)
        pattern = known.pattern.decode() if isinstance(known.pattern, bytes) else known.pattern
    if not isinstance(pattern, str):
        raise InvalidQuery("$regex has to be a string", 2)
    if "\x00" in pattern:
        raise InvalidQuery("Regular expression cannot contain an embedded null byte", 51109)
    if len(pattern.encode()) > _MOST:
        raise InvalidQuery(f"Regular expression is invalid: it has more than {_MOST} bytes", 51091)
    return _compiled(pattern, "".join(sorted(set(options))))


@lru_cache(512)
def _compiled(text: str, options: str) -> Pattern:
    return Pattern(text, options)
