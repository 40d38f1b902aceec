"""A lease on a night or another name: waited for, renewed, taken over from the dead, never from the living."""

import time
from datetime import UTC, datetime, timedelta

from pipelines.documents.lease import Holder, Lease, acquire


def test_a_lease_is_waited_for(archive):
    leases = archive.catalog["leases"]
    mine = acquire(leases, "a", run="1")
    began = time.monotonic()
    assert isinstance(acquire(leases, "a", run="2", wait=0.3), Holder)
    assert time.monotonic() - began >= 0.3
    mine.release()
    other = acquire(leases, "a", run="2", wait=5)
    assert isinstance(other, Lease)
    other.release()


def test_a_lease_is_renewed_while_it_is_held(archive):
    leases = archive.catalog["leases"]
    mine = acquire(leases, "a", run="1", length=0.3)
    first = leases.find_one({"_id": "a"})
    time.sleep(0.8)
    now = leases.find_one({"_id": "a"})
    assert now["beat"] > first["beat"]
    assert now["expires"] > first["expires"]
    assert not mine.lost
    mine.release()
    assert leases.find_one({"_id": "a"}) is None


def elsewhere(leases, **changes):
    """Make a lease look like that of a machine we know nothing of."""
    leases.update_one({"_id": "a"}, {"$set": {"host": "elsewhere", "born": None, **changes}})


def test_an_expired_lease_is_taken_over_and_its_holder_notices(archive):
    leases = archive.catalog["leases"]
    mine = acquire(leases, "a", run="1", length=0.3)
    elsewhere(leases, expires=datetime.now(UTC) - timedelta(seconds=3600), holder="somebody", beat=0)
    other = acquire(leases, "a", run="2")
    assert isinstance(other, Lease)
    time.sleep(0.4)
    assert mine.lost
    assert not other.lost
    mine.release()  # not his any more to give back
    assert leases.find_one({"_id": "a"})["run"] == "2"
    other.release()


def test_clocks_that_differ_take_no_lease_from_the_living_and_any_from_the_dead(archive):
    leases = archive.catalog["leases"]
    entry = acquire(leases, "a", run="1", length=0.2)
    entry._released.set()  # its holder does nothing more
    elsewhere(leases, expires=datetime.now(UTC) - timedelta(seconds=30))  # half a minute slow, and alive
    assert isinstance(acquire(leases, "a", run="2"), Holder)
    elsewhere(leases, expires=datetime.now(UTC) + timedelta(hours=5))  # hours fast, and dead
    assert isinstance(acquire(leases, "a", run="2"), Holder)
    other = acquire(leases, "a", run="2", wait=5)  # it never beats while we look
    assert isinstance(other, Lease)
    other.release()
