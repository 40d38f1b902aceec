"""What every backend must do, as checks anyone can run, and a backend that fails on purpose."""

from arraystore.testing.contract import CONTRACT, FAULTS, Fault, FaultyBackend, check_faults

__all__ = ["CONTRACT", "FAULTS", "Fault", "FaultyBackend", "check_faults"]
