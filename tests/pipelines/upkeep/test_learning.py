"""The site learned from when cameras never exposed: its nights are whole afterwards, or it is refused."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import NothingThere, UsageError
from pipelines.instruments.home import read_site
from pipelines.upkeep.learning import quiet_part
from tests.pipelines.command import darkroom


def observe(raw, *, longitude, hours=range(-5, 6), nights=3, camera="QHY-1", kind="Light Frame"):
    """Write a light each hour around local midnight."""
    for night in range(nights):
        midnight = datetime(2024, 3, 10 + night, tzinfo=UTC) - timedelta(hours=longitude / 15)
        for hour in hours:
            time = midnight + timedelta(hours=hour)
            card = {"IMAGETYP": kind, "INSTRUME": camera, "EXPTIME": 60.0, "DATE-OBS": time.isoformat()[:19]}
            pixels = np.full((4, 4), night * 24 + hour + 24, np.uint16)
            fits.PrimaryHDU(pixels, fits.Header(card)).writeto(raw / f"{camera}_{night}_{hour}_{kind[:2]}.fits")


@pytest.mark.parametrize("longitude", [-155.0, -70.0, 0.0, 149.0, 179.0])
def test_the_site_is_learned_and_nights_are_whole(archive, raw, longitude):
    observe(raw, longitude=longitude)
    observe(raw, longitude=longitude + 150, kind="Dark Frame")  # darks are taken by day
    archive.ingest(raw)
    foreseen = archive.upkeep.learn_site(dry_run=True)
    assert read_site(archive.session.home).source is None
    learned = archive.upkeep.learn_site()
    off = (learned.longitude - longitude + 180) % 360 - 180
    assert abs(off) <= learned.uncertainty
    assert (foreseen.longitude, learned.frames) == (learned.longitude, 33)
    assert read_site(archive.session.home).longitude == learned.longitude
    archive.identify(everything=True)
    nights = {}
    for document in archive.headers.find({"kind": "light"}):
        nights.setdefault(document["path"].split("_")[1], set()).add(document["date"])
    assert {name: len(dates) for name, dates in nights.items()} == {"0": 1, "1": 1, "2": 1}
    assert len(set().union(*nights.values())) == 3


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"hours": range(-5, 6), "nights": 1}, "too little"),
        ({"hours": range(-5, -3), "nights": 12}, "cover only"),
        ({"hours": range(-11, 12), "nights": 3}, "no part of the UTC day"),
        ({"kind": "Dark Frame"}, "too little"),
    ],
)
def test_thin_evidence_is_refused_and_nothing_written(archive, raw, how, why):
    observe(raw, longitude=0, **how)
    archive.ingest(raw)
    with pytest.raises(NothingThere, match=why):
        archive.upkeep.learn_site()
    assert not (archive.session.home / "darkroom.toml").exists()


def test_cameras_at_two_sites_are_refused_by_name(archive, raw):
    observe(raw, longitude=-155)
    observe(raw, longitude=20, camera="QHY-2")
    archive.ingest(raw)
    with pytest.raises(NothingThere, match=r"QHY-1.*QHY-2.*profile"):
        archive.upkeep.learn_site()


def test_a_site_that_is_named_stays_and_comments_do_too(archive, raw):
    file = archive.session.home / "darkroom.toml"
    observe(raw, longitude=30)
    archive.ingest(raw)
    file.write_text("# ours")
    archive.upkeep.learn_site()
    assert file.read_text().startswith("# ours\n[site]\n")
    before = file.read_text()
    with pytest.raises(UsageError, match="already"):
        archive.upkeep.learn_site()
    assert file.read_text() == before


def test_the_command_says_it(archive, raw):
    observe(raw, longitude=-79)
    archive.ingest(raw)
    home = str(archive.session.home)

    def run(*words):
        done = darkroom("--home", home, "site", *words)
        assert done.returncode == 0
        return done.stdout

    assert "names no site" in run()
    assert "nothing was written" in run("--learn", "--dry-run")
    assert "darkroom identify --all" in run("--learn")
    assert abs(json.loads(run("--json"))["longitude"] + 79) < 30


@given(st.lists(st.integers(0, 86_399), min_size=1, max_size=40))
def test_the_quiet_part_holds_no_moment_and_none_is_longer(moments):
    begin, gap = quiet_part(np.array(moments, float))
    after = (np.array(moments) - begin * 3600 + 1e-6) % 86_400
    assert np.all((after < 1e-3) | (after >= gap * 3600 - 1e-3))
    ordered = sorted({*moments})
    brute = max((b - a) for a, b in zip(ordered, [*ordered[1:], ordered[0] + 86_400], strict=True))
    assert abs(gap * 3600 - brute) < 1e-3
