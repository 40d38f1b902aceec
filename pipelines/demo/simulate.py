"""Simulates FITS files on disk, and says what is true of them: a Dragonfly night, a MIRI campaign.

The same arguments give the same files, byte for byte. A camera keeps its pixels from night to
night. Only numpy and astropy are used.
"""

from __future__ import annotations

from pipelines.demo.cameras import Camera, cameras
from pipelines.demo.campaign import CampaignTruth, Exposure, simulate_campaign
from pipelines.demo.faults import FAULTS
from pipelines.demo.night import Frame, NightTruth, simulate_night
from pipelines.demo.products import simulate_calibration
from pipelines.demo.troubles import TROUBLES

__all__ = [
    "FAULTS",
    "TROUBLES",
    "Camera",
    "CampaignTruth",
    "Exposure",
    "Frame",
    "NightTruth",
    "cameras",
    "simulate_calibration",
    "simulate_campaign",
    "simulate_night",
]
