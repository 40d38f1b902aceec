"""The one error of the instrument profiles: a file, or a profile, that does not fit.

``ProfileError`` codes: ``name-mismatch`` (the path is not of the profile's
form), ``header-mismatch`` (a keyword the profile cannot do without is absent
or senseless), ``shape-mismatch`` (the arrays contradict the header),
``profile-ambiguous`` (two profiles claim the file equally), ``profile-unknown``
(no such profile), ``profile-invalid`` (a profile's own rules make no sense),
``profile-plugin`` (an installed profile cannot be used).
"""

from __future__ import annotations


class ProfileError(Exception):
    """A file does not fit the profile, or a profile cannot be used.

    Attributes
    ----------
    code
        Short machine-readable reason, see the module's list.
    message
        What happened, to what.
    hint
        What to do next.
    """

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(code, message, hint)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message
