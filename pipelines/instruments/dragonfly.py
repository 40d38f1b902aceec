"""Dragonfly Telephoto Array: a night's frames of many small cameras, in Mayhill, New Mexico.

A file is ``{unit}/{night}/{serial}_{exposure_number}_{kind}.fits``. DATE is the UTC of the
exposure, in whole seconds and without a zone; the exposure number stands only in the name.
"""

from __future__ import annotations

from pipelines.instruments.calibration import SHUTTER, Calibration, FrameLimits, GroupKey, Site, standard_rules
from pipelines.instruments.profile import ArrayRule, Claim, Clock, Profile, Take

_FILE = (
    r"(?P<night>[0-9]{4}-[0-9]{2}-[0-9]{2})/"
    r"(?P<serial>[^/_]+)(?:_(?P<exposure_number>[0-9]+))?_(?P<kind>[A-Za-z]+)(?i:\.fits?(?:\.(?:gz|bz2|fz))?)"
)
_PATH = rf"(?P<unit>[^/]+)/{_FILE}"

KINDS = (
    ("light frame", "light"),
    ("object", "light"),
    ("science", "light"),
    ("dark frame", "dark"),
    ("flat frame", "flat"),
    ("flat field", "flat"),
    ("flatfield", "flat"),
    ("skyflat", "flat"),
    ("sky flat", "flat"),
    ("twilight flat", "flat"),
    ("bias frame", "bias"),
    ("zero", "bias"),
    ("offset", "bias"),
)
"""Words for the kinds of frames that cameras write, and the catalog's."""

_TWILIGHT = GroupKey(name="flat_time", paths=("flat_time",))

CALIBRATION = Calibration(
    groups=standard_rules(exptime=SHUTTER, flat_keys=(_TWILIGHT,)),
    limits=FrameLimits(
        saturation=65535,
        # 10 to 45 thousand: the window of LAST's twilight flats, also of 16 bit.
        level=(("flat", 10_000.0, 45_000.0), ("dark", 1.0, 10_000.0), ("bias", 1.0, 10_000.0)),
    ),
)

PROFILE = Profile(
    name="dragonfly",
    title="a Dragonfly frame, {unit}/{night}/{serial}_{exposure_number}_{kind}.fits",
    # A unit of another name is believed when the header, too, is that of a Dragonfly camera.
    claims=(
        Claim(path=rf"Dragonfly[^/]*/{_FILE}"),
        Claim(path=_PATH, header=(("SERIALNO", r".+"), ("IMAGETYP", r".+"))),
    ),
    path=_PATH,
    instrument=Take(constant="dragonfly"),
    camera=Take(keywords=("SERIALNO",), group="serial", expected=True),
    kind=Take(keywords=("IMAGETYP",), group="kind", vocabulary=KINDS, fold=True, expected=True),
    exposure_number=Take(group="exposure_number", expected=True),
    fields=(("unit", Take(group="unit")),),
    clock=Clock(keywords=(("DATE",),), zone="America/Denver"),
    flat_kinds=("flat",),
    arrays=(ArrayRule(hdu="PRIMARY", names=("sci",), kinds=("frame",), ndim=2),),
    calibration=CALIBRATION,
    # Mayhill, New Mexico: observatory code H06 of the Minor Planet Center.
    site=Site(longitude=-105.529, latitude=32.903, height=2225.0),
)
