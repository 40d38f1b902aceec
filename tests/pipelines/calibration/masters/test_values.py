"""Masters recover what was simulated, within the noise they predict."""

import numpy as np
import pytest

from pipelines.calibration.masters.bits import MasterDQ
from pipelines.demo.cameras import cameras
from tests.pipelines.calibration.conftest import SHAPE, of


@pytest.fixture(scope="module")
def sensors(finished):
    return {sensor.camera.serial: sensor for sensor in cameras(2, SHAPE, seed=1)}


def plane(archive, master, name):
    return np.asarray(archive.store.open(master["arrays"][name])).astype(float)


@pytest.mark.parametrize("exptime", [6.0, 8.0, 9.0, 10.0, 14.0])
def test_a_master_dark_is_the_true_dark_within_its_predicted_noise(made_readonly, sensors, exptime):
    for serial, sensor in sensors.items():
        master = of(made_readonly, kind="dark", camera=serial, **{"key.exptime": exptime})
        truth = sensor.bias + sensor.dark * exptime
        cool = sensor.dark < 10
        z = (plane(made_readonly, master, "value") - truth) / np.sqrt(plane(made_readonly, master, "variance_model"))
        assert abs(np.median(z[cool])) < 0.05
        assert 0.95 < z[cool].std() < 1.07  # and a few hits that two frames of three share
        assert master["status"] == "verified"
        current = np.median(sensor.dark) * exptime / sensor.camera.gain
        noise = np.sqrt((sensor.camera.read_noise**2 + current + 1 / 12) / 3)
        assert master["statistics"]["noise"] == pytest.approx(noise, rel=0.03)


@pytest.mark.parametrize("twilight", ["evening", "morning", "combined"])
def test_a_master_flat_is_the_true_response_within_its_predicted_noise(made_readonly, sensors, twilight):
    for serial, sensor in sensors.items():
        master = of(made_readonly, kind="flat", camera=serial, flat_time=twilight)
        value = plane(made_readonly, master, "value")
        y, x = np.mgrid[-1 : 1 : SHAPE[0] * 1j, -1 : 1 : SHAPE[1] * 1j]
        # What the sky adds, a level and a slope, is no part of a flat's truth.
        sky = np.stack([np.ones_like(x), x, y]).reshape(3, -1)
        ratio = (value / sensor.response).ravel()
        ratio = ratio / (np.linalg.lstsq(sky.T, ratio, rcond=None)[0] @ sky)
        z = (ratio.reshape(SHAPE) - 1) * value / np.sqrt(plane(made_readonly, master, "variance_model"))
        usable = sensor.dark < 10
        assert abs(np.median(z[usable])) < 0.1
        assert 0.93 < z[usable].std() < 1.12
        assert master["noise"]["gain"] == pytest.approx(sensor.camera.gain, rel=0.1)
        assert master["statistics"]["level"] == pytest.approx(1, abs=0.15)


def test_evening_and_morning_slope_against_each_other_and_together_hardly_at_all(made_readonly, sensors):
    def slope(twilight, serial):
        value = plane(made_readonly, of(made_readonly, kind="flat", camera=serial, flat_time=twilight), "value")
        columns = np.median(value / sensors[serial].response, axis=0)
        return np.polyfit(np.linspace(-1, 1, SHAPE[1]), columns, 1)[0]

    for serial in sensors:
        assert slope("evening", serial) == pytest.approx(0.02, abs=0.004)
        assert slope("morning", serial) == pytest.approx(-0.02, abs=0.004)
        assert abs(slope("combined", serial)) < 0.004


def test_each_flat_frame_is_divided_by_its_own_level_before_they_are_combined(made_readonly):
    master = of(made_readonly, kind="flat", camera="T13060400", flat_time="evening")
    levels = [item["level"] for item in master["inputs"]]
    assert len(set(levels)) == 5
    for item in master["inputs"]:
        frame = made_readonly.cube(item["id"])[...].astype(float)
        assert np.median(frame) - 1000 == pytest.approx(item["level"], rel=0.1)


def test_a_flat_is_made_with_the_darks_of_its_exposure_times(made_readonly):
    master = of(made_readonly, kind="flat", camera="T13060400", flat_time="combined")
    for used in master["masters"]:
        dark = of(made_readonly, _id=used["id"])
        for name in used["frames"]:
            assert made_readonly.document(name)["header"]["EXPTIME"] == dark["key"]["exptime"]
        assert used["scale"] == 1


def test_the_map_finds_the_hot_pixels_and_hardly_any_other(made_readonly, sensors):
    for serial, sensor in sensors.items():
        found = plane(made_readonly, of(made_readonly, kind="pixelmap", camera=serial), "dq").astype(int)
        hot = np.zeros(SHAPE, bool)
        hot[tuple(np.array(sensor.camera.hot).T)] = True
        assert ((found & MasterDQ.HOT) != 0)[hot].all()
        assert (found != 0)[~hot].mean() < 1e-3


def test_low_light_is_flagged_in_flats(night):
    from pipelines.calibration.masters.step import MasterOptions
    from tests.pipelines.calibration.conftest import make

    make(night, kinds=("dark", "flat"), options=MasterOptions(low_light=0.9))
    master = of(night, kind="flat", camera="T13060400", flat_time="combined")
    dark_corner = (plane(night, master, "dq").astype(int) & MasterDQ.LOW_LIGHT) != 0
    assert (dark_corner == (plane(night, master, "value") < 0.9)).all()
    assert dark_corner.any()


def test_a_master_says_what_it_could_reject(made_readonly):
    master = of(made_readonly, kind="dark", camera="T13060400", **{"key.exptime": 9.0})
    power = plane(made_readonly, master, "rejection_power")
    noise = master["noise"]["read_noise"]
    assert np.median(power) == pytest.approx(4.6 * noise, rel=0.2)
    assert master["statistics"]["warning"] is None
    assert master["statistics"]["rejected_samples"] > 0
