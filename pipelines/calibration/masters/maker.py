"""What drafts and makes one kind of master: a module with the functions of `Maker`, named in `groups.kinds.KINDS`."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol, cast

from arraystore import ArrayStore
from catalog import Catalog
from pipelines.calibration.groups.kinds import KINDS
from pipelines.calibration.masters.step import MasterOptions, Step
from pipelines.calibration.masters.work import Made, Work

__all__ = ["Maker", "maker_of"]


class Maker(Protocol):
    """The module of a kind of master."""

    def draft(
        self,
        catalog: Catalog,
        kind: str,
        *,
        date: str,
        expected: Sequence[Mapping[str, Any]],
        without: frozenset[str],
        options: MasterOptions,
    ) -> list[Step]:
        """Return a step for each master there could be: frames, masters applied to them, parameters.

        Parameters
        ----------
        expected : sequence of Mapping
            Masters that earlier steps of the same plan will make.
        without : frozenset of str
            Frames and masters taken to be bad.
        """

    def make(self, step: Step, work: Work, store: ArrayStore) -> Made:
        """Make the planes of a step and store them; touches no catalog.

        Raises
        ------
        FrameUnreadable
            One of its frames cannot be read; it is made again without.
        DarkroomError
            These frames give no master; the message says why.
        """


def maker_of(kind: str) -> Maker:
    """Return the module that makes a kind of master."""
    return cast("Maker", import_module(KINDS[kind].maker))
