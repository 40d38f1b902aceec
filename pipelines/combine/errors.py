"""Why a stack of frames cannot be combined, by what the caller would do about it."""

from pipelines.errors import IntegrityError, UsageError


class FramesUnfit(UsageError):
    """The frames cannot be combined with each other as they are."""


class FrameUnreadable(IntegrityError):
    """A frame of the stack is gone or damaged.

    Attributes
    ----------
    frame : int
        Its place in the stack, from 0.
    name : str
        What the caller called it.
    """

    def __init__(self, message: str, *, frame: int, name: str) -> None:
        super().__init__(message)
        self.frame = frame
        self.name = name
