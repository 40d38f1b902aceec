"""The report of an ingest: what was taken, what was not and why, and the exit code that says so."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.table import plain
from pipelines.table.cells import counted

NIGHT_BY_UTC = "night-by-utc"
DOUBTS: Mapping[str, str] = {
    "kind-missing": "no keyword says what kind of frame; kind is 'image'",
    "kind-unknown": "a word for the kind that no dialect or profile knows; say it in a profile",
    "kind-doubtful": "two keywords say different kinds; the first was believed",
    "camera-missing": "nothing names a camera, so they are in no group",
    "camera-model-only": "only a model of camera is named, not which one of its kind",
    "date-missing": "no date of observation",
    "date-unreadable": "a date of observation that cannot be read",
    "time-unreadable": "a day without a time",
    "time-doubtful": "times that contradict each other, or cannot be; both are in obs.time_doubt",
    "night-conflict": "the folder names another night than the header",
    "filter-missing": "the keyword for the filter is empty",
    "exptime-doubtful": "EXPTIME and EXPOSURE differ; EXPTIME was believed",
    "exptime-unreadable": "an exposure time that is no time",
    "header-unparsable": "a value that is not written as FITS has it; kept as text",
    "keyword-repeated": "a keyword twice with different values; the first was believed",
    "checksum-mismatch": "CHECKSUM or DATASUM is not that of the file",
    "bytes-after-end": "something follows the last HDU",
    "extension-unreadable": "what follows an HDU is no HDU that can be read",
    "detector-conflict": "the file is named for another detector than its header says; the header was believed",
    "detector-unknown": "a DETECTOR that is none of the instrument's: its pixels are not found",
    "kind-conflict": "the file is named as another product than its header says; the header was believed",
    "ngroups-conflict": "NGROUPS is not that of the pixels; the pixels were believed",
    "nints-conflict": "NINTS is not that of the pixels; the pixels were believed",
    "columns-conflict": "SUBSIZE1 is not that of the pixels; the pixels were believed",
    "rows-conflict": "SUBSIZE2 is not that of the pixels; the pixels were believed",
    "subarray-missing": "no SUBSTRT1 and SUBSTRT2, so its pixels are not found",
    "subarray-outside": "a window that is not on the detector, so its pixels are not found",
    NIGHT_BY_UTC: "no site is known, so their night is the day in UTC; name it in darkroom.toml, or let "
    "`darkroom site --learn` find it, then identify --all",
}
"""Flags that want attention, in words."""


def doubts_of(flags: Iterable[str], obs_from: Mapping[str, Any]) -> list[str]:
    """Return what identification could not place in one file, as keys of `DOUBTS`."""
    found = [flag for flag in flags if flag in DOUBTS]
    if obs_from.get("night") == "UTC":
        found.append(NIGHT_BY_UTC)
    return found


def doubts_said(doubts: Counter[str]) -> list[str]:
    """Say what identification could not place, the commonest first, a line each."""
    return [f"  {flag}: {counted(count, 'file')}: {DOUBTS[flag]}" for flag, count in doubts.most_common()]


def passed_said(passed: int, asdf: int) -> list[str]:
    """Say how many files of a Mac, and how many of ASDF, were passed over, if any were."""
    mac = f"  passed over: {counted(passed, 'file')} whose name begins with ._, which a Mac keeps beside others"
    roman = f"  passed over: {counted(asdf, 'ASDF file')} (.asdf, as of Roman): only FITS is read"
    return [*([mac] if passed else []), *([roman] if asdf else [])]


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
        What happened, and how to fix it.
    """

    file: str
    code: str
    message: str
    hint: str

    def to_dict(self) -> dict[str, str]:
        """Return it as plain data, by the names of the quarantine's table."""
        return {"file": self.file, "code": self.code, "reason": self.message, "hint": self.hint}

    def __str__(self) -> str:
        return plain(f"{self.code}: {self.file}: {(self.message.splitlines() or [''])[0]}; {self.hint}")


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
    doubts : Counter
        How many of the files taken carry each flag of identification that wants attention.
    identified : int
        Known files that a profile asked for changed.
    lacking : str
        What the store keeps that the catalog lacks, and what to do; empty when nothing is.
    acknowledged : int
        Files that stay in quarantine, of which somebody said so: no fault of this run.
    passed : int
        Files passed over that a Mac keeps beside others; their names begin with ``._``.
    asdf : int
        ASDF files passed over.
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
    doubts: Counter[str] = field(default_factory=Counter)
    identified: int = 0
    lacking: str = ""
    passed: int = 0
    asdf: int = 0
    acknowledged: int = 0

    def note(self, document: Mapping[str, Any]) -> None:
        """Count what identification could not place in a document."""
        self.doubts.update(doubts_of(document["qc"]["flags"], document.get("obs_from", {})))

    @property
    def taken(self) -> int:
        """Files taken in this run."""
        return self.new + self.revised + self.completed

    @property
    def files(self) -> int:
        """Files looked at."""
        waiting = len(self.refused) + len(self.unsettled) + self.left + self.acknowledged
        return self.taken + self.unchanged + waiting

    @property
    def beside(self) -> list[str]:
        """Lines that say how many files were passed over."""
        return passed_said(self.passed, self.asdf)

    @property
    def exit_code(self) -> int:
        """0 when every file is in the archive, 1 when some are in quarantine or left, or the catalog lacks others."""
        return 1 if self.refused or self.unsettled or self.stopped or self.lacking else 0

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data, for machines and for the ledger."""
        return {
            "run": self.run,
            "files": self.files,
            "new": self.new,
            "revised": self.revised,
            "completed": self.completed,
            "unchanged": self.unchanged,
            "refused": [refusal.to_dict() for refusal in self.refused],
            "unsettled": self.unsettled,
            "stopped": self.stopped,
            "left": self.left,
            "nbytes": self.nbytes,
            "stored": self.stored,
            "lacking": self.lacking,
            "seconds": round(self.seconds, 3),
            "doubts": dict(self.doubts),
            "identified": self.identified,
            "passed": self.passed,
            "asdf": self.asdf,
            "acknowledged": self.acknowledged,
        }

    def __repr__(self) -> str:
        if not self.files:
            return "\n".join(["no FITS files found", *self.beside, *([self.lacking] if self.lacking else [])])
        counts = [
            (self.new, "new"),
            (self.revised, "revised"),
            (self.completed, "completed"),
            (self.unchanged, "unchanged"),
            (len(self.refused), "in quarantine"),
            (self.acknowledged, "in quarantine and acknowledged"),
            (len(self.unsettled), "changed just now"),
            (self.left, "left for the next run"),
        ]
        said = ", ".join(f"{count} {name}" for count, name in counts if count)
        size = f"; {self.nbytes / 1e6:.1f} MB of FITS in {self.stored / 1e6:.1f} MB" if self.stored else ""
        lines = [f"{counted(self.files, 'file')}: {said}{size}; {self.seconds:.1f} s"]
        for code, group in _by_code(self.refused).items():
            lines += [f"  {refusal}" for refusal in group[:SHOWN]]
            if len(group) > SHOWN:
                lines.append(f"  {code}: and {len(group) - SHOWN} more; darkroom quarantine list --code {code}")
        if self.identified:
            lines.append(f"  {self.identified} known files identified again by the profile asked for")
        lines += doubts_said(self.doubts)
        lines += self.beside
        lines += [f"  stopped: {self.stopped}; run it again to go on"] if self.stopped else []
        lines += [f"  {self.lacking}"] if self.lacking else []
        return "\n".join(lines)


def _by_code(refused: list[Refusal]) -> dict[str, list[Refusal]]:
    groups: dict[str, list[Refusal]] = {}
    for refusal in refused:
        groups.setdefault(refusal.code, []).append(refusal)
    return groups
