"""What calibrating frames would do: for each its masters, what it lacks, and what turns its numbers into electrons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import Any

from pipelines.calibration.apply.foreign import is_foreign
from pipelines.calibration.groups.keys import rule_for, traits
from pipelines.calibration.masters.geometry import geometry_of, overscan_taken
from pipelines.calibration.masters.images import frame_images, image_names, of_image
from pipelines.calibration.select.choose import FIELDS, best, judged
from pipelines.calibration.select.criteria import ELSEWHERE, Rules
from pipelines.calibration.select.darks import DarkChoice, dark_for, miss
from pipelines.calibration.select.departed import with_departures
from pipelines.calibration.select.elsewhere import as_master, made_by, stacks
from pipelines.documents.schema import Doc
from pipelines.errors import UsageError
from pipelines.instruments import profiles
from pipelines.session import Session

__all__ = ["Conversion", "Correction", "corrections"]


KINDS = ("bias", "dark", "flat", "pixelmap")
NOT_CALIBRATED = ("bias", "dark")
"""Frames that masters are made of, and that none is applied to."""

DEFAULT_RULES = Rules(max_scale=inf)
"""A longer dark serves where there is a bias to scale it with."""

DISAGREE = 0.2
"""By how much, of itself, a stated gain may differ from the measured one before it is said."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What turns the numbers of a frame into electrons, and its noise.

    Attributes
    ----------
    gain : float or None
        Electrons per unit of the frame; None: not known, and the frame stays in its units.
    read_noise : float or None
        Of one sample, in units of the frame.
    source : str
        Who says so.

    Examples
    --------
    >>> Conversion(1.5, 4.0, "the header").known
    True
    """

    gain: float | None = None
    read_noise: float | None = None
    source: str = ""

    @property
    def known(self) -> bool:
        """Whether the noise of a sample can be told."""
        return self.gain is not None and self.read_noise is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What is to be done to one frame.

    Attributes
    ----------
    frame : Mapping
        Its document.
    unlit : DarkChoice or None
        Dark and bias; None where neither is there.
    flat, pixelmap : Mapping or None
        The other masters.
    overscan : bool
        Whether the level beside the picture is taken from each frame first.
    conversions : Mapping
        Gain and read noise by image.
    saturation : float or None
        Numbers from here on are masked.
    notes : tuple of str
        What the frame lacks, and what was done without it.
    refused : str or None
        Why nothing can be done.
    """

    frame: Doc
    unlit: DarkChoice | None = None
    flat: Doc | None = None
    pixelmap: Doc | None = None
    overscan: bool = False
    conversions: Mapping[str, Conversion] = field(default_factory=dict)
    saturation: float | None = None
    notes: tuple[str, ...] = ()
    refused: str | None = None

    @property
    def dark(self) -> Doc | None:
        """The master dark."""
        return None if self.unlit is None else self.unlit.dark

    @property
    def bias(self) -> Doc | None:
        """The master bias."""
        return None if self.unlit is None else self.unlit.bias

    @property
    def scale(self) -> float:
        """By which the dark is multiplied."""
        return 1.0 if self.unlit is None else self.unlit.scale

    @property
    def masters(self) -> tuple[tuple[str, Doc], ...]:
        """The masters with their roles, in the order they are applied."""
        found = (("bias", self.bias), ("dark", self.dark), ("flat", self.flat), ("pixelmap", self.pixelmap))
        return tuple((role, doc) for role, doc in found if doc is not None)

    @property
    def setup(self) -> tuple[Any, ...]:
        """What frames share that are calibrated with the same planes."""
        return (*((role, doc["_id"]) for role, doc in self.masters), self.scale, self.overscan)

    @property
    def conversion(self) -> Conversion:
        """Gain and read noise of the first image."""
        return next(iter(self.conversions.values()), Conversion())

    @property
    def unit(self) -> str:
        """Unit of the calibrated values, as astropy writes it."""
        return "adu" if self.conversion.gain is None else "electron"

    def row(self) -> dict[str, Any]:
        """Return it as a row of a table."""
        of = {role: doc["_id"] for role, doc in self.masters}
        return {
            "frame": self.frame["_id"],
            **{role: of.get(role) for role in ("bias", "dark", "flat")},
            "scale": self.scale if self.dark is not None else None,
            "unit": None if self.refused else self.unit,
            "notes": [self.refused] if self.refused else list(self.notes),
        }


def corrections(session: Session, frames: Sequence[Doc], *, rules: Rules | None = None) -> list[Correction]:
    """Find the masters of frames, by a few questions to the catalog however many frames there are.

    Parameters
    ----------
    frames : sequence of Mapping
        Documents of the collection ``headers``.
    rules : Rules, optional
        What is asked of the masters; by default certified or verified ones within 30 days.

    Returns
    -------
    list of Correction
        One per frame, in their order; what cannot be calibrated says why.

    Raises
    ------
    UsageError
        A frame is one that masters are made of, or belongs to another pipeline.
    """
    rules = rules or DEFAULT_RULES
    cameras = {frame["_id"]: _camera(frame) for frame in frames}
    known = [camera for camera in set(cameras.values()) if camera is not None]
    query = {"kind": {"$in": list(KINDS)}, "camera": {"$in": known}}
    found = session.masters.find(query, dict.fromkeys((*FIELDS, "noise", "arrays", "images", "notes"), 1)).to_list()
    pools: dict[Any, list[Doc]] = {}
    for doc in with_departures(session.catalog, found):
        pools.setdefault(doc["camera"], []).append(doc)
    others = stacks(session.catalog, known)
    made: dict[tuple[Any, str], list[Doc]] = {}  # elsewhere, by camera and profile, whose rules read them
    for frame in frames:
        place = (cameras[frame["_id"]], str(frame["profile"]))
        if place not in made:
            some = others.get(place[0], [])
            made[place] = [as_master(doc, rule_for(place[1], doc["kind"].removesuffix("-stack"))) for doc in some]
    return [
        _correction(frame, [*pools.get(camera, []), *made[camera, str(frame["profile"])]], rules)
        for frame, camera in ((frame, cameras[frame["_id"]]) for frame in frames)
    ]


def require_raw(frame: Doc) -> None:
    """Refuse what is no frame to calibrate.

    Raises
    ------
    UsageError
        The message names the verb that takes it, where there is one.
    """
    kind, name = frame.get("kind"), frame["_id"]
    if kind in ("uncal", "ramp", "rate", "rateints"):
        more = f"; `darkroom detector1 {name}` calibrates it" if kind == "uncal" else ""
        raise UsageError(f"{name} is a JWST exposure ({kind}): its calibration is the work of Detector1{more}")
    if not frame_images(frame):
        raise UsageError(f"{name} has no picture that was ingested; ingest it without --headers-only first")
    if kind in NOT_CALIBRATED:
        raise UsageError(f"{name} is a {kind}: masters are made of it, none is applied to it")


def _camera(frame: Doc) -> Any:
    require_raw(frame)
    rule = rule_for(str(frame.get("profile")), "dark")
    return traits(frame, rule)[rule.keys[0].name]


def _correction(frame: Doc, pool: Sequence[Doc], rules: Rules) -> Correction:
    """Choose the masters of one frame, and say what is missing."""
    images = frame_images(frame)
    wanted = any(geometry_of(frame, name).has_overscan for name in images)
    notes: list[str] = []
    fitting = [doc for doc in pool if _same_images(doc, images)]
    others = [doc for doc in pool if doc not in fitting and not is_foreign(doc)]
    if others and not fitting:
        has = ", ".join(image_names(others[0]))
        notes.append(f"{others[0]['_id']} was passed over: its images are {has}, the frame's {', '.join(images)}")
    unlike = [doc for doc in fitting if doc["kind"] in ("dark", "bias") and overscan_taken(doc) != wanted]
    fitting = [doc for doc in fitting if doc not in unlike]
    if unlike := [doc for doc in unlike if not is_foreign(doc) or ELSEWHERE in rules.statuses]:
        has = "is without the overscan level, which this frame has" if not wanted else "has the overscan level in"
        notes.append(f"{unlike[0]['_id']} was passed over: it {has}")
    found = dark_for(frame, fitting, rules)
    unlit = None if isinstance(found, str) else found
    notes += [found] if isinstance(found, str) else [found.note] if found.note else []
    overscan = _has_overscan(unlit) if unlit is not None else False
    flats = judged(frame, "flat", [doc for doc in fitting if doc["kind"] == "flat"], rules=rules)
    flat = best(flats, rules=rules)
    if flat is None:
        notes.append(miss("flat", flats) + "; it is not divided by one")
    if unlit is None:
        missing = "; ".join(notes[:-1] if flat is None else notes)
        reason = f"{missing}; what the frame holds without light must go before a flat is applied"
        return Correction(frame=frame, refused=reason, notes=tuple(notes))
    pixelmap = best(judged(frame, "pixelmap", [doc for doc in fitting if doc["kind"] == "pixelmap"], rules=rules))
    used = [doc for doc in (unlit.dark, unlit.bias, None if flat is None else flat.master) if doc is not None]
    conversions, said = _conversions(frame, used, images)
    limits = profiles()[frame["profile"]].calibration.limits
    saturation = (frame.get("obs") or {}).get("saturation") or limits.saturation
    return Correction(
        frame=frame,
        unlit=unlit,
        flat=None if flat is None else flat.master,
        pixelmap=None if pixelmap is None else pixelmap.master,
        overscan=overscan,
        conversions=conversions,
        saturation=saturation,
        notes=(*notes, *said, *_foreign(used), *_dispersed(None if flat is None else flat.master, images)),
    )


def _dispersed(flat: Doc | None, images: tuple[str, ...]) -> list[str]:
    """Say what a flat whose light is dispersed does to a spectrum."""
    if flat is None or not (flat.get("key") or {}).get("dispersed"):
        return []
    along = [(of_image(flat, name).get("statistics") or {}).get("dispersion") for name in images]
    if None in along:
        return ["the spectrum of the lamp is in its flat, and dividing puts it into the light"]
    return [f"the spectrum of the lamp, along {along[0]}, was taken out of its flat first"]


def _foreign(used: Sequence[Doc]) -> list[str]:
    """Say of masters made elsewhere what nobody here knows of them."""
    return [
        f"the {doc['kind']} {doc['_id']} was {made_by(doc)}: not verified here, its own noise is not in the variance"
        for doc in used
        if is_foreign(doc)
    ]


def _same_images(master: Doc, images: tuple[str, ...]) -> bool:
    """Tell whether a master has a plane for each image of a frame, and no other."""
    return len(images) == 1 if "images" not in master else image_names(master) == images


def _has_overscan(unlit: DarkChoice) -> bool:
    """Tell whether a dark or bias was made of frames less their overscan; dark and bias agree in it, by their key."""
    return any(doc is not None and overscan_taken(doc) for doc in (unlit.dark, unlit.bias))


def _conversions(frame: Doc, used: Sequence[Doc], images: tuple[str, ...]) -> tuple[dict[str, Conversion], list[str]]:
    """Find gain and read noise of each image; where the gain of one is not known, all stay in their units."""
    found = {name: _conversion(frame, [of_image(doc, name) for doc in used], len(images) == 1) for name in images}
    conversions = {name: conversion for name, (conversion, _) in found.items()}
    if any(conversion.gain is None for conversion in conversions.values()):
        conversions = {name: Conversion(None, one.read_noise) for name, one in conversions.items()}
    said = [f"{name}: {note}" if len(images) > 1 else note for name, (_, notes) in found.items() for note in notes]
    return conversions, said


def _conversion(frame: Doc, used: Sequence[Doc], alone: bool) -> tuple[Conversion, list[str]]:
    """Find gain and read noise: what the frame's own header states where its masters do not disagree, else theirs.

    A stated gain that the frames themselves contradict is said and not used: values in wrong electrons look right.
    What the header of a file of several images states may hold for the first only, so it is not used.
    """
    obs = (frame.get("obs") or {}) if alone else {}
    stated, electrons = _positive(obs.get("gain")), _positive(obs.get("read_noise"))
    measured = next((found for doc in used if (found := _positive((doc.get("noise") or {}).get("gain")))), None)
    noises = [found for doc in used if doc["kind"] != "flat" and (found := _positive(doc["noise"].get("read_noise")))]
    notes = []
    if stated and measured and abs(measured / stated - 1) > DISAGREE:
        notes.append(
            f"the header states a gain of {stated:g} e-/ADU, the masters measure {measured:.3g}, which is used"
        )
        stated = None
    gain = stated or measured
    read_noise = electrons / gain if electrons and gain else noises[0] if noises else None
    if gain is None:
        notes.append("no gain is known: values stay in ADU, without variance")
    elif read_noise is None:
        notes.append("no read noise is known: no variance")
    source = "the header" if stated else "measured in the masters" if measured else ""
    return Conversion(gain, read_noise, source), notes


def _positive(value: Any) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and value > 0
    return float(value) if good else None
