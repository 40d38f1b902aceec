"""Findings: what a check can find wrong, how grave each is, and how to repair it."""

from dataclasses import dataclass
from typing import Any, Final

DAMAGE: Final = "damage"
UNFINISHED: Final = "unfinished"
NOTE: Final = "note"

_MENDED = "darkroom check --repair"
_AGAIN = (
    "`darkroom check --repair` makes it again from the original file, if that is still as it was ingested; "
    "else restore {what} from a copy of the store"
)

KINDS: Final[dict[str, tuple[str, str, str]]] = {
    # code: (gravity, what it means, how to repair it)
    "dangling": (DAMAGE, "a document refers to an array that is not in the store", _AGAIN),
    "lost": (DAMAGE, "a file of an array is gone", _AGAIN),
    "extra": (NOTE, "a file in an array's folder is no part of it", "remove {what}"),
    "renamed": (DAMAGE, "a file of an array is there under another name", _AGAIN),
    "truncated": (DAMAGE, "a file of an array is too short", _AGAIN),
    "grown": (DAMAGE, "a file of an array is too long", _AGAIN),
    "changed": (DAMAGE, "the bytes of a file are not those written", _AGAIN),
    "swapped": (DAMAGE, "an array's file is that of another array", _AGAIN),
    "undecodable": (DAMAGE, "the pixels are not those that were put", _AGAIN),
    "unreadable": (DAMAGE, "an array or record could not be read", "see the message; then check again"),
    "too-new": (DAMAGE, "an array was written by a later release", "check with that release"),
    "bad-reference": (DAMAGE, "a document's reference is not that of its array", "darkroom rebuild --document {what}"),
    "wrong-store": (DAMAGE, "a document refers to an array in another store", "open the archive with that store"),
    "not-listed": (
        UNFINISHED,
        "the time limit ended the check too early",
        "give more time: darkroom check --time-limit",
    ),
    "not-looked-for": (
        NOTE,
        "the archive is too large to be listed in that time: the check goes on document by document",
        "darkroom check without --time-limit also finds arrays and records that nothing refers to",
    ),
    "record-missing": (UNFINISHED, "a document, or a change of it, is not kept in the store", _MENDED),
    "record-damaged": (UNFINISHED, "what the store keeps of a document cannot be read", _MENDED),
    "record-differs": (
        DAMAGE,
        "a document is not what its record and its changes make",
        "if the document was edited past `darkroom`: darkroom rebuild --document {what}",
    ),
    "unfinished-change": (UNFINISHED, "a change was written down and not carried out", _MENDED),
    "older-record": (UNFINISHED, "what the store keeps of a document is of an older release", "darkroom migrate"),
    "half-deleted": (UNFINISHED, "a document is both in use and in the trash", _MENDED),
    "document-missing": (
        UNFINISHED,
        "the store keeps a document that the catalog does not have: its ingest was cut short, or it was lost",
        "ingest the file again, or `darkroom rebuild --missing`; `darkroom sweep` lets it go",
    ),
    "catalog-lost": (DAMAGE, "the store keeps documents, and the catalog has none and never had", "darkroom rebuild"),
    "ingested-twice": (
        NOTE,
        "two runs ingested the same bytes at once; the catalog names one of them, the store the other",
        "nothing needs to be done",
    ),
    "orphaned": (NOTE, "nothing refers to an array, or to a record", "darkroom sweep"),
    "staging": (NOTE, "work that was cut short left files behind", "darkroom sweep"),
    "duplicated": (NOTE, "the same file has two documents", "darkroom delete the one that should not be"),
    "retired-master": (
        NOTE,
        "a master was made of frames that are no longer what they were; no frame is given it any more",
        "`darkroom masters make` for its night, if enough frames are left",
    ),
    "same-pixels": (NOTE, "two files have the same pixels, which are stored once", "nothing needs to be done"),
}
"""Every code a check can give: its gravity, its meaning, and its repair, with ``{what}`` for the thing."""

GRAVITIES: Final = (DAMAGE, UNFINISHED, NOTE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a check found.

    Attributes
    ----------
    code : str
        One of `KINDS`.
    what : str
        The object, document, record or file it is wrong with.
    message : str
        What happened, in words.
    documents : tuple of str
        The documents it concerns, at most twenty.
    """

    code: str
    what: str
    message: str
    documents: tuple[str, ...] = ()

    @property
    def gravity(self) -> str:
        """``damage``, ``unfinished`` (can be repaired without loss) or ``note``."""
        return KINDS[self.code][0]

    @property
    def hint(self) -> str:
        """What to do about it."""
        return KINDS[self.code][2].format(what=self.what)

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as plain data."""
        return {
            "gravity": self.gravity,
            "code": self.code,
            "what": self.what,
            "documents": list(self.documents),
            "reason": self.message,
            "hint": self.hint,
        }
