"""A master to make, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arraystore import ArrayRef
from pipelines.calibration.masters.acceptance import Acceptance
from pipelines.calibration.masters.step import MasterOptions, Step
from pipelines.documents.schema import Doc

__all__ = ["Made", "Work"]


@dataclass(frozen=True, slots=True)
class Work:
    """A step, and all that making it needs of the catalog.

    Attributes
    ----------
    step : Step
        What to make.
    masters : Mapping
        Documents of the masters it uses, by name.
    current : Mapping or None
        The master in use, which it is compared with; it shares no frame with this one.
    options : MasterOptions
        How it is made.
    known : frozenset of str
        Masters that there are already.
    """

    step: Step
    masters: Mapping[str, Doc]
    current: Doc | None
    options: MasterOptions
    known: frozenset[str]


@dataclass(frozen=True, slots=True)
class Made:
    """What came of it.

    Attributes
    ----------
    step : Step
        As it was done: frames that could not be read are among the rejected.
    refs : Mapping
        The stored planes; none when nothing was made.
    acceptance : Acceptance or None
        What leave-one-out says.
    statistics, noise, details, method : Mapping
        What was measured, by frame too.
    seconds : float
        Wall time.
    problem : str or None
        Why nothing was made.
    images : tuple of Mapping
        Of several images each: ``name``, ``noise``, ``statistics``.
    beside : Made or None
        What is accepted when frames at fault are left out; they are among its step's rejected, with the reason.
    """

    step: Step
    refs: Mapping[str, ArrayRef]
    acceptance: Acceptance | None
    statistics: Mapping[str, Any]
    noise: Mapping[str, Any]
    details: Mapping[str, Mapping[str, Any]]
    method: Mapping[str, Any]
    seconds: float
    problem: str | None = None
    images: tuple[Mapping[str, Any], ...] = ()
    beside: "Made | None" = None
