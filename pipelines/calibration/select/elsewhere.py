"""Masters made elsewhere: stacks of WBPP, Siril, IRAF, ccdproc and scripts, seen as masters among ours.

They are frames of the archive of the kinds ``bias-stack``, ``dark-stack`` and ``flat-stack``. None of them was made or
judged here, so none is ever verified: they serve only where somebody asks for them, and after every master of ours.
Camera and exposure time have to agree; of the rest, what both sides state.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from catalog import Catalog
from pipelines.calibration.groups.keys import images_of, trait
from pipelines.calibration.select.departed import unfit
from pipelines.documents.observations import hdus_of
from pipelines.documents.schema import Doc
from pipelines.instruments import GroupRule
from pipelines.instruments.corrected import Corrected, read_corrected
from pipelines.instruments.lookup import Headers

__all__ = ["STACKED", "as_master", "made_by", "stacks"]

STACKED = ("bias", "dark", "flat")
"""Kinds of masters that other programs make as well."""

_TAIL = "-stack"


def stacks(catalog: Catalog, cameras: Iterable[Any], kinds: Iterable[str] = STACKED) -> dict[Any, list[Doc]]:
    """Return the stacks of some cameras that the archive holds, by camera: their documents as they are stored."""
    wanted = [kind + _TAIL for kind in kinds if kind in STACKED]
    known = [camera for camera in cameras if camera is not None]
    if not wanted or not known:
        return {}
    found: dict[Any, list[Doc]] = {}
    query = {"obs.camera": {"$in": known}, "kind": {"$in": wanted}}
    for doc in catalog.headers.find(query):
        if images_of(doc):
            found.setdefault(doc["obs"]["camera"], []).append(doc)
    return found


def as_master(stack: Doc, rule: GroupRule) -> Doc:
    """Return a stack as a master that choosing can judge.

    Parameters
    ----------
    stack : Mapping
        Its document in ``headers``.
    rule : GroupRule
        Of the profile of the frame it is to serve.

    Returns
    -------
    Mapping
        With the status ``elsewhere``; ``unfit`` says why it can never serve, from what its header states.
    """
    kind = str(stack["kind"]).removesuffix(_TAIL)
    done = read_corrected(Headers(hdus_of(stack)), str(stack["_id"]).rpartition("/")[2])
    names = images_of(stack)
    marked = unfit(stack)
    return {
        **{name: stack.get(name) for name in ("_id", "date", "timestamp", "instrument", "profile", "obs", "ingest")},
        "kind": kind,
        "camera": (stack.get("obs") or {}).get("camera"),
        "key": {key.name: trait(stack, key)[0] for key in rule.keys},
        "flat_time": stack.get("flat_time"),
        "status": "elsewhere",
        "identity": stack.get("pixels_digest"),
        "arrays": stack["arrays"],
        **({"images": [{"name": name} for name in names]} if len(names) > 1 else {}),
        "inputs": [],
        "masters": [],
        "noise": {},
        "parameters": {},
        "recalled": stack.get("recalled") or {},
        **({"departed": [f"it is {marked}"]} if marked else {}),
        "unfit": _unfit(kind, done),
        "made": {"by": done.program, "removed": dict(done.removed), "unit_range": done.unit_range, "of": _count(stack)},
    }


def made_by(master: Doc) -> str:
    """Say of a stack who made it of how many frames, as far as it says.

    Examples
    --------
    >>> made_by({"made": {"by": "Siril 1.2.1", "of": 20}}), made_by({"made": {"by": None, "of": None}})
    ('made elsewhere (Siril 1.2.1, 20 frames)', 'made elsewhere')
    """
    made = master["made"]
    said = [*([made["by"]] if made["by"] else []), *([f"{made['of']} frames"] if made["of"] else [])]
    return f"made elsewhere ({', '.join(said)})" if said else "made elsewhere"


def _count(stack: Mapping[str, Any]) -> int | None:
    found = (stack.get("obs") or {}).get("stacked")
    return int(found) if isinstance(found, int) and found > 1 else None


def _unfit(kind: str, done: Corrected) -> str | None:
    """Say why a stack can serve no raw frame: what frames hold must be in it, and of a flat must not."""
    if kind == "flat":
        if "flat" in done.removed:
            return f"it was divided by a flat itself ({done.removed['flat']})"
        if not {"bias", "dark", "something"} & done.removed.keys():
            return (
                "nothing in it says that bias or dark was taken from its frames: divided by it, light would come out "
                "wrong; CALSTAT = 'B' or 'D' in its header says so"
            )
        return None
    for what in ("bias", "dark", "flat", "overscan", "something"):
        if what in done.removed:
            told = "it was corrected" if what == "something" else f"its {what} was taken from it already"
            return f"{told} ({done.removed[what]}), so that it does not hold what a raw frame does"
    if not done.counts:
        return f"its unit is {done.unit} (BUNIT), not that of raw frames"
    return None
