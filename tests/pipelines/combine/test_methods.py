"""A new method of rejection is one module in the package of methods: nothing else is touched."""

import sys
import textwrap

import numpy as np
import pytest

from pipelines.combine import FramesUnfit, NoiseModel, combine, methods

TOY = """
    from dataclasses import dataclass
    from typing import ClassVar

    from pipelines.combine.methods.method import Bounds
    from pipelines.combine.samples import Samples


    @dataclass(frozen=True, slots=True)
    class Fences:
        '''Tukey's fences: what lies beyond some distances of the quartiles from them is left out.'''

        reach: float = 8.0
        name: ClassVar[str] = "fences"

        def bounds(self, samples: Samples) -> Bounds:
            low, high = samples.quantile(0.25), samples.quantile(0.75)
            return low - self.reach * (high - low), high + self.reach * (high - low)


    METHODS = (Fences,)
    """


@pytest.fixture
def fences(tmp_path, monkeypatch):
    (tmp_path / "fences.py").write_text(textwrap.dedent(TOY))
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    monkeypatch.setattr(methods, "METHODS", methods.found())
    yield
    del sys.modules["pipelines.combine.methods.fences"], methods.fences


@pytest.mark.parametrize("unequal", [False, True])
def test_it_combines_by_its_name(fences, unequal):
    frames = np.random.default_rng(1).normal(1000, 5, (9, 6, 7)).astype("float32")
    frames[3, 2, 2], frames[1, 4, 4] = 1500, 500
    made = combine(frames, method="fences", noise=NoiseModel(read_noise=5.0), scale=[1.0] * 9 if unequal else None)
    assert made.provenance()["method"] == {"name": "fences", "reach": 8.0}
    low, high = np.quantile(frames, [0.25, 0.75], axis=0)
    kept = np.abs(frames - (low + high) / 2) <= 8.5 * (high - low)
    assert (made.count == kept.sum(axis=0)).all()
    assert (made.count[2, 2], made.count[4, 4], made.count.max()) == (8, 8, 9)
    assert np.allclose(made.value, np.nanmean(np.where(kept, frames, np.nan), axis=0, dtype="float64"), rtol=1e-6)
    assert 40 < np.median(made.rejection_power) < 80  # 8.5 quartile distances of 1.35 sigma, of 5 ADU each


def test_without_its_module_the_name_is_refused():
    with pytest.raises(FramesUnfit, match="no method 'fences'"):
        methods.method_named("fences")


def test_every_method_is_one_of_a_module_and_has_a_name_of_its_own():
    found = methods.found()
    assert found == methods.METHODS
    assert {"noise-model", "mean", "median", "minmax", "sigma-clip", "mad-clip", "percentile", "fraction"} <= set(found)
