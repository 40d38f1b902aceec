"""Profiles: the built-in ones, those of installed distributions, and clear words when one cannot be used."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from pipelines.instruments import (
    ArrayRule,
    Claim,
    Clock,
    Profile,
    ProfileError,
    Take,
    choose,
    identify,
    plan_arrays,
    profiles,
)

HUNTSMAN = """
from pipelines.instruments import Claim, Clock, Profile, Take

PROFILE = Profile(
    name="huntsman",
    title="a Huntsman frame",
    claims=(Claim(header=(("INSTRUME", "huntsman.*"),)),),
    instrument=Take(constant="huntsman"),
    camera=Take(keywords=("CAM-ID",), expected=True),
    kind=Take(keywords=("IMAGETYP",), vocabulary=(("light frame", "light"),), fold=True),
    clock=Clock(keywords=(("DATE-OBS",),), zone="Australia/Sydney"),
)
CLASHING = Profile(
    name="dragonfly",
    title="another Dragonfly",
    claims=(Claim(),),
    instrument=Take(constant="x"),
    kind=Take(constant="x"),
    clock=Clock(keywords=()),
)
NUMBER = 5
"""


BUILT_IN = ["dragonfly", "miri", "miri_jpl", "miri_otis", "nircam", "nirspec", "niriss", "fgs", "generic"]


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution with an entry point, as pip would leave it on the path."""

    def make(target, *, dist="huntsman-darkroom", entry="huntsman", code=HUNTSMAN, module="huntsman_profile"):
        (tmp_path / f"{module}.py").write_text(code)
        info = tmp_path / f"{dist.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[darkroom.instruments]\n{entry} = {target}\n")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, module, raising=False)

    return make


def test_the_built_in_profiles():
    assert list(profiles())[:9] == BUILT_IN
    assert all(name == profile.name for name, profile in profiles().items())


def test_an_installed_profile_is_used_like_a_built_in_one(install, hdu):
    install("huntsman_profile:PROFILE")
    known = profiles()
    header = {
        "INSTRUME": "Huntsman-2",
        "IMAGETYP": "Light Frame",
        "DATE-OBS": "2024-02-20T10:00:00",
        "CAM-ID": "c1",
    }
    path = PurePosixPath("/data/x.fits")
    profile = choose(path, [hdu(header, (4, 4))], profiles=known)
    assert profile.name == "huntsman"
    identity = identify(profile, path, [hdu(header, (4, 4))])
    assert (identity.kind, identity.date, identity.camera, identity.flags) == (
        "light",
        "2024-02-20",
        "c1",
        (),
    )
    assert [plan.names for plan in plan_arrays(profile, [hdu(header, (4, 4))])] == [("sci",)]


def test_a_built_in_profile_by_entry_point_is_itself(install):
    install("pipelines.instruments.dragonfly:PROFILE", dist="darkroom-copy", entry="dragonfly")
    assert list(profiles())[:9] == BUILT_IN


@pytest.mark.parametrize(
    ("target", "code", "says"),
    [
        ("huntsman_profile:ABSENT", HUNTSMAN, "does not load: AttributeError"),
        ("no_such_module_anywhere:PROFILE", HUNTSMAN, "does not load: ModuleNotFoundError"),
        ("huntsman_profile:PROFILE", "1/0", "does not load: ZeroDivisionError"),
        ("huntsman_profile:NUMBER", HUNTSMAN, "is a int, not a Profile"),
        ("huntsman_profile:CLASHING", HUNTSMAN, "'dragonfly'.*has the name of one of Darkroom itself"),
    ],
)
def test_an_unusable_profile_is_named_with_its_distribution(install, target, code, says):
    install(target, code=code)
    with pytest.raises(ProfileError, match=says) as caught:
        profiles()
    assert caught.value.code == "profile-plugin"
    assert "huntsman-darkroom 1.2" in str(caught.value)
    assert "uninstall" in caught.value.hint


def test_two_distributions_with_one_name_are_both_named(install):
    install("huntsman_profile:PROFILE", dist="first")
    install("second_profile:PROFILE", dist="second", module="second_profile")
    with pytest.raises(
        ProfileError, match=r"distribution second 1\.2 has the name of one of the distribution first 1\.2"
    ):
        profiles()


def plain(name, *claims):
    clock = Clock(keywords=(("DATE-OBS",),))
    return Profile(
        name=name,
        title="x",
        claims=claims,
        instrument=Take(constant="x"),
        kind=Take(constant="x"),
        clock=clock,
    )


def test_the_claim_with_more_conditions_wins_whatever_the_order(hdu):
    broad = plain("broad", Claim(header=(("INSTRUME", "WFI"),)))
    narrow = plain("narrow", Claim(path=r"night/[^/]+", header=(("INSTRUME", "WFI"),)), Claim(ndim=5))
    path, hdus = PurePosixPath("/a/night/b.fits"), [hdu({"INSTRUME": "wfi"}, (3, 3))]
    for order in ([broad, narrow], [narrow, broad]):
        assert choose(path, hdus, profiles={profile.name: profile for profile in order}) is narrow
        elsewhere = choose(PurePosixPath("/a/b.fits"), hdus, profiles={p.name: p for p in order})
        assert elsewhere is broad


def test_equal_claims_are_not_decided_by_chance(hdu):
    one, two = plain("one", Claim(ndim=2)), plain("two", Claim(header=(("A", ".*"),)))
    with pytest.raises(ProfileError, match="claimed by one and two alike") as caught:
        choose(PurePosixPath("b.fits"), [hdu({"A": 1}, (3, 3))], profiles={"two": two, "one": one})
    assert caught.value.code == "profile-ambiguous"


def test_without_generic_a_file_may_belong_to_none(hdu):
    with pytest.raises(ProfileError, match="include the generic profile"):
        choose(PurePosixPath("b.fits"), [hdu()], profiles={"one": plain("one", Claim(ndim=2))})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "Dragon Fly"}, "lower-case identifier"),
        ({"path": "(unclosed"}, "does not compile"),
        ({"claims": (Claim(header=(("A", "["),)),)}, "does not compile"),
        ({"clock": Clock(keywords=(), zone="America/Nowhere")}, "no time zone 'America/Nowhere'"),
        ({"arrays": (ArrayRule(hdu="SCI", names=("a", "b"), kinds=("frame",)),)}, "names .* for kinds"),
        ({"arrays": (ArrayRule(hdu="SCI", names=("a", "b"), kinds=("frame",) * 2),)}, "names .* for kinds"),
        (
            {"arrays": (ArrayRule(hdu="SCI", names=("a",), kinds=("frame",), split="no"),)},
            "uses the split 'no'",
        ),
        ({"id_parts": 0}, "at least one path component"),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused_when_it_is_made(changes, says):
    with pytest.raises(ProfileError, match=says) as caught:
        replace(plain("one", Claim()), **changes)
    assert caught.value.code == "profile-invalid"


def test_profiles_are_small_and_light():
    import pipelines.instruments as package

    folder = Path(package.__file__).parent
    for name in ("dragonfly", "miri", "miri_jpl", "miri_otis", "generic"):
        assert len((folder / f"{name}.py").read_text().splitlines()) <= 150
    code = """import sys, pipelines.instruments, pipelines.demo.simulate
sys.exit(bool({'astropy', 'zarr', 'pandas', 'dask', 'pymongo'} & set(sys.modules)))"""
    assert subprocess.run([sys.executable, "-c", code], cwd=folder.parents[1], check=False).returncode == 0
