"""Instruments: which profile a FITS file belongs to, what the file is, and which arrays it holds.

`choose` finds the profile that claims a file, `identify` reads the file's fields by it,
`plan_arrays` says which arrays its HDUs become. A profile is data, see `profile.py`.
"""

from pipelines.instruments.calibration import OVERSCAN, SETUP, Calibration, FrameLimits, GroupKey, GroupRule, Site
from pipelines.instruments.choosing import choose
from pipelines.instruments.dragonfly import KINDS
from pipelines.instruments.errors import ProfileError
from pipelines.instruments.identify import identify, path_night
from pipelines.instruments.lookup import StoredHdu, look_up
from pipelines.instruments.observe import Facts, Observation, observe
from pipelines.instruments.plan import plan_arrays
from pipelines.instruments.profile import (
    ArrayPlan,
    ArrayRule,
    Claim,
    Clock,
    Derived,
    HduLike,
    Identity,
    Profile,
    Take,
)
from pipelines.instruments.registry import GROUP, profiles
from pipelines.instruments.splits import SPLITS, Split

__all__ = [
    "GROUP",
    "KINDS",
    "OVERSCAN",
    "SETUP",
    "SPLITS",
    "ArrayPlan",
    "ArrayRule",
    "Calibration",
    "Claim",
    "Clock",
    "Derived",
    "Facts",
    "FrameLimits",
    "GroupKey",
    "GroupRule",
    "HduLike",
    "Identity",
    "Observation",
    "Profile",
    "ProfileError",
    "Site",
    "Split",
    "StoredHdu",
    "Take",
    "choose",
    "identify",
    "look_up",
    "observe",
    "path_night",
    "plan_arrays",
    "profiles",
]
