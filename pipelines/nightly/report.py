"""The report of a nightly run, night by night, for people and for machines."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pipelines.ingest.report import SHOWN, IngestReport, Refusal, doubts_said, passed_said
from pipelines.pixels.rates import RatesReport
from pipelines.table import plain
from pipelines.table.cells import counted


@dataclass(frozen=True, slots=True)
class NightReport:
    """What became of the files of one night.

    Attributes
    ----------
    night : str
        ``YYYY-MM-DD``, or ``undated``.
    run : str
        The ingest run that took them.
    new, revised, completed, unchanged : int
        As in `IngestReport`.
    refused : tuple of Refusal
        Files now in quarantine.
    left : int
        Files left for a later run, or for the one that holds the night.
    holder : str
        Who else is at work on this night; empty when it was ours.
    nbytes, stored : int
        Bytes of the files taken, and of their arrays on disk.
    seconds : float
        Wall time.
    acknowledged : int
        Files that stay in quarantine, of which somebody said so.
    doubts : Counter
        What identification could not place, and in how many of the files taken.
    """

    night: str
    run: str = ""
    new: int = 0
    revised: int = 0
    completed: int = 0
    unchanged: int = 0
    refused: tuple[Refusal, ...] = ()
    left: int = 0
    holder: str = ""
    nbytes: int = 0
    stored: int = 0
    seconds: float = 0.0
    acknowledged: int = 0
    doubts: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, night: str, report: IngestReport) -> "NightReport":
        """Make it of the report of the ingest that took the night."""
        return cls(
            night,
            report.run,
            report.new,
            report.revised,
            report.completed,
            report.unchanged,
            tuple(report.refused),
            report.left,
            "",
            report.nbytes,
            report.stored,
            report.seconds,
            report.acknowledged,
            report.doubts,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "night": self.night,
            "run": self.run,
            "new": self.new,
            "revised": self.revised,
            "completed": self.completed,
            "unchanged": self.unchanged,
            "refused": [refusal.to_dict() for refusal in self.refused],
            "left": self.left,
            "holder": self.holder,
            "nbytes": self.nbytes,
            "stored": self.stored,
            "seconds": round(self.seconds, 3),
            "acknowledged": self.acknowledged,
            "doubts": dict(self.doubts),
        }

    def __repr__(self) -> str:
        if self.holder:
            return f"{self.night}: {counted(self.left, 'file')} left to another run: {self.holder}"
        counts = (
            (self.new, "new"),
            (self.revised, "revised"),
            (self.completed, "completed"),
            (self.unchanged, "unchanged"),
            (len(self.refused), "in quarantine"),
            (self.acknowledged, "in quarantine and acknowledged"),
            (self.left, "left for the next run"),
        )
        size = f"; {self.nbytes / 1e6:.1f} MB of FITS in {self.stored / 1e6:.1f} MB" if self.stored else ""
        return f"{self.night}: {', '.join(f'{n} {what}' for n, what in counts if n)}{size}; {self.seconds:.1f} s"


@dataclass(slots=True)
class NightlyReport:
    """What a nightly run did.

    Attributes
    ----------
    run : str
        Its name in the ledger.
    nights : list of NightReport
        Night by night, oldest first.
    unsettled : list of str
        Files that have just changed, and may still be written: neither taken nor in quarantine, for the next run.
    stopped : str
        Why it ended early; empty when it did not.
    seconds : float
        Wall time.
    lacking : str
        What the store keeps that the catalog lacks, and what to do; empty when nothing is.
    rates : RatesReport or None
        What became of the rate history; None where it was not asked for, or the run was stopped before.
    passed : int
        Files passed over that a Mac keeps beside others; their names begin with ``._``.
    asdf : int
        ASDF files passed over.
    """

    run: str
    nights: list[NightReport] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    stopped: str = ""
    seconds: float = 0.0
    lacking: str = ""
    rates: RatesReport | None = None
    passed: int = 0
    asdf: int = 0

    @property
    def refused(self) -> list[Refusal]:
        """Files now in quarantine."""
        return [refusal for night in self.nights for refusal in night.refused]

    @property
    def complete(self) -> bool:
        """Whether nothing was left, neither for want of time nor to another run."""
        return not self.stopped and not any(night.left for night in self.nights)

    @property
    def exit_code(self) -> int:
        """1 with files in quarantine, when stopped early, or when the catalog lacks documents, else 0.

        A night that another run is at work on is no fault of this one, nor is a file that is still
        being written: the other run, or the next, takes them.
        """
        return 1 if self.refused or self.stopped or self.lacking else 0

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data, for machines and for the ledger."""
        return {
            "run": self.run,
            "nights": [night.to_dict() for night in self.nights],
            "new": sum(night.new for night in self.nights),
            "refused": len(self.refused),
            "unsettled": self.unsettled,
            "left": sum(night.left for night in self.nights),
            "stopped": self.stopped,
            "complete": self.complete,
            "lacking": self.lacking,
            "rates": None if self.rates is None else self.rates.to_dict(),
            "seconds": round(self.seconds, 3),
            "passed": self.passed,
            "asdf": self.asdf,
        }

    def __repr__(self) -> str:
        lines = [repr(night) for night in self.nights]
        if not self.nights and not self.unsettled:
            lines = [f"no files of these nights; {self.seconds:.1f} s"]
        for night in self.nights:
            lines += [f"  {refusal}" for refusal in night.refused[:SHOWN]]
            if len(night.refused) > SHOWN:
                lines.append(f"  and {len(night.refused) - SHOWN} more of {night.night}: darkroom quarantine list")
        if self.unsettled:
            shown = ", ".join(map(plain, self.unsettled[:SHOWN])) + (", …" if len(self.unsettled) > SHOWN else "")
            lines.append(
                f"unsettled, for the next run: {counted(len(self.unsettled), 'file')} changed too recently: {shown}"
            )
        lines += doubts_said(sum((night.doubts for night in self.nights), Counter()))
        lines += passed_said(self.passed, self.asdf)
        lines += [repr(self.rates)] if self.rates is not None else []
        lines += [self.lacking] if self.lacking else []
        lines += [f"stopped: {self.stopped}; what was taken stays, the next run goes on"] if self.stopped else []
        return "\n".join(lines)
