"""Which groups of runs are faster."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import trajkit as tk


def at_speeds(speed: list[float], width: list[int]) -> xr.Dataset:
    """Runs on the geodesic that progress by their speed each step."""
    label = np.arange(6) % 3
    ds = tk.from_arrays(prob=np.full((len(speed), 11, 6, 3), 1 / 3), label=label, runs={"width": width})
    t = np.minimum(np.multiply.outer(speed, np.arange(11)), 1)
    roads = tk.geodesic(tk.ignorance(ds), tk.truth(ds), t.ravel())
    values = roads.transpose("t", "sample", "class").values.reshape(ds.log_prob.shape)
    return ds.assign(log_prob=ds.log_prob.copy(data=values.astype(np.float32)))


def test_speed_comparison__finds_the_steps_that_speeds_imply():
    speed = [0.01, 0.02, 0.04, 0.08, 0.09, 0.1]
    found = tk.speed_comparison(at_speeds(speed, [1, 1, 1, 2, 2, 2]), "width", at=[0.1, 0.3])
    # Ten steps are recorded: the slowest reaches a tenth at the last one, up to rounding.
    expected = np.array([[wanted / v for wanted in (0.1, 0.3)] for v in speed])
    np.testing.assert_allclose(found.steps[1:], np.where(expected > 10, np.inf, expected)[1:], rtol=1e-4)
    np.testing.assert_allclose(found["median"].sel(group=2), [0.1 / 0.09, 0.3 / 0.09], rtol=1e-4)
    np.testing.assert_allclose(found["median"].sel(group=1), [5, np.inf], rtol=1e-4)
    np.testing.assert_allclose(found.reached.sel(group=1, progress=0.3), 1 / 3)
    assert np.isnan(found.lower).all()
    assert found.runs.values.tolist() == [3, 3]
    assert float(found.p_value[0]) == pytest.approx(stats.kruskal([1, 2, 3], [4, 5, 6]).pvalue)
    assert float(found.trend[0]) == pytest.approx(stats.spearmanr([1, 1, 1, 2, 2, 2], [6, 5, 4, 3, 2, 1]).statistic)


def test_speed_comparison__intervals_of_medians_cover():
    """Bounds are order statistics: of ten values the second and the ninth, which cover 1 - 2 * 11 / 1024."""
    random = np.random.default_rng(0)
    speed = random.uniform(0.05, 0.1, 20)
    found = tk.speed_comparison(at_speeds(speed, [1] * 10 + [2] * 10), "width", at=[0.25])
    ordered = np.sort(found.steps.values[:10, 0])
    assert float(found.lower[0, 0]) == ordered[1]
    assert float(found.upper[0, 0]) == ordered[8]
    assert float(found["median"][0, 0]) == pytest.approx(np.median(ordered))


def test_speed_comparison__equal_runs_have_no_p_value():
    assert np.isnan(tk.speed_comparison(at_speeds([0.05] * 4, [1, 1, 2, 2]), "width", at=[0.9]).p_value).all()
