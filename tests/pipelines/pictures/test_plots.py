"""Plots of masters and groups: the values are those of the archive, every axis has its unit."""

import numpy as np
import pytest

from arraystore import open_store
from pipelines import Answer, UsageError
from pipelines.pictures.plots import plot_groups, plot_master


@pytest.fixture(scope="module")
def master(tmp_path_factory):
    store = open_store(str(tmp_path_factory.mktemp("plots") / "store"))
    rng = np.random.default_rng(0)
    value = rng.normal(1000, 5, (40, 60)).astype(np.float32)
    value[3, 4] = np.nan
    dq = np.zeros((40, 60), np.uint16)
    dq[10, 20] = 32  # hot
    dq[11, 20] = 2  # saturated: doubtful, and there all the same
    planes = {"value": (value, "master"), "variance_scatter": (value * 0 + 4, "master"), "dq": (dq, "dq")}
    arrays = {name: store.put(one, kind=kind).to_dict() for name, (one, kind) in planes.items()}
    document = {"_id": "masters/A/2024-02-20/dark-9s", "kind": "dark", "status": "verified", "inputs": [{}, {}, {}]}
    return store, {**document, "arrays": arrays}, value


def test_a_master_is_drawn_with_its_noise_units_and_flags(master):
    store, document, value = master
    figure = plot_master(store, document)
    image, noise, counts, _ = figure.axes[:4]
    assert np.array_equal(image.images[0].get_array().filled(np.nan), value, equal_nan=True)
    assert np.allclose(noise.images[0].get_array().compressed(), 2)
    assert [list(map(float, line.get_xydata()[0])) for line in image.lines] == [[21, 11]]
    assert counts.get_xlabel() == "value (ADU)"
    assert all(axes.get_xlabel() or axes.get_ylabel() for axes in figure.axes)
    assert "1 flagged pixels" in image.get_title(loc="left")
    assert "3 frames, verified" in figure.get_suptitle()


def test_what_has_no_values_is_refused(master):
    store, document, _ = master
    only = {**document, "arrays": {"dq": document["arrays"]["dq"]}}
    with pytest.raises(UsageError, match="no values"):
        plot_master(store, only)
    with pytest.raises(UsageError, match="has the images sci"):
        plot_master(store, document, image="amp1")


def test_a_bar_for_each_group_hatched_where_it_makes_no_master():
    columns = ("date", "camera", "exptime", "count", "ids", "status", "reason")
    rows = tuple(
        {"date": "2024-02-20", "camera": camera, "exptime": 9.0, "count": n, "ids": [], "status": s, "reason": None}
        for camera, n, s in (("A", 3, "ready"), ("B", 1, "too few"))
    )
    (axes,) = plot_groups(Answer(columns, rows, "Dark groups")).axes
    bars = {round(bar.get_y() + 0.4): bar for group in axes.containers for bar in group}
    assert [bars[place].get_width() for place in (0, 1)] == [3, 1]
    assert [bool(bars[place].get_hatch()) for place in (0, 1)] == [False, True]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["A", "B"]
    assert axes.get_xlabel() == "frames"
    with pytest.raises(UsageError, match="nothing to draw"):
        plot_groups(Answer(columns, (), "Dark groups"))
