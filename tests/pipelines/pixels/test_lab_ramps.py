"""Ramps of a test stand by a profile alone: cubes of three and four axes, windows, several integrations on one axis."""

import filecmp

import numpy as np
import pytest
from astropy.io import fits

from pipelines import open_archive
from pipelines.errors import UsageError
from pipelines.instruments import profiles
from pipelines.pixels import NoExposure, NoSuchPixel

PROFILE = """
[[claims]]
header.STAND = "cryostat {n}"
[values]
instrument = "cryostat {n}"
detector = "H2RG-{n}"
[ramp]
axes = {axes}
columns = 256
rows = 200
group_time = {time}
first_x = {x}
first_y = {y}
readout = "MODE"
{more}
"""
THREE, FOUR, JOINED = '["group", "y", "x"]', '["integration", "group", "y", "x"]', '["integration*group", "y", "x"]'
X, Y, NX, NY = 33, 41, 24, 16


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    """An archive with two exposures of each of three stands, and the values of their files."""
    folder = tmp_path_factory.mktemp("stand")
    (folder / "home" / "profiles").mkdir(parents=True)
    raw = folder / "raw"
    raw.mkdir()
    place = {"x": '"X0"', "y": '"Y0"'}
    texts = {
        1: PROFILE.format(n=1, axes=THREE, time='"TFRM"', more="", **place),
        2: PROFILE.format(n=2, axes=FOUR, time="2.5", x=1, y=1, more='hdu = "DATA"'),
        3: PROFILE.format(n=3, axes=JOINED, time='"TFRM"', more='integrations = "NRAMPS"', **place),
    }
    for n, text in texts.items():
        (folder / "home" / "profiles" / f"stand{n}.toml").write_text(text)
    rng, truth = np.random.default_rng(8), {}
    for n, dtype, before in ((1, np.uint16, (6,)), (2, np.float32, (2, 5)), (3, np.int32, (6,))):
        for number in (1, 2):
            shape = (*before, 200, 256) if n == 2 else (*before, NY, NX)
            cube = np.cumsum(rng.integers(1, 90, shape), axis=-3).astype(dtype) * (1 if n < 3 else 100_003)
            header = fits.Header({"STAND": f"cryostat {n}", "TFRM": 1.5, "X0": X, "Y0": Y, "NRAMPS": 3, "MODE": "slow"})
            header["DATE-OBS"] = f"2024-05-0{number}T10:00:00"
            primary = fits.PrimaryHDU(cube if n != 2 else None, header)
            hdus = [primary] if n != 2 else [primary, fits.ImageHDU(cube, name="DATA")]
            fits.HDUList(hdus).writeto(raw / f"ramp{n}_{number}.fits")
            truth[n, number] = cube.reshape(3, 2, NY, NX) if n == 3 else cube.reshape((-1, *cube.shape[-3:]))
    header = fits.Header({"STAND": "cryostat 1", "X0": X, "Y0": Y})
    fits.PrimaryHDU(np.zeros((8, 8), np.uint16), header).writeto(raw / "picture.fits")
    header["X0"] = 250
    fits.PrimaryHDU(np.zeros((6, NY, NX), np.uint16), header).writeto(raw / "outside.fits")
    header = fits.Header({"STAND": "cryostat 3", "X0": X, "Y0": Y, "NRAMPS": 4})
    fits.PrimaryHDU(np.zeros((6, NY, NX), np.int32), header).writeto(raw / "uneven.fits")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DARKROOM_HOME", str(folder / "home"))
        with open_archive(folder / "home") as archive:
            report = archive.ingest(raw, jobs=1, progress=False)
            yield archive, truth, folder, report


@pytest.mark.parametrize("n", [1, 2, 3])
def test_every_value_is_the_files(stand, n):
    archive, truth, _, _ = stand
    rng = np.random.default_rng(n)
    for x, y in zip(rng.integers(X, X + NX, 4).tolist(), rng.integers(Y, Y + NY, 4).tolist(), strict=True):
        i, j = (y - Y, x - X) if n != 2 else (y - 1, x - 1)
        asked = archive.pixel(f"H2RG-{n}", x=x, y=y)
        assert asked.places.ids.tolist() == [(y - 1) * 256 + x]
        for number, one in enumerate((one for one in asked.read()), 1):
            assert (one.raw[..., 0] == truth[n, number][:, :, i, j]).all()
            assert one.raw.dtype == truth[n, number].dtype
            step = 2.5 if n == 2 else 1.5
            assert one.elapsed.tolist() == [step * (group + 1) for group in range(one.ngroups)]


def test_datasets_tables_and_boxes_have_the_same_values(stand):
    archive, truth, _, _ = stand
    box = archive.pixel("H2RG-3", box=(X + 2, Y + 3, X + 4, Y + 4))
    data, table = box.ramps(), box.to_pandas()
    assert data.raw.dtype == np.float64  # float32 would round numbers beyond 2 ** 24
    cut = truth[3, 1][:, :, 3:5, 2:5].reshape(3, 2, 6)
    assert (data.raw.values[0] == cut).all()
    assert (table["raw"][:36].to_numpy().reshape(3, 6, 2) == cut.swapaxes(1, 2)).all()
    assert data.readpatt.values.tolist() == ["slow", "slow"]
    assert len(archive.pixel("H2RG-1", x=X, y=Y, where={"path": "ramp1_2.fits"}).read()) == 1
    assert len(archive.pixel("H2RG-1", x=X, y=Y, date="2024-05-01", readpatt="slow").read()) == 1


def test_what_does_not_fit_is_said(stand):
    archive, _, _, report = stand
    (row,) = archive.pixel("H2RG-1", x=X, y=Y).unread
    assert "outside.fits" in row["document"]
    assert "does not place its window" in row["reason"]
    picture = archive.headers.find_one({"path": "picture.fits"})
    assert "ramp-missing" in picture["qc"]["flags"]
    assert archive.headers.find_one({"path": "ramp1_1.fits", "qc.flags": "kind-missing"}) is None
    assert "subarray-outside" in archive.headers.find_one({"path": "outside.fits"})["qc"]["flags"]
    (refused,) = report.refused
    assert "6 groups, which NRAMPS = 4 integrations cannot share" in str(refused)
    with pytest.raises(NoSuchPixel, match="is it H2RG-"):
        archive.pixel("H2RG-9", x=1, y=1)
    with pytest.raises(NoSuchPixel, match="x = 257"):
        archive.pixel("H2RG-1", x=257, y=1)
    with pytest.raises(NoExposure, match="H2RG-2"):
        archive.pixel("H2RG-2", x=9, y=9).history()


def test_a_picture_and_the_bytes(stand, tmp_path):
    archive, _, folder, _ = stand
    archive.pixel("H2RG-2", x=9, y=9).plot(tmp_path / "ramp.png")
    box = archive.pixel("H2RG-3", box=(X + 2, Y + 3, X + 4, Y + 4))
    panels = [axes for axes in box.plot(tmp_path / "box.png").axes if axes.lines]
    assert len(panels) == 6
    one = next(one for one in box.read() if one.pixels.size)
    rise = (one.raw[..., 0] - one.raw[:, :1, 0].astype(float)).mean(axis=0)
    assert any(np.array_equal(line.get_ydata(), rise) for axes in panels for line in axes.lines)
    assert (tmp_path / "ramp.png").stat().st_size > 10_000
    for name in ("ramp1_1.fits", "ramp2_1.fits", "ramp3_2.fits"):
        archive.export(archive.headers.find_one({"path": name})["_id"], tmp_path / name)
        assert filecmp.cmp(folder / "raw" / name, tmp_path / name, shallow=False)


GOOD = PROFILE.format(n=1, axes=THREE, time="1", x=1, y=1, more="")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace(THREE, '["y", "x", "group"]'), "axes of .ramp. are"),
        (GOOD.replace("rows = 200", 'rows = "many"'), "line 10: rows of .ramp. is the size"),
        (GOOD.replace("group_time = 1", "group_time = 0"), "group_time of .ramp. is a number of seconds"),
        (GOOD.replace("first_x = 1", "first_x = 0"), "first_x of .ramp. is a number from 1"),
        (GOOD + 'integrations = "N"', "integrations and the axis 'integration.group' of .ramp. go together"),
        (GOOD + 'group_tme = "N"', "has no field 'group_tme'"),
    ],
)
def test_mistakes_of_a_profile_are_named_with_their_line(tmp_path, monkeypatch, text, said):
    (tmp_path / "stand.toml").write_text(text)
    monkeypatch.setenv("DARKROOM_PROFILES", str(tmp_path))
    with pytest.raises(UsageError, match=said):
        profiles()
