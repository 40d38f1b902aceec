"""What a master is made of, and the name that follows from it.

A master's identity is a digest over its inputs, the masters used on them, its key, its parameters
and the version of its algorithm. The same identity means the same pixels, so that nothing is made
twice, and whatever would come out otherwise has another name.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.calibration.groups.kinds import KINDS

__all__ = ["Input", "MasterRecipe", "Used", "identity", "master_name"]

_DIGITS = 12  # of the identity in a name: 48 bits, among the few masters of one camera, night and key


@dataclass(frozen=True, slots=True)
class Input:
    """A frame that goes into a master.

    Attributes
    ----------
    id : str
        The frame's document.
    pixels : str
        Digest of its decoded pixels.
    array : str
        Digest of its stored array.
    revision : int
        Of its document.
    """

    id: str
    pixels: str
    array: str
    revision: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as a plain document."""
        return {"id": self.id, "pixels": self.pixels, "array": self.array, "revision": self.revision}


@dataclass(frozen=True, slots=True)
class Used:
    """A master that was applied to the frames of another.

    Attributes
    ----------
    role : str
        ``'dark'`` or ``'bias'``.
    id, identity : str
        Its name, and the digest it is named by.
    frames : tuple of str
        The frames it was applied to.
    scale : float
        What its dark current was multiplied by, 1 where exposure times match.
    """

    role: str
    id: str
    identity: str
    frames: tuple[str, ...]
    scale: float = 1.0

    def to_dict(self) -> dict[str, Any]:
        """Return it as a plain document."""
        return {
            "role": self.role,
            "id": self.id,
            "identity": self.identity,
            "frames": sorted(self.frames),
            "scale": self.scale,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterRecipe:
    """All that decides the pixels of a master.

    Attributes
    ----------
    kind : str
        ``'bias'``, ``'dark'``, ``'flat'`` or ``'pixelmap'``.
    key : Mapping
        What all its frames share: camera, exposure time and the rest.
    inputs : tuple of Input
        The frames, in any order.
    used : tuple of Used
        The masters applied to them.
    parameters : Mapping
        Of the algorithm.
    version : int
        Of the algorithm; by default that of today.
    """

    kind: str
    key: Mapping[str, Any]
    inputs: tuple[Input, ...]
    used: tuple[Used, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    version: int = 0

    @property
    def algorithm(self) -> int:
        """Version of the algorithm."""
        return self.version or KINDS[self.kind].algorithm


def identity(recipe: MasterRecipe) -> str:
    """Digest of a recipe, the same whatever the order of its parts.

    The SHA-256 of a canonical JSON text. The digests of the pixels count and those of stored arrays
    do not: pixels laid out anew are the same pixels.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    parts = {
        "kind": recipe.kind,
        "algorithm": recipe.algorithm,
        "key": _plain(recipe.key),
        "inputs": sorted([item.id, item.pixels] for item in recipe.inputs),
        "masters": sorted([u.role, u.identity, u.scale, sorted(u.frames)] for u in recipe.used),
        "parameters": _plain(recipe.parameters),
    }
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def master_name(recipe: MasterRecipe, *, date: str) -> str:
    """Name of a master: what it is, readable, and the beginning of its identity.

    Examples
    --------
    >>> recipe = MasterRecipe(kind="dark", key={"camera": "T1", "exptime": 9.0}, inputs=())
    >>> master_name(recipe, date="2024-02-20").rpartition("-")[0]
    'masters/T1/2024-02-20/dark-9s'
    """
    key = recipe.key
    words = [recipe.kind]
    seconds = key.get(str(KINDS[recipe.kind].named_by))
    if seconds is not None:
        words.append(f"{seconds:g}s")
    words += [str(key[name]) for name in ("filter", "flat_time") if key.get(name) is not None]
    words.append(identity(recipe)[:_DIGITS])
    return "/".join(_part(text) for text in ("masters", str(key.get("camera")), date, "-".join(words)))


def _part(text: str) -> str:
    """Return one component of a name, without what would make it two."""
    return text.replace("/", "_").replace(" ", "_")


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: mappings with text keys, sequences as lists, whole floats as floats."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(inner) for inner in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
