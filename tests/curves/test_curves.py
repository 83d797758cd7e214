"""Laws that all functions of trajectories share."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import (
    dtypes,
    grouped,
)

import trajkit as tk
from trajkit.curves.means import MEANS

ALL: dict[str, Callable[[xr.Dataset], Any]] = {
    "resample": lambda ds: tk.resample(ds, 4),
    "resample by length": lambda ds: tk.resample(ds, 4, "length"),
    "resample with gaps": lambda ds: tk.resample(ds, 50, extend="nan"),
    "resample what is shared": lambda ds: tk.resample(ds, 4, extend="shared"),
    "length": tk.length,
    "speed": tk.speed,
    "distance_to_geodesic": tk.distance_to_geodesic,
    "trajectory_distance": lambda ds: tk.trajectory_distance(ds, n=4),
    "frechet": lambda ds: tk.trajectory_distance(ds, method="frechet"),
    "kernel": lambda ds: tk.trajectory_distance(ds, method="kernel"),
    "mean_trajectory": lambda ds: tk.mean_trajectory(ds, "architecture", n=4),
    "jeffreys mean": lambda ds: tk.mean_trajectory(ds, "architecture", mean="jeffreys", n=4),
    "tube": lambda ds: tk.tube(ds, "architecture", n=4),
}


@pytest.mark.parametrize("name", list(ALL))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_trajectories__inputs_are_never_edited(name: str, dtype: type) -> None:
    ds = grouped(ragged=True)
    ds = ds.assign(log_prob=ds.log_prob.astype(dtype)).assign_coords(note=("run", list("abcdef")))
    before = ds.copy(deep=True)
    first = ALL[name](ds)
    assert ds.identical(before)
    assert ALL[name](ds).identical(first)


@pytest.mark.parametrize("name", list(ALL))
def test_trajectories__what_is_no_trajectory_dataset_is_refused(name: str) -> None:
    ds = grouped()
    hole = ds.copy(deep=True)
    hole.log_prob[1, 2, 0, 0] = np.nan
    gone = ds.copy(deep=True)
    gone.log_prob[0], gone.step[0] = np.nan, -1
    cases = [
        (ds.isel(run=[]), "dimension 'run' is empty"),
        (ds.isel(checkpoint=[]), "dimension 'checkpoint' is empty"),
        (ds.isel(sample=[]), "dimension 'sample' is empty"),
        (ds.isel({"class": [0]}), "one class only"),
        (ds.assign_coords(label=ds.label + 9), r"'label' holds \[9, 10, 11, 12\]: wanted class indices from 0 to 3"),
        (hole, "run 'B-0', checkpoint 2: NaN in 1 of 4 samples of a recorded checkpoint"),
        (gone, "run 'A-0' has no recorded checkpoint"),
        (ds.drop_vars("label"), "'label' is missing"),
    ]
    for bad, message in cases:
        with pytest.raises(tk.SchemaError, match=message):
            ALL[name](bad)


@settings(max_examples=12)
@given(st.sampled_from([2, 3, 30, 1000]), dtypes, st.integers(0, 99))
def test_trajectories__hold_from_two_to_a_thousand_classes(classes: int, dtype: type, seed: int) -> None:
    random = np.random.default_rng(seed)
    logits = [random.standard_normal((k, 2, classes)) * random.choice([0.1, 5, 300]) for k in (1, 4, 2, 3)]
    ds = tk.from_arrays(
        logits=logits, label=random.integers(0, classes, 2), runs={"architecture": list("ABAB"), "seed": [0, 0, 1, 1]}
    )
    ds = ds.assign(log_prob=ds.log_prob.astype(dtype))
    tk.validate(tk.resample(ds, 5))
    for method in ("progress", "frechet", "hausdorff", "kernel"):
        assert np.isfinite(tk.trajectory_distance(ds, method=method, n=3, extend="hold")).all()
    away = {}
    for mean in MEANS:
        middle = tk.mean_trajectory(ds, "architecture", mean=mean, n=3)
        tk.validate(middle)
        members = tk.resample(ds, 3).isel(run=[0, 2]).log_prob
        away[mean] = float(tk.bhattacharyya(members, middle.log_prob[0].drop_vars(["run", "kind"])).mean())
        assert np.isfinite(tk.tube(ds, "architecture", mean=mean, n=3, extend="hold")).all()
    # Means are stored in float32.
    assert all(away["bhattacharyya"] <= other * (1 + 1e-5) + 1e-7 for other in away.values())
