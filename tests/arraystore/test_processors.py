"""How many processors are used: as the environment says, else as the system does."""

import os

import pytest

from arraystore import StoreError, open_store
from arraystore.processors import processors


def test_the_environment_says_it_and_the_system_else(monkeypatch):
    monkeypatch.delenv("DARKROOM_THREADS", raising=False)
    assert processors() == len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    monkeypatch.setenv("DARKROOM_THREADS", " 3 ")
    assert processors() == 3


@pytest.mark.parametrize("said", ["0", "-1", "two", "1.5"])
def test_what_is_no_number_of_threads_is_refused(monkeypatch, said):
    monkeypatch.setenv("DARKROOM_THREADS", said)
    with pytest.raises(StoreError, match="not a number of threads; write 1 or more"):
        open_store("memory://threads")
