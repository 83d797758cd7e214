"""What functions of analysis refuse."""

from typing import Any

import numpy as np
import pytest
import xarray as xr
from strategies import distances_of

import trajkit as tk
from trajkit.analysis.bootstrap_units import with_copies

DS = tk.simulate(runs=6, samples=20, checkpoints=4, groups=2, spread=0.3).isel(checkpoint=slice(0, 3))
DS = DS.assign_coords(one=("run", ["x"] * 6), hole=("run", ["", "x"] * 3), each=("run", np.arange(6)))
STILL = DS.assign(log_prob=np.log(xr.full_like(DS.log_prob, 0.2)))
MATRIX = distances_of(np.eye(6), **{name: DS[name].values for name in ("architecture", "seed", "one", "hole", "each")})
ONE_SAMPLE_A_CLASS = DS.isel(sample=[int(np.flatnonzero(DS.label == c)[0]) for c in range(2)])
COPIES = with_copies(distances_of(np.eye(12), architecture=np.arange(12) % 2), np.array([*range(12), 0]))

# Arguments of functions with `by`. A matrix of distances is enough for some, and needs no computation.
BY: dict[Any, dict[str, Any]] = {
    tk.bootstrap: {"statistic": lambda ds: xr.DataArray(1.0), "draws": 5, "over": "run"},
    tk.compare_groups: {"ds": MATRIX, "unit": "run"},
    tk.compare_metrics: {"metrics": ["hellinger"], "null_draws": 1},
    tk.convergence: {"n": 4, "draws": 5},
    tk.data_map: {},
    tk.importance: {"ds": MATRIX, "folds": 2},
    tk.learning_order: {},
    tk.null_test: {"null_draws": 1},
    tk.speed_comparison: {},
    tk.stability: {"repeats": 1},
}


@pytest.mark.parametrize("function", BY)
@pytest.mark.parametrize(
    ("by", "match"),
    [("depth", "no run attribute 'depth'"), ("one", "one value, 'x', for all runs"), ("hole", "missing for 3 runs")],
)
def test_by__is_a_known_attribute_with_several_values(function, by, match):
    with pytest.raises(ValueError, match=match):
        function(**({"ds": DS} | BY[function]), by=by)


@pytest.mark.parametrize("function", [tk.compare_groups, tk.compare_metrics, tk.convergence, tk.learning_order])
def test_by__has_values_that_several_runs_share(function):
    with pytest.raises(ValueError, match=r"differs? for every run"):
        function(**({"ds": DS} | BY[function]), by="each")


@pytest.mark.parametrize(
    "function", [tk.compare_groups, tk.compare_metrics, tk.convergence, tk.importance, tk.null_test]
)
def test_metric__is_symmetric(function):
    metric = {"metrics": ["kullback_leibler"]} if function is tk.compare_metrics else {"metric": "kullback_leibler"}
    with pytest.raises(ValueError, match="not symmetric: wanted one of"):
        function(**(BY[function] | {"ds": DS, "by": "architecture"} | metric))


@pytest.mark.parametrize(
    ("function", "arguments", "match"),
    [
        (tk.bootstrap, {"draws": 1}, "two draws"),
        (tk.bootstrap, {"level": 95}, "level: wanted"),
        (tk.bootstrap, {"interval": "normal"}, "interval: wanted one of"),
        (tk.bootstrap, {"over": "epoch"}, "over: wanted one of"),
        (tk.bootstrap, {"over": "sample"}, "within their classes"),
        (tk.bootstrap, {"over": "sample", "by": None, "ds": MATRIX}, "no samples to draw"),
        (tk.bootstrap, {"over": "sample", "by": None, "ds": ONE_SAMPLE_A_CLASS}, "no class has two samples"),
        (tk.bootstrap, {"over": "seed", "by": "seed"}, "a stratum with one unit"),
        (tk.bootstrap, {"over": "seed", "by": None, "ds": DS.isel(run=slice(4))}, "too few"),
        (tk.bootstrap, {"by": ["architecture", "each"]}, "fewer attributes"),
        (tk.bootstrap, {"statistic": lambda ds: 1.0}, "returns a DataArray"),
        (tk.bootstrap, {"statistic": lambda ds: tk.loss(ds).isel(run=[0, 1])}, "each network"),
        (tk.bootstrap, {"over": "sample", "by": None, "statistic": lambda ds: ds.label[:3]}, "each of 20 samples"),
        (tk.compare_groups, {"permutations": 0}, "permutations: wanted one permutation"),
        (tk.compare_groups, {"unit": "seed"}, "unit: wanted one of"),
        (tk.compare_groups, {"level": 95}, "level: wanted"),
        (tk.compare_groups, {"by": []}, "one run attribute or more"),
        (tk.compare_groups, {"by": ["seed", "seed"]}, "each once"),
        (tk.compare_groups, {"ds": MATRIX.assign_attrs(scale="")}, "set it to"),
        (tk.compare_groups, {"ds": MATRIX.copy(data=np.zeros((6, 6)))}, "all distances are zero"),
        (tk.compare_metrics, {"metrics": []}, "wanted one or more"),
        (tk.compare_metrics, {"metrics": ["hellinger"] * 2}, "each once"),
        (tk.compare_metrics, {"metrics": ["euclid"]}, "wanted one of"),
        (tk.convergence, {"over": "run", "ds": DS.isel(run=slice(4))}, "too few"),
        (tk.dimensionality, {"share": 1.5}, "share: wanted"),
        (tk.dimensionality, {"n_components": 2, "null_draws": 2, "nulls": {"x": tk.simulate(samples=9)}}, "same probe"),
        (tk.four_point_basis, {"at": ()}, "at: wanted"),
        (tk.four_point_basis, {"at": (0.0, 0.5)}, "at: wanted"),
        (tk.four_point_basis, {"at": (0.3, 0.31)}, "at: wanted"),
        (tk.four_point_basis, {"n_components": 4}, "n_components: wanted 1 to 3"),
        (tk.importance, {"folds": 3, "unit": "run"}, "three runs each"),
        (tk.importance, {"folds": 1}, "folds: wanted 2"),
        (tk.importance, {"repeats": 0}, "repeats: wanted one"),
        (tk.importance, {"ds": COPIES}, "copies of others"),
        (tk.learning_order, {"measure": "loss"}, "measure: wanted one of"),
        (tk.learning_order, {"null_draws": 0}, "null_draws: wanted one draw"),
        (tk.learning_order, {"ds": DS.isel(run=slice(4))}, "too few"),
        (tk.learning_order, {"ds": STILL}, "all samples have the same score"),
        (tk.null_test, {"null_draws": 0}, "null_draws: wanted one draw"),
        (tk.null_test, {"alternative": "two-sided"}, "alternative: wanted 'less' or 'greater'"),
        (tk.null_test, {"ds": DS.isel(run=[0])}, "2 runs"),
        (tk.null_test, {"statistic": tk.loss, "metric": "hellinger"}, "use them inside the statistic"),
        (tk.null_test, {"statistic": lambda ds: 1.0}, "wanted a function that returns a DataArray"),
        (tk.null_test, {"statistic": lambda ds: xr.DataArray(np.nan), "by": None}, "wanted finite numbers"),
        (tk.null_test, {"statistic": lambda ds: xr.DataArray(1.0)}, "selects pairs of runs"),
        (tk.speed_comparison, {"at": []}, "at: wanted"),
        (tk.speed_comparison, {"at": [1.5]}, "at: wanted"),
        (tk.speed_comparison, {"level": 2}, "level: wanted"),
        (tk.stability, {"shares": []}, "shares: wanted"),
        (tk.stability, {"shares": [1.0]}, "shares: wanted"),
        (tk.stability, {"repeats": 0}, "repeats: wanted"),
        (tk.tangent_angles, {"near": 0.7}, "near: wanted"),
        (tk.tangent_angles, {"ds": STILL}, "take a larger near"),
    ],
)
def test_options__that_make_no_sense_are_refused(function, arguments, match):
    usual = {"by": "architecture"} | BY[function] if function in BY else {}
    with pytest.raises(ValueError, match=match):
        function(**({"ds": DS} | usual | arguments))
