"""``darkroom demo``: a night and a campaign, from files on disk to answers, by the public API alone.

This is the example to copy: whatever it does with an archive, a notebook may do.
"""

import shutil
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from pipelines import Archive, open_archive
from pipelines.demo.products import simulate_calibration
from pipelines.demo.simulate import TROUBLES, CampaignTruth, NightTruth, simulate_campaign, simulate_night
from pipelines.errors import UsageError

Say = Callable[[str], object]


def run(folder: Path, *, shape: tuple[int, int], say: Say) -> None:
    """Simulate files under a folder, ingest them, ask the questions, and say what was found.

    Parameters
    ----------
    folder : Path
        A new or empty folder, or that of an earlier demo, which is then asked again.
    shape : tuple of int
        Rows and columns of the simulated frames.
    say : callable
        Prints one line.

    Raises
    ------
    UsageError
        The folder holds something else.
    """
    folder = folder.absolute()
    files, home = folder / "fits", folder / "archive"
    if folder.exists() and any(folder.iterdir()) and not (files.is_dir() and home.is_dir()):
        raise UsageError(f"{folder} holds something else; name a new folder: darkroom demo FOLDER")
    say(f"Simulating a night of eight cameras and a MIRI campaign in {files}")
    home.mkdir(parents=True, exist_ok=True)
    night = simulate_night(files / "dragonfly", shape=shape, troubles=TROUBLES)
    campaign = simulate_campaign(files / "miri")
    products = [
        product
        for uncal in sorted(campaign.folder.rglob("*_uncal.fits"))
        for product in simulate_calibration(uncal, campaign.folder / "products")
    ]
    count = len(night.frames) + len(campaign.exposures) + len(products)
    nbytes = night.nbytes + campaign.nbytes + sum(product.stat().st_size for product in products)
    say(f"  {count} FITS files, {nbytes / 1e6:.0f} MB\n")
    with open_archive(home) as archive:
        _ingest(archive, files, say)
        _ask_of_the_night(archive, night, say)
        _check_the_night(archive, night, say)
        _ask_of_the_pixels(archive, campaign, say)
        _draw_the_pixel(archive, campaign, folder / "pixel.png", say)
        _export(archive, night, folder / "exported.fits", say)
        say("What the archive holds\n")
        say(f"{archive.status()!r}\n")
    _what_next(home, night, say)


def _ingest(archive: Archive, files: Path, say: Say) -> None:
    say("Ingest\n")
    say(f"  {archive.ingest(files)!r}")
    started = time.perf_counter()
    say(f"  and again: {archive.ingest(files)!r} ({time.perf_counter() - started:.2f} s)\n")


def _ask_of_the_night(archive: Archive, night: NightTruth, say: Say) -> None:
    dates = [night.night, "2024-02-21"]
    lights = list(archive.headers.find({"header.IMAGETYP": "light", "date": {"$in": dates}}, {"path": 1}))
    say(f"Which lights were taken on {' and '.join(dates)}?  {len(lights)}, the first is {lights[0]['_id']}")
    say(f"Which nights are there?  {', '.join(archive.headers.distinct('date', {'profile': 'dragonfly'}))}\n")

    groups = archive.dark_groups(date=night.night)
    say("Which darks go together, by serial number and exposure time?\n")
    for group in groups[:4]:
        say(f"  {group['serialno']}  {group['exptime']:4.0f} s  {', '.join(Path(d).name for d in group['darks'])}")
    found = {(g["serialno"], g["exptime"]): g["darks"] for g in groups}
    say(f"  … {len(groups)} groups; {_as('as simulated', found == night.dark_groups())}\n")

    say("Do the cameras agree on evening and morning flats?\n")
    conflicts = archive.flat_conflicts(date=night.night)
    for conflict in conflicts[:4]:
        votes = ", ".join(f"{n} say {t}" for t, n in zip(conflict["flat_times"], conflict["flat_counts"], strict=True))
        outvoted = ", ".join(Path(frame).name for frame in conflict["outvoted"])
        say(f"  exposure {conflict['exposure_number']}: {votes}; {conflict['consensus']}, so not {outvoted}")
    truth = night.twilights()
    right = all(conflict["consensus"] == truth[conflict["exposure_number"]] for conflict in conflicts)
    say(f"  … {len(conflicts)} conflicts, all by camera {night.wrong_clock}: its clock is {night.clock_error} wrong;")
    say(f"  the consensus is {_as('the truth', right)}\n")


def _check_the_night(archive: Archive, night: NightTruth, say: Say) -> None:
    from pipelines.calibration.quality.checks import check_frames
    from pipelines.calibration.times.clock import clock_errors
    from pipelines.calibration.times.flats import flat_times

    say("Which clocks are wrong? Cameras share exposure numbers, so each is compared with the telescope array\n")
    wrong = [clock for clock in clock_errors(archive.headers, night.night) if clock["verdict"] != "right"]
    for clock in wrong:
        say(f"  {clock['camera']}: {clock['reason']} (± {clock['offset_sigma']:.2f} s)")
    found = {clock["camera"]: clock["offset"] for clock in wrong}
    truth = {night.wrong_clock: night.clock_error.total_seconds()} if night.wrong_clock else {}
    say(f"  … {_as('as simulated', found == truth)}\n")

    decided = {row["exposure_number"]: row["decision"] for row in flat_times(archive.headers, night.night)}
    say(f"Flats, by clocks, sun, sky and order together: {_as('the truth', decided == night.twilights())}\n")

    say("Which frames are not fit to be combined?\n")
    checked = check_frames(archive.session, night.night)
    unfit = [row for row in checked if row["verdict"] != "good"]
    for row in unfit:
        say(f"  {row['verdict']}  {Path(row['id']).name}: {'; '.join(row['reasons'])}")
    same = {row["id"] for row in unfit} == set(night.troubles.values())
    say(f"  … {len(unfit)} of {len(checked)}; {_as('those with simulated troubles', same)}\n")


def _ask_of_the_pixels(archive: Archive, campaign: CampaignTruth, say: Say) -> None:
    x, y = campaign.turned_hot
    exposures = list(
        archive.headers.find({"instrument": "MIRI", "kind": "uncal", "subarray": campaign.subarray.name}).sort(
            "timestamp", 1
        )
    )
    say(f"The ramp of one pixel, x={x} y={y} on the detector, in every exposure of {campaign.subarray.name}:\n")
    for document in exposures:
        cube = archive.cube(document, "sci")  # (integration, group, y, x), counted from 0
        window = document["window"]
        ramp = cube[0, :, y - window["y"], x - window["x"]]
        say(f"  {document['exposure']:42.42} {' '.join(f'{int(v):5d}' for v in ramp[:8])} …")
    say(f"  it turned hot in {campaign.since}\n")


def _draw_the_pixel(archive: Archive, campaign: CampaignTruth, out: Path, say: Say) -> None:
    x, y = campaign.turned_hot
    if find_spec("matplotlib") is None:
        say("Its picture needs matplotlib: pip install 'darkroom-archive[plot]'\n")
        return
    archive.pixel("MIRIMAGE", x=x, y=y).plot(out)
    say(f"Its ramps, raw and corrected, with jumps, and its slopes over time: {out}\n")


def _export(archive: Archive, night: NightTruth, out: Path, say: Say) -> None:
    proof = archive.export(night.frames[0].id, out, overwrite=True)
    original = night.folder / night.frames[0].id
    same = original.read_bytes() == proof.file.read_bytes()
    say(f"A file back from the archive: {proof.file.name}, {_as('the same bytes as the original', same)}\n")


def _as(claim: str, holds: bool) -> str:
    return claim if holds else f"NOT {claim}"


def _what_next(home: Path, night: NightTruth, say: Say) -> None:
    frame = night.frames[0].id
    say("Try next\n")
    say(f"  export DARKROOM_HOME={home}")
    if shutil.which("darkroom") is None:  # in a virtual environment that is not active
        say(f"  export PATH={Path(sys.executable).parent}:$PATH")
    say(f"  darkroom show {night.night} --out night.png; darkroom darks {night.night}")
    say(f"  darkroom frames {night.night} --bad; darkroom trends --fleet {night.night}")
    say(f"  darkroom flats {night.night} --fix && darkroom flats {night.night} --undo")
    say("""  darkroom query '[{"$group": {"_id": "$kind", "n": {"$sum": 1}}}]'""")
    say(f"  darkroom frames {night.night} --check; darkroom masters make {night.night}; darkroom check")
    say(f"  darkroom header {frame}")
    say(f"  darkroom delete {frame} && darkroom restore {frame}")
    say("  and in Python: from pipelines import open_archive; open_archive().flat_conflicts()")
