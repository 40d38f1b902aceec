"""How many processors this process may use: one answer, for whoever divides its work among threads or processes."""

import os

from arraystore.errors import StoreError

__all__ = ["VARIABLE", "processors"]

VARIABLE = "DARKROOM_THREADS"


def processors() -> int:
    """Return how many processors this process may use, at least 1.

    ``DARKROOM_THREADS`` says it, for a machine that others use too, or for many workers on one machine; otherwise the
    system does, which knows what a container or ``taskset`` allows.

    Raises
    ------
    StoreError
        The variable is not a whole number from 1.

    Examples
    --------
    >>> processors() >= 1
    True
    """
    said = os.environ.get(VARIABLE, "").strip()
    if said:
        if not said.isdecimal() or int(said) < 1:
            raise StoreError(f"{VARIABLE}={said!r} is not a number of threads; write 1 or more, or unset it")
        return int(said)
    affinity = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(affinity(0)) if affinity else os.cpu_count() or 1
