"""Pictures in a terminal: the protocols of kitty and of iTerm2, which take a PNG as it is.

Which one a terminal speaks is told by its environment; one that tells nothing, and what runs in tmux or screen, gets
no picture. Sources: the documentation of kitty (Terminal graphics protocol) and of iTerm2 (Inline images protocol).
"""

from base64 import b64encode
from collections.abc import Mapping

__all__ = ["encoded", "protocol"]

_CHUNK = 4096
"""Characters of one message to kitty."""

_KITTY_TERMS = ("xterm-kitty", "xterm-ghostty")
_KITTY_PROGRAMS = frozenset({"ghostty"})
_ITERM_PROGRAMS = frozenset({"iTerm.app", "WezTerm", "mintty"})


def protocol(environment: Mapping[str, str]) -> str:
    """Return ``'kitty'`` or ``'iterm'``, whichever the terminal speaks; empty when it speaks neither.

    Examples
    --------
    >>> protocol({"TERM": "xterm-kitty"}), protocol({"TERM_PROGRAM": "iTerm.app"}), protocol({"TERM": "xterm"})
    ('kitty', 'iterm', '')
    """
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if "TMUX" in environment or term.startswith(("screen", "tmux")):
        return ""
    if term in _KITTY_TERMS or "KITTY_WINDOW_ID" in environment or program in _KITTY_PROGRAMS:
        return "kitty"
    if program in _ITERM_PROGRAMS or environment.get("LC_TERMINAL") == "iTerm2":
        return "iterm"
    return ""


def encoded(png: bytes, spoken: str) -> str:
    """Return the characters that make a terminal show a PNG.

    Parameters
    ----------
    spoken : str
        The protocol, ``'kitty'`` or ``'iterm'``.
    """
    text = b64encode(png).decode("ascii")
    if spoken == "iterm":
        return f"\x1b]1337;File=inline=1;size={len(png)}:{text}\a"
    parts = [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]
    messages = []
    for number, part in enumerate(parts):
        more = int(number < len(parts) - 1)
        keys = f"a=T,f=100,q=2,m={more}" if number == 0 else f"m={more}"
        messages.append(f"\x1b_G{keys};{part}\x1b\\")
    return "".join(messages)
