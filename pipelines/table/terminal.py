"""Text for a terminal: whatever a header or a file name holds is shown, never obeyed."""

import re

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys instead of showing it: control characters, ends of lines, changes of direction."""


def plain(text: object, *, lines: bool = False) -> str:
    r"""Return text that a terminal only shows; what it would obey is written as an escape.

    Parameters
    ----------
    text : object
        Anything; a header or a file name may hold any character.
    lines : bool
        Leave ends of lines as they are: the text is a report of ours.

    Examples
    --------
    >>> print(plain("M31\x1b[2J"))
    M31\x1b[2J
    """
    return _UNSAFE.sub(lambda m: m[0] if lines and m[0] == "\n" else repr(m[0])[1:-1], str(text))
