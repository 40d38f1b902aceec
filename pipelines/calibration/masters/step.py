"""A step of making masters: which frames, with which masters, what is to be done and how large it is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, Literal

from catalog import Catalog
from pipelines.calibration.groups.keys import rule_for
from pipelines.calibration.masters.images import frame_images
from pipelines.calibration.masters.recipe import Input, MasterRecipe, Used, identity, master_name
from pipelines.calibration.select.criteria import Rules
from pipelines.documents.schema import Doc
from pipelines.table import Row

__all__ = ["MapRules", "MasterOptions", "Step", "sizes"]

Action = Literal["make", "none", "reinstate"]

RATE = 2.5e-7
"""Seconds a pixel of a frame costs until masters have been made here: two cores, all planes kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRules:
    """When a pixel is bad, and how the maps of several masters are merged.

    Attributes
    ----------
    hot : float
        Dark signal above the level of the frame, in robust standard deviations of its pixels.
    dead : float
        Response below this fraction of the flat's level.
    unstable : float
        Scatter between frames above the noise model, in standard deviations over all masters.
    merge : {'fraction', 'or', 'and'}
        A pixel is hot, or dead, when at least a fraction of the masters say so, any, or all.
    fraction : float
        For ``merge='fraction'``.
    column : float
        A column with more than this fraction of bad pixels is bad as a whole.
    """

    hot: float = 10.0
    dead: float = 0.5
    unstable: float = 4.5
    merge: Literal["fraction", "or", "and"] = "fraction"
    fraction: float = 0.5
    column: float = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterOptions:
    """How masters are made; whatever decides pixels is part of a master's identity.

    Attributes
    ----------
    method : str or None
        Of combining; None: noise model, and the median where no noise can be measured.
    minimum : int or None
        Fewest frames of a master; None: as the profile says.
    borrow : bool
        Fill groups that are too small with like frames of neighbouring nights.
    max_scale : float
        A longer dark may be scaled down by at most this factor, where there is a bias; no limit by
        default, for what is scaled down adds less noise.
    low_light : float
        A flat below this fraction of its level has too little light to divide by.
    rules : Rules
        What is asked of the masters that are used.
    maps : MapRules
        When a pixel is bad.
    """

    method: str | None = None
    minimum: int | None = None
    borrow: bool = False
    max_scale: float = math.inf
    low_light: float = 0.2
    rules: Rules = field(default_factory=Rules)
    maps: MapRules = field(default_factory=MapRules)

    def least(self, step: "Step") -> int:
        """Return the fewest frames a step's master may have."""
        return self.minimum if self.minimum is not None else rule_for(step.profile, step.kind).minimum

    @property
    def combining(self) -> dict[str, Any]:
        """What decides how frames are combined."""
        return {"method": self.method or "noise-model"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is to be done about one group.

    Attributes
    ----------
    kind, date, profile, instrument : str
        Of the group.
    key : Mapping
        What its frames share.
    frames : tuple of Mapping
        Documents of the frames to combine.
    rejected : tuple of (str, str)
        Frames left out, and why.
    used : tuple of Used
        Masters applied to the frames.
    action : {'make', 'none', 'reinstate'}
        ``'reinstate'``: an earlier master is made of exactly this, and comes back into use.
    reason : str or None
        Why nothing is done, or why it is.
    master, identity : str or None
        Its name and digest.
    supersedes : tuple of str
        Masters it takes the place of.
    nbytes, seconds : int, float
        Size of the work.
    parameters : Mapping
        Of the algorithm.
    notes : tuple of str
        What the master will lack, and why: a flat without a dark.
    """

    kind: str
    date: str
    profile: str
    instrument: str
    key: Mapping[str, Any]
    frames: tuple[Doc, ...] = ()
    rejected: tuple[tuple[str, str], ...] = ()
    used: tuple[Used, ...] = ()
    action: Action = "none"
    reason: str | None = None
    master: str | None = None
    identity: str | None = None
    supersedes: tuple[str, ...] = ()
    nbytes: int = 0
    seconds: float = 0.0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def camera(self) -> Any:
        """The camera: the first key of every group."""
        return next(iter(self.key.values()), None)

    @property
    def will_be(self) -> bool:
        """Whether the master will be there when this step is done."""
        return self.identity is not None and (self.action != "none" or self.reason == "nothing has changed")

    def recipe(self) -> MasterRecipe:
        """Return all that decides the pixels."""
        inputs = tuple(
            Input(frame["_id"], frame["pixels_digest"], _arrays(frame)[0]["digest"], frame["ingest"]["revision"])
            for frame in self.frames
        )
        key = {"camera": self.camera, **self.key}
        return MasterRecipe(kind=self.kind, key=key, inputs=inputs, used=self.used, parameters=self.parameters)

    def named(self) -> "Step":
        """Return the step with the name of its master."""
        recipe = self.recipe()
        return replace(self, master=master_name(recipe, date=self.date), identity=identity(recipe))

    def without(self, frame: str, reason: str) -> "Step":
        """Return the step without a frame, and without the masters that only it needed."""
        used = [replace(u, frames=tuple(name for name in u.frames if name != frame)) for u in self.used]
        return replace(
            self,
            frames=tuple(kept for kept in self.frames if kept["_id"] != frame),
            rejected=(*self.rejected, (frame, reason)),
            used=tuple(u for u in used if u.frames),
        )

    def refused(self, reason: str) -> "Step":
        """Return the step that does nothing, with the reason."""
        return replace(self, action="none", reason=reason)

    def to_make(self, rate: float) -> "Step":
        """Return the step that makes it, with its size."""
        refs = [ref for frame in self.frames for ref in _arrays(frame)]
        pixels = sum(ref["shape"][0] * ref["shape"][1] for ref in refs)
        return replace(self, action="make", nbytes=sum(ref["stored"] for ref in refs), seconds=rate * pixels)

    def expected(self) -> dict[str, Any]:
        """Return as much of the document that will be as choosing needs of it."""
        times = sorted(frame["timestamp"] for frame in self.frames if frame.get("timestamp") is not None)
        return {
            "_id": self.master,
            "identity": self.identity,
            "kind": self.kind,
            "date": self.date,
            "timestamp": times[0] + (times[-1] - times[0]) / 2 if times else None,
            "instrument": self.instrument,
            "camera": self.camera,
            "key": dict(self.key),
            "parameters": dict(self.parameters),
            "flat_time": self.key.get("flat_time"),
            "profile": self.profile,
            "status": "verified",
            "inputs": [{"id": frame["_id"]} for frame in self.frames],
            "supersedes": self.supersedes,
        }

    def row(self) -> Row:
        """Return it as a row of a table."""
        told = {name: value for name, value in list(self.key.items())[1:] if name in _TOLD and value is not None}
        return {
            "kind": self.kind,
            "camera": self.camera,
            "key": ", ".join(
                f"{name} {value:g}" if isinstance(value, float) else str(value) for name, value in told.items()
            ),
            "frames": len(self.frames),
            "rejected": [f"{name}: {reason}" for name, reason in self.rejected],
            "action": self.action,
            "master": self.master,
            "reason": self.reason or "; ".join(self.notes) or None,
            "supersedes": list(self.supersedes),
            "MB": round(self.nbytes / 1e6, 1),
            "s": round(self.seconds, 2),
        }


def _arrays(frame: Doc) -> list[Mapping[str, Any]]:
    return [frame["arrays"][name] for name in frame_images(frame)]


_TOLD = ("exptime", "filter", "flat_time", "temperature", "gain", "mode", "overscan")


def sizes(catalog: Catalog, kind: str) -> float:
    """Seconds a pixel of a frame has cost lately, by the masters made here."""
    fields = {"seconds": 1, "inputs.id": 1, "arrays.value.shape": 1, "arrays.dq.shape": 1}
    rates = []
    for doc in catalog.masters.find({"kind": kind}, fields).sort("ingest.at", -1).limit(20):
        arrays = doc.get("arrays") or {}
        shape = (arrays.get("value") or arrays.get("dq") or {}).get("shape")
        pixels = len(doc.get("inputs") or ()) * shape[0] * shape[1] if shape else 0
        if pixels and doc.get("seconds"):
            rates.append(doc["seconds"] / pixels)
    return median(rates) if rates else RATE
