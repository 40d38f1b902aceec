"""Combines the frames of one group into the planes of a master, holds each frame out, and stores the planes."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from arraystore import ArrayDamaged, ArrayStore, Lost
from pipelines.calibration.masters.acceptance import judge_master
from pipelines.calibration.masters.bits import MasterDQ
from pipelines.calibration.masters.faulty import without_faulty
from pipelines.calibration.masters.flatnoise import flat_noise, pedestal_of, unequal
from pipelines.calibration.masters.frames import Normalised, Raised, Unclipped, by_colour, drifting, stated_in
from pipelines.calibration.masters.heldout import Held, Reference, hold_out
from pipelines.calibration.masters.images import frame_images, of_image, plane_key
from pipelines.calibration.masters.lamp import by_spectrum, dispersion_of, lit
from pipelines.calibration.masters.maker import maker_of
from pipelines.calibration.masters.numbers import statistics
from pipelines.calibration.masters.opening import Opened, flat_lights, leveled, master_plane, opened
from pipelines.calibration.masters.stated import against_stated, linearity, with_stated
from pipelines.calibration.masters.step import Step
from pipelines.calibration.masters.unstable import Spread, mark_unstable
from pipelines.calibration.masters.work import Made, Work
from pipelines.combine import FrameUnreadable, NoiseModel, combine, measure_noise, saturation_of
from pipelines.combine.methods import trims
from pipelines.errors import DarkroomError
from pipelines.instruments import profiles
from pipelines.schedulers.workers import SharedStore

__all__ = ["make", "make_shared", "not_made", "planes"]


class _Unfit(Exception):
    """These frames give no master; the message says why."""


def make(work: Work, *, store: ArrayStore) -> Made:
    """Make a master and store its planes; touches no catalog.

    A frame that is lost or damaged is left out, and the master made of the others, as long as they
    are enough. Where few frames are at fault, a master without them is made beside it.
    """
    made = _made(work.step, work, store)
    if made.acceptance is None or made.acceptance.verdict not in ("look", "disagree"):
        return made
    least = work.options.least(made.step)
    return without_faulty(made, least=least, again=lambda step: _made(step, work, store))


def _made(step: Step, work: Work, store: ArrayStore) -> Made:
    started = time.perf_counter()
    while True:
        try:
            made = maker_of(step.kind).make(step, work, store)
        except FrameUnreadable as error:
            step = step.without(error.name, str(error))
            least = work.options.least(step)
            if len(step.frames) >= least and step.named().master not in work.known:
                continue
            enough = f"{len(step.frames)} of {least} frames are left"
            return _failed(step, f"{error.name} cannot be read; " + _known(step, work, enough), started)
        except (DarkroomError, Lost, ArrayDamaged, _Unfit) as error:
            return _failed(step, str(error), started)
        return replace(made, seconds=time.perf_counter() - started)


def make_shared(shared: SharedStore, work: Work) -> Made:
    """Make a master as `make` does, on a worker of a scheduler."""
    return make(work, store=shared.store)


def not_made(step: Step, problem: str) -> Made:
    """Return that nothing was made, and why."""
    return Made(step, {}, None, {}, {}, {}, {}, 0.0, problem)


def _known(step: Step, work: Work, otherwise: str) -> str:
    name = step.named().master
    return f"{name} is made of the others" if name in work.known else otherwise


def _failed(step: Step, problem: str, started: float) -> Made:
    return replace(not_made(step, problem), seconds=time.perf_counter() - started)


def planes(step: Step, work: Work, store: ArrayStore) -> Made:
    """Make a bias, a dark or a flat: the planes of each image of its frames."""
    names = frame_images(step.frames[0])
    odd = [frame["_id"] for frame in step.frames if frame_images(frame) != names]
    if odd:
        raise _Unfit(f"{odd[0]} has other images than {step.frames[0]['_id']}")
    parts = [(name, _image(step, work, store, name)) for name in names]
    made = parts[0][1] if len(parts) == 1 else together(parts)
    if made.acceptance is None:
        return made
    told = [("" if len(parts) == 1 else name, part.statistics) for name, part in parts]
    return replace(made, acceptance=with_stated(made.acceptance, told))


def _image(step: Step, work: Work, store: ArrayStore, image: str) -> Made:
    """Make the planes of one image of a bias, a dark or a flat."""
    limits = profiles()[step.profile].calibration.limits
    header = stated_in(step.frames, saturation=limits.saturation)
    names = [frame["_id"] for frame in step.frames]
    one = opened(step, image, store)
    if step.kind == "flat":
        one, header["saturation"] = _unclipped(one, header["saturation"], names)
    frames, stated = one.frames, one.stated
    lights = flat_lights(step, work.masters, one, store) if step.kind == "flat" else leveled(one)
    noise = _noise(one, lights, header, names, work, step)
    if lights is None and noise.read_noise is not None and len(frames) > 1:
        lights = drifting(frames, noise.read_noise, names)
    given: dict[str, Any] = {} if work.options.method is None else {"method": work.options.method}
    weighted = (
        step.kind == "flat" and unequal(lights or ()) and noise.gain is not None and given.get("method") != "median"
    )
    if weighted:
        given["weights"] = "inverse-variance"
    combined = combine(
        frames,
        noise=noise,
        # Of some frames only they are of no use: the others' would have to be guessed.
        variances=None if None in stated else stated,
        names=names,
        saturation=header["saturation"],
        clipped_out=step.kind == "flat",
        offsets=None if lights is None else [light.dark for light in lights],
        scale=None if lights is None else [1 / light.level for light in lights],
        workers=1,
        **given,
    )
    planes = combined.planes
    _require_light(planes["dq"], limits.saturated)
    ranked = trims(combined.method)
    samples = np.full(planes["value"].shape, len(frames)) if ranked else planes["count"]
    reference = Reference(
        planes["value"], planes["variance_model"].copy(), samples, inverse=weighted and None in stated
    )
    found: dict[str, Any] = {}
    if step.kind == "flat":
        _add_dark_variance(planes, step, lights or (), work, store, one)
        found = _flag_low_light(planes, dispersed=bool(step.key.get("dispersed")), least=work.options.low_light)
    spread = None if step.kind == "flat" or noise.read_noise is None or len(frames) < 2 else Spread.of(frames[0].shape)
    held = _held(lights, reference, noise, names, work, store, one, spread)
    measured = {**statistics(combined, planes), "saturation": header["saturation"], **found}
    measured["against_stated"] = _against_stated(step, image, lights, noise, header)
    measured["unstable"] = None if spread is None else mark_unstable(planes, spread, noise)
    acceptance = judge_master(
        held,
        against=None if work.current is None else work.current["_id"],
        kind=step.kind,
        rejected=0.0 if ranked else measured["rejected_samples"] / max(1, len(frames) * planes["count"].size),
        untold=None if noise.read_noise is not None else f"no frame can be held out: {noise.reason}",
    )
    refs = {name: store.put(plane, kind=_KINDS.get(name, "master")) for name, plane in planes.items()}
    if spread is not None:
        refs |= {name: store.put(plane, kind=_KINDS.get(name, "master")) for name, plane in spread.planes.items()}
    details = _details(held, lights, names)
    made = Made(step, refs, acceptance, {**measured, **one.treated}, noise.to_dict(), details, {}, 0.0)
    return replace(made, method={key: value for key, value in combined.provenance().items() if key != "frames"})


def _against_stated(
    step: Step,
    image: str,
    lights: Sequence[Normalised] | None,
    noise: NoiseModel,
    header: Mapping[str, float | None],
) -> list[dict[str, Any]]:
    """Compare what frames tell of their camera with their headers, which of several images state the first one's."""
    known = header if image == frame_images(step.frames[0])[0] else {}
    if step.kind != "flat":
        return against_stated(noise, known)
    levels = [light.level for light in lights or ()]
    return against_stated(noise, known, of=("gain",)) + (linearity(step.frames, levels) if levels else [])


def _flag_low_light(planes: Mapping[str, npt.NDArray[Any]], *, dispersed: bool, least: float) -> dict[str, Any]:
    """Flag where a flat has too little light to divide by: below a fraction of the level of its colour, or of its lamp.

    Returns
    -------
    dict
        Of a dispersed flat: ``dispersion``, the axis along which it is.
    """
    value = planes["value"]
    along = dispersion_of(value) if dispersed else None
    with np.errstate(invalid="ignore"):
        enough = (by_spectrum(value, along) if dispersed else by_colour(value)) >= least
    if dispersed:
        enough &= lit(value, planes["variance_model"])
    planes["dq"][...] |= np.where(enough, 0, int(MasterDQ.LOW_LIGHT)).astype(np.uint8)
    return {"dispersion": along} if dispersed else {}


def _noise(
    one: Opened,
    lights: Sequence[Normalised] | None,
    header: Mapping[str, Any],
    names: Sequence[str],
    work: Work,
    step: Step,
) -> NoiseModel:
    """Measure the noise of frames, with what their headers state as a prior; of flats, with that of their darks."""
    if step.kind != "flat":
        gain, read_noise = header["gain"], header["read_noise"]
        return measure_noise(one.frames, names=names, saturation=header["saturation"], gain=gain, read_noise=read_noise)
    unlit = [used.id for used in step.used if used.role == "dark"] or [used.id for used in step.used]
    known = [of_image(work.masters[name], one.image) for name in unlit]
    return flat_noise(lights or (), names, known, saturation=header["saturation"])


def _unclipped(one: Opened, stated: float | None, names: Sequence[str]) -> tuple[Opened, float | None]:
    """Mask the saturated samples of flats, from the value that is stated or at which they pile up; return it too."""
    saturation, clipped = saturation_of(one.frames, stated=stated, names=names)
    frames = [
        Unclipped(frame, saturation) if full and saturation is not None else frame
        for frame, full in zip(one.frames, clipped, strict=True)
    ]
    return replace(one, frames=tuple(frames)), saturation


def together(parts: Sequence[tuple[str, Made]]) -> Made:
    """Join what was made of the images of one group: a plane per image, and the verdict of the worst."""
    names = tuple(name for name, _ in parts)
    refs = {plane_key(plane, name, names): ref for name, made in parts for plane, ref in made.refs.items()}
    verdicts = [(name, made.acceptance) for name, made in parts if made.acceptance is not None]
    name, worst = max(verdicts, key=lambda found: _WORST_LAST.index(found[1].verdict))
    first = parts[0][1]
    return replace(
        first,
        refs=refs,
        acceptance=replace(worst, reason=f"{len(parts)} images; {name}: {worst.reason}"),
        noise={},
        images=tuple({"name": n, "noise": made.noise, "statistics": made.statistics} for n, made in parts),
    )


_WORST_LAST = ("accepted", "untested", "look", "disagree", "worse")  # the verdicts of holding frames out

_KINDS = {"dq": "dq", "samples": "dq", "strikes": "dq"}


def _require_light(dq: npt.NDArray[Any], most: float) -> None:
    saturated = float(((dq & 2) != 0).mean())
    if saturated > most:
        raise _Unfit(f"{saturated:.1%} of the pixels are saturated, {most:.0%} is the limit")
    if bool((dq & 1).all()):
        raise _Unfit("no pixel has a valid sample")


def _add_dark_variance(
    planes: Mapping[str, npt.NDArray[Any]],
    step: Step,
    lights: Sequence[Normalised],
    work: Work,
    store: ArrayStore,
    one: Opened,
) -> None:
    """Add what the noise of darks and biases does to a flat: frames that share one share its noise.

    What is taken away is ``bias + (dark - bias) * scale``: of the bias ``1 - scale`` of it, all without a dark.
    """
    share: dict[str, float] = {}
    level = {frame["_id"]: light.level for frame, light in zip(step.frames, lights, strict=True)}
    scale = {name: used.scale for used in step.used if used.role == "dark" for name in used.frames}
    for used in step.used:
        if used.role in ("dark", "bias"):
            shares = [scale[name] if used.role == "dark" else 1 - scale.get(name, 0.0) for name in used.frames]
            parts = [part / level[name] for part, name in zip(shares, used.frames, strict=True)]
            share[used.id] = share.get(used.id, 0.0) + sum(parts) / len(level)
    for name, weight in share.items():
        plane = master_plane(work.masters[name], "variance_model", one, store)
        dark = plane.read(0, plane.shape[0])
        planes["variance_model"] += np.float32(weight**2) * dark


def _held(
    lights: Sequence[Normalised] | None,
    reference: Reference,
    noise: NoiseModel,
    names: Sequence[str],
    work: Work,
    store: ArrayStore,
    one: Opened,
    spread: Spread | None,
) -> tuple[Held, ...]:
    """Hold each frame out, where noise is known."""
    if noise.read_noise is None:
        return ()
    current = None
    if work.current is not None:
        found = [master_plane(work.current, plane, one, store) for plane in ("value", "variance_model")]
        current = (found[0], found[1])
    if lights is None:
        alike = lambda _, level: noise.variance(level)  # noqa: E731
        return hold_out(one.frames, reference, names=names, variance=alike, current=current, spread=spread)
    pedestal = [pedestal_of(light) for light in lights]

    def variance(i: int, level: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return noise.variance(level * lights[i].level + pedestal[i]) / lights[i].level ** 2

    sky = work.step.kind == "flat"
    held = hold_out(
        lights,
        reference,
        names=names,
        variance=variance,
        current=current,
        sky=sky,
        uneven=one.uneven,
        spread=spread,
    )
    # Of dispersed light a slope is the colour of the lamp.
    return tuple(replace(frame, slope=0.0) for frame in held) if sky and work.step.key.get("dispersed") else held


def _details(
    held: Sequence[Held], lights: Sequence[Normalised] | None, names: Sequence[str]
) -> dict[str, dict[str, Any]]:
    details: dict[str, dict[str, Any]] = {name: {} for name in names}
    for one in held:
        details[one.frame] |= {"shift": one.shift, "influence": one.influence, "share": one.share}
    for name, light in zip(names, lights or (), strict=False):
        details[name]["level"] = light.level
        if light.level == 1.0 and isinstance(light.dark, Raised):
            details[name]["level"] = light.dark.level
    return details
