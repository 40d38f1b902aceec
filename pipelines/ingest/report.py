"""The report of an ingest: what was taken, what was not and why, and the exit code that says so."""

from dataclasses import dataclass, field
from typing import Any

SHOWN = 5  # refusals of one kind that are written out for people


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was not taken.

    Attributes
    ----------
    file : str
        The file.
    code : str
        The kind of refusal, as in the quarantine.
    message, hint : str
        What happened, and what would mend it.
    """

    file: str
    code: str
    message: str
    hint: str

    def __str__(self) -> str:
        return f"{self.code}: {self.file}: {self.message.splitlines()[0]}; {self.hint}"


@dataclass(slots=True)
class IngestReport:
    """What an ingest did.

    Attributes
    ----------
    run : str
        The run's name in the ``runs`` collection.
    new, revised, completed, unchanged : int
        Files with a new document; with new bytes under a known path; whose arrays were added to
        headers already known; and skipped because nothing changed.
    refused : list of Refusal
        Files now in quarantine.
    unsettled : list of str
        Files that changed while they were read: neither taken nor in quarantine, for the next run.
    stopped : str
        Why the run ended early; empty when it did not. `left` files were not looked into then.
    nbytes, stored : int
        Bytes of the files taken, and of what the arrays of those files take on disk.
    seconds : float
        Wall time.
    """

    run: str
    new: int = 0
    revised: int = 0
    completed: int = 0
    unchanged: int = 0
    refused: list[Refusal] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    stopped: str = ""
    left: int = 0
    nbytes: int = 0
    stored: int = 0
    seconds: float = 0.0

    @property
    def taken(self) -> int:
        """Files taken in this run."""
        return self.new + self.revised + self.completed

    @property
    def files(self) -> int:
        """Files looked at."""
        return self.taken + self.unchanged + len(self.refused) + len(self.unsettled) + self.left

    @property
    def exit_code(self) -> int:
        """0 when every file is in the archive, 1 when some are in quarantine, or left for the next run."""
        return 1 if self.refused or self.unsettled or self.stopped else 0

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data, for machines and for the ledger."""
        return {
            "run": self.run,
            "files": self.files,
            "new": self.new,
            "revised": self.revised,
            "completed": self.completed,
            "unchanged": self.unchanged,
            "refused": [{"file": r.file, "code": r.code, "message": r.message, "hint": r.hint} for r in self.refused],
            "unsettled": self.unsettled,
            "stopped": self.stopped,
            "left": self.left,
            "nbytes": self.nbytes,
            "stored": self.stored,
            "seconds": round(self.seconds, 3),
        }

    def __repr__(self) -> str:
        if not self.files:
            return "no FITS files found"
        counts = [
            (self.new, "new"),
            (self.revised, "revised"),
            (self.completed, "completed"),
            (self.unchanged, "unchanged"),
            (len(self.refused), "in quarantine"),
            (len(self.unsettled), "still being written"),
            (self.left, "left for the next run"),
        ]
        said = ", ".join(f"{count} {name}" for count, name in counts if count)
        size = f"; {self.nbytes / 1e6:.1f} MB of FITS in {self.stored / 1e6:.1f} MB" if self.stored else ""
        lines = [f"{self.files} files: {said}{size}; {self.seconds:.1f} s"]
        for code, group in _by_code(self.refused).items():
            lines += [f"  {refusal}" for refusal in group[:SHOWN]]
            if len(group) > SHOWN:
                lines.append(f"  {code}: and {len(group) - SHOWN} more; darkroom quarantine list --code {code}")
        lines += [f"  stopped: {self.stopped}; run it again to go on"] if self.stopped else []
        return "\n".join(lines)


def _by_code(refused: list[Refusal]) -> dict[str, list[Refusal]]:
    groups: dict[str, list[Refusal]] = {}
    for refusal in refused:
        groups.setdefault(refusal.code, []).append(refusal)
    return groups
