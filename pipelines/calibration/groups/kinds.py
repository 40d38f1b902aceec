"""The kinds of masters: one entry each, and the module that drafts and makes it.

A new kind is an entry of `KINDS` and its module, which has the functions of `masters.maker.Maker`.
"""

from dataclasses import dataclass

__all__ = ["KINDS", "MasterKind"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterKind:
    """What is particular to a kind of master.

    Attributes
    ----------
    frames : str
        The kind of frames whose group rule has its keys.
    free : frozenset of str
        Keys of that rule in which a frame need not agree with it.
    algorithm : int
        Version of its algorithm: raised when results change, and only then.
    maker : str
        The module that drafts and makes it.
    named_by : str or None
        A key that its name tells, in seconds.
    """

    frames: str
    free: frozenset[str]
    algorithm: int
    maker: str
    named_by: str | None = None


_MASTERS = "pipelines.calibration.masters"
_STORED = frozenset({"dtype", "scale"})  # how pixels are stored does not matter once they are read

KINDS: dict[str, MasterKind] = {
    "bias": MasterKind(  # sees neither telescope nor grating
        frames="bias", free=_STORED | {"telescope", "dispersed"}, algorithm=2, maker=f"{_MASTERS}.unlit"
    ),
    "dark": MasterKind(
        frames="dark",
        free=_STORED | {"telescope", "dispersed"},
        algorithm=2,
        maker=f"{_MASTERS}.unlit",
        named_by="exptime",
    ),
    "flat": MasterKind(  # holds for any temperature and both twilights
        frames="flat",
        free=_STORED | {"temperature", "flat_time", "exptime", "coadds", "kind_note"},
        algorithm=3,
        maker=f"{_MASTERS}.flats",
    ),
    "pixelmap": MasterKind(  # for any exposure
        frames="dark",
        free=_STORED | {"temperature", "exptime", "telescope", "dispersed", "coadds"},
        algorithm=2,
        maker=f"{_MASTERS}.pixelmaps",
    ),
}
"""The kinds of masters, each made before those that need it."""
