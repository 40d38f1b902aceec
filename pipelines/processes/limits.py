"""What one untrusted file may cost: memory and time, and how a process holds itself to it."""

import resource
from dataclasses import dataclass
from pathlib import Path

MEMORY = 1 << 30
SECONDS = 30.0
SLOWEST = 1 << 20  # bytes a second: whoever reads slower than this is taken to hang


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Memory and time for one file.

    Attributes
    ----------
    memory : int
        Bytes of memory a process may take for a file; a file of more bytes on disk may take as many
        as it has there. Arrays are read and stored in bands, so real files stay far below; what
        needs more is small on disk and large in memory, and that is what a bomb is.
    seconds : float
        Time for a file, besides a second for each MiB it has on disk.
    """

    memory: int = MEMORY
    seconds: float = SECONDS

    def memory_for(self, size: int) -> int:
        """Return the bytes of memory that a file of `size` bytes may take."""
        return max(self.memory, size)

    def seconds_for(self, size: int) -> float:
        """Return the seconds that a file of `size` bytes may take."""
        return self.seconds + max(0, size) / SLOWEST


class Fence:
    """Holds this process to an amount of memory: what is over it is a MemoryError.

    The limit is on private, writable memory (RLIMIT_DATA: heap and anonymous mappings since Linux
    4.7), the part of the resident size that a file can drive up; address space as a whole would count
    libraries and reserved stacks that cost nothing.
    """

    def __init__(self) -> None:
        self._hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        status = _status()
        #: Reserved at the start and not in use: thread stacks, the allocator's arenas.
        self._idle = max(0, status.get("VmData", 0) - status.get("RssAnon", 0))

    def allow(self, nbytes: int) -> None:
        """Let the process have `nbytes` of memory in use from now on, and no more."""
        wanted = nbytes + self._idle
        if self._hard != resource.RLIM_INFINITY:
            wanted = min(wanted, self._hard)
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, self._hard))


def _status() -> dict[str, int]:
    """Return the sizes in ``/proc/self/status``, bytes; nothing where there is no such file."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return {}
    parts = [line.split() for line in lines if line.endswith("kB")]
    return {name.rstrip(":"): int(count) * 1024 for name, count, _ in parts}
