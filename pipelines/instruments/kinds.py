"""Kind: what sort of frame a header says it is, and whether it is raw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.instruments.dialects import kinds as tables
from pipelines.instruments.lookup import Found, Headers
from pipelines.instruments.values import number, squeezed

__all__ = ["KindRead", "Stacking", "as_combined", "read_kind", "read_stacking", "word_kind"]

UNTYPED = "image"
"""Kind of a file whose header does not say one."""


@dataclass(frozen=True, slots=True)
class KindRead:
    """A kind, a note on it (``'sky'``, ``'dome'``, ``'darkflat'``), its source, and flags."""

    kind: str
    note: str = ""
    source: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stacking:
    """Whether frames were combined or corrected: how many (None: not said), and which keywords say so."""

    count: int | None = 1
    combined: str | None = None
    processed: str | None = None


def word_kind(text: str, vocabulary: Mapping[str, tuple[str, str]] = tables.VOCABULARY) -> tuple[str, str] | None:
    """Return kind and note of a word; ``…-stack`` for a master or stack; None for a word that is not known.

    Examples
    --------
    >>> word_kind("FLAT,SKY"), word_kind("Dark Flat"), word_kind("Master Bias"), word_kind("boring")
    (('flat', 'sky'), ('dark', 'darkflat'), ('bias-stack', ''), None)
    """
    word = squeezed(text)
    known = vocabulary.get(word)
    if known is not None:
        return known
    for mark in tables.STACK_WORDS:
        rest = word[len(mark) :] if word.startswith(mark) else word[: -len(mark)] if word.endswith(mark) else None
        if rest and rest in vocabulary:
            kind, note = vocabulary[rest]
            return f"{kind}-stack", note
    if word == "tricolorimage":  # MaxIm DL: three frames through three filters as one
        return "light-stack", "colour"
    parts = [vocabulary[part] for raw in text.replace(";", ",").split(",") if (part := squeezed(raw)) in vocabulary]
    return parts[0] if "," in text and parts else None


def read_kind(
    headers: Headers, stacking: Stacking, vocabulary: Mapping[str, tuple[str, str]] | None = None
) -> KindRead:
    """Read the kind of a file by the keywords and words of the tables.

    Returns
    -------
    KindRead
        ``'image'``, flagged ``kind-missing``, where no keyword says; an unknown word in lower case,
        flagged ``kind-unknown``; flagged ``kind-doubtful`` where two keywords say different kinds.
    """
    words = {**tables.VOCABULARY, **vocabulary} if vocabulary else tables.VOCABULARY
    known: list[tuple[tuple[str, str], Found]] = []
    unknown: Found | None = None
    for found in headers.each(tables.KEYS):
        if not isinstance(found.value, str) or squeezed(found.value) in tables.NOT_KINDS:
            continue
        word = word_kind(found.value, words)
        if word is not None:
            known.append((word, found))
        elif unknown is None and found.key.name not in tables.ONLY_KNOWN_WORDS:
            unknown = found
    if not known:
        if unknown is None:
            return KindRead(UNTYPED, flags=("kind-missing",))
        said = " ".join(str(unknown.value).lower().split())
        return KindRead(said, source=unknown.source, flags=("kind-unknown",))
    (kind, note), found = known[0]
    others = {other[0].removesuffix("-stack") for other, _ in known if other[0] not in ("test", "acquisition")}
    note = note or next((text for (other, text), _ in known[1:] if other == kind and text), "")
    flags = ("kind-doubtful",) if len(others | {kind.removesuffix("-stack")}) > 1 else ()
    return KindRead(as_combined(kind, stacking), note, found.source, flags)


def as_combined(kind: str, stacking: Stacking) -> str:
    """Return the kind of frames of one kind that were combined, or corrected: never that of raw ones."""
    if kind.endswith("-stack"):
        return kind
    if stacking.combined is not None:
        return f"{kind}-stack"
    return f"{kind}-processed" if stacking.processed is not None else kind


def read_stacking(headers: Headers) -> Stacking:
    """Read how many frames were combined into a file, and whether it was corrected."""
    count: int | None = 1
    combined = processed = None
    for found in headers.each(tables.STACKS):
        value = number(found.value)
        if value is not None and value > 1 and value == int(value):
            count, combined = int(value), found.source
            break
    if combined is None:
        for found in headers.each(tables.COMBINED):
            if found.value is True or (isinstance(found.value, str) and squeezed(found.value) not in tables.RAW_WORDS):
                count, combined = None, found.source
                break
    for found in headers.each(tables.PROCESSED):
        if found.value is True or (isinstance(found.value, str) and squeezed(found.value) not in tables.RAW_WORDS):
            processed = found.source
            break
    if processed is None:
        for found in headers.each(tables.PROCESS_STATES):
            if squeezed(str(found.value)) not in tables.RAW_WORDS:
                processed = found.source
                break
    if combined is None or processed is None:
        lines = headers.history()
        if lines:
            if combined is None and any(text in line for text, _ in tables.HISTORY for line in lines):
                count, combined = None, "HISTORY@0"
            if processed is None and any(text in line for text, _ in tables.HISTORY_PROCESSED for line in lines):
                processed = "HISTORY@0"
    if combined is None and processed is None and headers.image is not None:
        dtype = headers.image.dtype or ""
        if dtype.startswith("float"):
            for found in headers.each(tables.PROGRAMS):
                if any(name in squeezed(str(found.value)) for name in tables.STACKERS):
                    processed = found.source
                    break
    return Stacking(count, combined, processed)
