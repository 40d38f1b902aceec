"""Pictures: the points are those of the pixels, the words are true, and what cannot be drawn is said."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.visualization import ZScaleInterval
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from arraystore.reading import ChunkReader
from pipelines import DarkroomError, UnknownDocument, UsageError, open_archive
from pipelines.pictures import Picture
from pipelines.pictures.colour import Mosaic, mosaic_of
from pipelines.pictures.frame import BAD, draw, said_of
from pipelines.pictures.picture import Panel
from pipelines.pictures.reduced import Plane, Window, reduce
from pipelines.pictures.zscale import limits

HERE = "raw/2024-02-21/"


def scene(seed=1, size=96):
    return np.random.default_rng(seed).normal(1000, 8, (size, size))


def header(**cards):
    return fits.Header({"IMAGETYP": "Light", "EXPTIME": 60.0, "DATE-OBS": "2024-02-21T05:00:00", **cards})


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """One night of everything that is hard to draw."""
    place = tmp_path_factory.mktemp("pictures")
    raw = place / "raw" / "2024-02-21"
    raw.mkdir(parents=True)

    def write(name, *images, **cards):
        fits.HDUList(
            [fits.PrimaryHDU(images[0] if len(images) == 1 else None, header(**cards))]
            + [fits.ImageHDU(one, name=f"CHIP{n}") for n, one in enumerate(images) if len(images) > 1]
        ).writeto(raw / f"{name}.fits")

    corner = scene()
    corner[:20, :30] += 300  # the first rows and columns
    corner[:5, -5:] = 65535
    write("corner", corner.astype(np.uint16))
    write("down", corner.astype(np.uint16), ROWORDER="TOP-DOWN")
    colours = np.stack([scene(seed) for seed in range(3)], axis=-1)
    colours[:32, :32, 0] += 300
    colours[:32, 64:, 2] += 300
    mosaic = np.zeros((96, 96))
    for place_, one in enumerate("RGGB"):
        mosaic[place_ // 2 :: 2, place_ % 2 :: 2] = colours[place_ // 2 :: 2, place_ % 2 :: 2, "RGB".index(one)]
    write("colour", mosaic.astype(np.uint16), BAYERPAT="RGGB", ROWORDER="TOP-DOWN")
    write("strange", mosaic.astype(np.uint16), BAYERPAT="XTRANS")
    holes = scene().astype(np.float32)
    holes[10:20, 10:30] = np.nan
    write("holes", holes)
    write("nothing", np.full((8, 40), np.nan, np.float32))
    write("flat", np.full((30, 20), 7, np.int32))
    write("chips", *(scene(n).astype(np.uint16) for n in range(3)))
    write("planes", np.zeros((4, 20, 30), np.int16))
    write("spectrum", np.arange(50, dtype=np.int16))
    write("empty", None)
    with open_archive(place / "home") as opened:
        opened.ingest(place / "raw")
        yield opened


def points(picture: Picture) -> np.ndarray:
    return picture.panels[0].points


# -- the scale ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_zscale_is_that_of_astropy(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(1000, 10, (200, 210)) + np.linspace(0, 30 * seed, 210)
    values[rng.random(values.shape) < 0.01] += rng.exponential(3000)
    ours, theirs = limits(values), ZScaleInterval().get_limits(values)
    span = theirs[1] - theirs[0]
    assert ours == pytest.approx(theirs, abs=0.01 * span)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=60))
def test_limits_lie_within_the_values(values):
    found = limits(np.asarray(values, float))
    finite = [value for value in values if np.isfinite(value)]
    if not finite:
        assert found is None
    else:
        assert min(finite) <= found[0] <= found[1] <= max(finite)
        assert (found[0] < found[1]) == (min(finite) < max(finite))


# -- the reduction -----------------------------------------------------------------------------------


@given(
    rows=st.integers(1, 23),
    columns=st.integers(1, 23),
    size=st.integers(2, 9),
    holes=st.floats(0, 1),
    seed=st.integers(0, 9),
)
def test_each_point_is_the_mean_of_its_block(rows, columns, size, holes, seed):
    rng = np.random.default_rng(seed)
    pixels = np.where(rng.random((rows, columns)) < holes, np.nan, rng.normal(0, 1, (rows, columns)))
    plane = Plane(
        pixels.shape,
        "",
        lambda step: (((slice(r, r + step), slice(0, columns)), pixels[r : r + step]) for r in range(0, rows, step)),
    )
    small = reduce(plane, size, bad=lambda band, part: band > 1)
    block = small.block
    assert max(small.values.shape) <= size
    assert small.undefined == np.isnan(pixels).sum()
    assert small.flagged == (pixels > 1).sum()
    for y, x in np.ndindex(small.values.shape):
        part = pixels[y * block : (y + 1) * block, x * block : (x + 1) * block]
        expected = np.nan if np.isnan(part).all() else np.nanmean(part)
        assert small.values[y, x] == pytest.approx(expected, nan_ok=True)
        assert small.bad[y, x] == (part > 1).any()


@given(
    rows=st.integers(2, 19),
    columns=st.integers(2, 19),
    size=st.integers(2, 9),
    pattern=st.sampled_from(["RGGB", "GBRG"]),
)
def test_each_colour_is_the_mean_of_its_own_pixels(rows, columns, size, pattern):
    pixels = np.random.default_rng(1).normal(0, 1, (rows, columns))
    plane = Plane(pixels.shape, "", lambda step: iter([((slice(0, rows), slice(0, columns)), pixels)]))
    small = reduce(plane, size, mosaic=Mosaic(pattern))
    pixels = pixels[: rows // 2 * 2, : columns // 2 * 2]
    rows, columns = pixels.shape
    own = np.array([[pattern[2 * (y % 2) + x % 2] for x in range(columns)] for y in range(rows)])
    for y, x, colour in np.ndindex(small.values.shape):
        block = np.s_[y * small.block : (y + 1) * small.block, x * small.block : (x + 1) * small.block]
        wanted = pixels[block][own[block] == "RGB"[colour]]
        assert small.values[y, x, colour] == pytest.approx(wanted.mean() if wanted.size else np.nan, nan_ok=True)


@given(rows=st.integers(2, 9), across=st.integers(0, 3), down=st.integers(0, 3))
def test_a_pattern_of_the_displayed_picture_is_that_of_the_flipped_rows(rows, across, down):
    def colour(pattern, y, x):
        return pattern[2 * (y % 2) + x % 2]

    found = mosaic_of(f"RGGB+{across}+{down}", bottom_up=True, rows=rows)
    for y in range(rows):
        for x in range(3):
            assert colour(found.pattern, rows - 1 - y, x) == colour("RGGB", y + down, x + across)


# -- frames ------------------------------------------------------------------------------------------


def test_a_frame_has_its_first_row_at_the_bottom_and_its_saturated_pixels_red(archive):
    picture = archive.show(HERE + "corner.fits")
    made = points(picture)
    side = made.shape[0] // 96
    grey = made[..., 0].astype(int)
    low, high = grey[-20 * side :, : 30 * side], grey[: 20 * side, : 30 * side]
    assert low.mean() > high.mean() + 50
    assert (made[-5 * side :, -5 * side :] == BAD).all()
    said = repr(picture)
    assert "first row at the bottom" in said
    assert "red: 25 (0.27 %) saturated pixels (65535 and more)" in said
    assert "ZScale, black to white" in said
    assert said.count("ADU") == 1
    assert not (points(archive.show(HERE + "corner.fits", mask=False)) == BAD).all(axis=-1).any()


def test_roworder_is_obeyed_and_said(archive):
    picture = archive.show(HERE + "down.fits")
    assert "first row at the top (ROWORDER)" in repr(picture)
    assert np.array_equal(points(picture), points(archive.show(HERE + "corner.fits"))[::-1])


def test_a_colour_sensor_is_drawn_in_colour(archive):
    picture = archive.show(HERE + "colour.fits")
    made = points(picture).astype(int)
    third = made.shape[0] // 3
    left, right = made[:third, :third].mean(axis=(0, 1)), made[:third, -third:].mean(axis=(0, 1))
    assert left.argmax() == 0
    assert right.argmax() == 2
    assert "colour from squares of RGGB" in repr(picture)
    grey = archive.show(HERE + "strange.fits")
    assert "XTRANS is not one of RGGB" in repr(grey)
    assert (np.ptp(points(grey), axis=-1) == 0).all()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "no data: no pixel has a finite value"),
        ("nothing", "checkered: 320 (100 %) without a value"),
        ("holes", "checkered: 200 (2.2 %) without a value"),
        ("flat", "every pixel is 7 ADU"),
        ("planes", "plane 1 of 4"),
    ],
)
def test_what_is_odd_about_a_picture_is_said(archive, name, said):
    picture = archive.show(f"{HERE}{name}.fits")
    assert said in repr(picture)
    with Image.open(io.BytesIO(picture.png())) as image:
        assert image.size >= points(picture).shape[1::-1]


def test_every_chip_of_a_camera_is_drawn(archive):
    assert [panel.lines[0] for panel in archive.show(HERE + "chips.fits").panels] == ["chip0", "chip1", "chip2"]
    assert len(archive.show(HERE + "chips.fits", array="chip1").panels) == 1


@pytest.mark.parametrize(
    ("what", "how", "error", "said"),
    [
        (HERE + "spectrum.fits", {}, UsageError, "no rows and columns"),
        (HERE + "empty.fits", {}, UsageError, "it has no pixels"),
        (HERE + "flat.fits", {"array": "err"}, UsageError, "it has sci"),
        (HERE + "flat.fits", {"size": 3}, UsageError, "16 to 10000"),
        (HERE + "flap.fits", {}, UnknownDocument, "flat.fits"),
        ("2024-02-30", {}, UsageError, "not a valid date"),
        ("2024-02-01", {}, DarkroomError, "2024-02-21"),
        ("masters/none", {}, UnknownDocument, "no master"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_the_reason(archive, what, how, error, said):
    with pytest.raises(error, match=said):
        archive.show(what, **how)


def test_a_contact_sheet_shows_every_frame_and_names_those_it_cannot(archive):
    sheet = archive.show("2024-02-21")
    assert len(sheet.panels) == 11
    assert sum(panel.alarm for panel in sheet.panels) == len(sheet.unread) == 2
    assert [line for line in sheet.facts if "spectrum.fits" in line]
    (chips,) = [panel for panel in sheet.panels if panel.lines[0] == "chips.fits"]
    assert chips.lines[1].endswith("chip0 of 3 images")


def test_a_damaged_frame_costs_its_own_panel(archive, tmp_path):
    ref = archive.document(HERE + "corner.fits")["arrays"]["sci"]
    folder = archive.store.url.removeprefix("file://") + "/" + ref["path"]
    (shard,) = [path for path in Path(folder).rglob("*") if path.stat().st_size > 5000 and path.is_file()]
    whole = shard.read_bytes()
    shard.chmod(0o644)
    shard.write_bytes(whole[:2000] + b"x" * 200 + whole[2200:])
    try:
        sheet = archive.show("2024-02-21")
    finally:
        shard.write_bytes(whole)
    assert [told for told in sheet.unread if "corner.fits" in told]


def test_what_a_header_holds_steers_no_screen():
    said = said_of({"_id": "a", "kind": "light", "obs": {"object": "M31\x1b[2J\u202e"}, "date": "2024-02-21"})
    picture = Picture((Panel(np.zeros((20, 20, 3), np.uint8), (said,)),), title=said, facts=(said,))
    assert repr(picture).isascii()
    assert "\x1b" not in repr(picture)
    assert picture.png()[:4] == b"\x89PNG"


# -- files -------------------------------------------------------------------------------------------


def test_a_picture_is_saved_once_unless_told_otherwise(archive, tmp_path):
    picture = archive.show(HERE + "flat.fits")
    path = picture.save(tmp_path / "flat.png")
    with Image.open(path) as image:
        assert image.format == "PNG"
    with pytest.raises(UsageError, match="is there already"):
        picture.save(path)
    assert picture.save(path, overwrite=True) == path
    with Image.open(picture.save(tmp_path / "flat.JPG")) as image:
        assert image.format == "JPEG"
    with pytest.raises(UsageError, match=r"\.png or \.jpg"):
        picture.save(tmp_path / "flat.gif")
    assert picture._repr_png_()[:4] == b"\x89PNG"


def test_without_pillow_it_says_what_to_install(archive, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(DarkroomError, match=r"darkroom-archive\[plot\]"):
        archive.show(HERE + "flat.fits")


@given(st.data())
def test_a_window_is_that_part_of_the_picture_and_a_point_knows_its_pixel(archive, data):
    name = data.draw(st.sampled_from(["corner", "down", "colour", "nothing", "flat", "planes"]))
    (document,) = archive.headers.find({"_id": {"$regex": f"/{name}"}})
    rows, columns = document["arrays"]["sci"]["shape"][-2:]
    x0, y0 = data.draw(st.integers(0, columns - 2)), data.draw(st.integers(0, rows - 2))
    window = Window(x0, y0, data.draw(st.integers(x0 + 1, columns)), data.draw(st.integers(y0 + 1, rows)))
    drawn = draw(document, "sci", archive.store, size=data.draw(st.integers(8, 300)), window=window)
    high, wide = drawn.points.shape[:2]
    x, y = data.draw(st.integers(0, wide - 1)), data.draw(st.integers(0, high - 1))
    column, row = drawn.pixel(x, y)
    assert drawn.window.x0 <= column < window.x1
    assert drawn.window.y0 <= row < window.y1
    assert x // drawn.grown == (column - drawn.window.x0) // drawn.block
    from_top = y // drawn.grown if drawn.down else high // drawn.grown - 1 - y // drawn.grown
    assert from_top == (row - drawn.window.y0) // drawn.block
    assert drawn.pixel(-5, 10**9)[0] == drawn.pixel(0, high - 1)[0]


def test_a_window_draws_its_own_pixels_and_reads_no_other_chunk(tmp_path, monkeypatch):
    (tmp_path / "raw").mkdir()
    pixels = np.random.default_rng(1).integers(0, 1000, (1500, 1500)).astype(np.uint16)
    fits.PrimaryHDU(pixels, header(ROWORDER="TOP-DOWN")).writeto(tmp_path / "raw/big.fits")
    with open_archive(tmp_path / "home") as archive:
        archive.ingest([tmp_path / "raw"])
        document = archive.headers.find_one({})
        read = []
        decode = ChunkReader._decode
        monkeypatch.setattr(ChunkReader, "_decode", lambda self, *a, **k: read.append(1) or decode(self, *a, **k))
        draw(document, "sci", archive.store, size=1500)
        whole, read[:] = len(read), []
        drawn = draw(document, "sci", archive.store, size=100, window=Window(700, 300, 800, 400))
        assert len(read) < whole
        assert drawn.facts[0] == "columns 700 to 799 and rows 300 to 399, from 0, of 1500 x 1500"
        part = pixels[300:400, 700:800]
        black, white = limits(part.astype(np.float32))
        drawn_as = np.clip((part - black) * (255.0 / (white - black)), 0, 255)
        assert np.abs(drawn.points[..., 0].astype(int) - drawn_as).max() <= 1
        with pytest.raises(UsageError, match="no window"):
            draw(document, "sci", archive.store, size=100, window=Window(1400, 0, 1501, 10))
