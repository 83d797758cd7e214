"""Laws of placing new points in an embedding."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import within
from strategies import (
    METRICS,
    as_distance,
    simulated,
    symmetric,
)

import trajkit as tk


@pytest.mark.parametrize("weights", [None, "steep"])
@pytest.mark.parametrize("metric", METRICS)
def test_project__an_embedded_point_gets_its_own_coordinates(metric: str, weights: str | None) -> None:
    d = simulated(40, metric)
    e = tk.inpca(d, 6, weights=None if weights is None else np.linspace(1, 9, 40))
    assert metric == "hellinger" or (e.signature == -1).any()
    again = tk.project(e, d)
    for sign, kind in ((1, "space-like"), (-1, "time-like")):
        gap = np.abs(again.coordinate - e.coordinate).values[:, e.signature.values == sign]
        within(f"project of an embedded point, {kind} axes", gap.max(initial=0), 1e-8)
    xr.testing.assert_equal(again.run.variable, d.run.variable)


@given(symmetric(4), st.data())
def test_project__is_gowers_formula(squared: NDArray[np.float64], data: st.DataObject) -> None:
    m = len(squared)
    e = tk.inpca(as_distance(squared), 2)
    new = np.array(data.draw(st.lists(st.floats(0, 10), min_size=m, max_size=m))) * squared.max()
    got = tk.project(e, as_distance(new[None])).coordinate.values[0]
    mean = squared.mean(0)
    b = [-0.5 * (new[j] - new.mean() - mean[j] + squared.mean()) for j in range(m)]
    value = e.eigenvalue.values
    vector = e.coordinate.values / np.sqrt(np.abs(value))
    exact = [
        sum(b[j] * vector[j, k] for j in range(m)) / (np.sign(value[k]) * np.sqrt(abs(value[k]))) for k in range(2)
    ]
    scale = max(np.abs(b).max(), squared.max()) / np.sqrt(np.abs(value[-1]))
    within("project against Gower's formula, relative", np.abs(got - exact).max() / scale, 1e-10)


def test_project__points_of_a_flat_space_land_where_they_are() -> None:
    random = np.random.default_rng(0)
    old, new = random.standard_normal((12, 3)), random.standard_normal((5, 3))
    e = tk.inpca(as_distance(np.square(old[:, None] - old).sum(-1)), 3)
    x = tk.project(e, as_distance(np.square(new[:, None] - old).sum(-1))).coordinate.values
    lengths = np.square(x[:, None] - e.coordinate.values).sum(-1)
    within("project in a flat space, distances", np.abs(lengths - np.square(new[:, None] - old).sum(-1)).max(), 1e-11)


def test_project__components_of_rounding_noise_are_refused() -> None:
    # The points of one line have one component; whatever stands in others is noise.
    x = np.linspace(0, 1, 9)
    d = as_distance(np.square(np.subtract.outer(x, x)))
    e = tk.inpca(d, 3)
    with pytest.raises(
        ValueError, match=r"components \[2, 3\] have eigenvalues that are rounding noise.*slice\(1, k\)"
    ):
        tk.project(e, d)
    again = tk.project(e.sel(component=slice(1, 1)), d)
    np.testing.assert_allclose(again.coordinate, e.coordinate[:, :1], atol=1e-14)
    full = tk.inpca(simulated(30), None)
    with pytest.raises(ValueError, match="rounding noise"):
        tk.project(full, simulated(30))


def test_project__wrong_columns_are_refused() -> None:
    ds = tk.simulate(runs=4, checkpoints=5)
    old, new = ds.isel(run=[0, 1, 2]), ds.isel(run=[3])
    e = tk.inpca(tk.pairwise(old))
    d = tk.pairwise(new, old)
    with pytest.raises(ValueError, match=r"wanted distances .* to the 15 embedded points, got"):
        tk.project(e, tk.pairwise(new, ds.isel(run=[0])))
    assert tk.project(e, d.T).equals(tk.project(e, d))
    with pytest.raises(ValueError, match=r"wanted distances \(point, point2\)"):
        tk.project(e, d.rename(point2="other"))
    with pytest.raises(ValueError, match="not the embedded points in their order: run2 differs"):
        tk.project(e, tk.pairwise(new, ds.isel(run=[1, 0, 2])))
    with pytest.raises(ValueError, match="metric 'bhattacharyya', the distances 'hellinger'"):
        tk.project(e, tk.pairwise(new, old, metric="hellinger"))
    with pytest.raises(ValueError, match="embedding has cap None, the distances 9"):
        tk.project(e, tk.pairwise(new, old, cap=9))
    with pytest.raises(ValueError, match="1 distances are NaN or infinite"):
        tk.project(e, d.copy(data=np.where(np.arange(75).reshape(5, 15) == 7, np.nan, d.values)))
    with pytest.raises(ValueError, match=r"got 'coordinate' on .*points\(embedding\)"):
        tk.project(tk.unstack(e.drop_vars("mean_distance")), d)


def test_project__onto_landmarks_alone() -> None:
    ds = tk.simulate(runs=6, groups=3, spread=0.3, checkpoints=8, samples=20)
    stacked = tk.points(tk.embed(ds, landmarks=80))
    everything = tk.points(tk.with_references(ds))
    with pytest.raises(ValueError, match="is_landmark"):
        tk.project(stacked, tk.pairwise(ds, everything))
    chosen = stacked.is_landmark.values
    placed = tk.project(stacked.isel(point=chosen), tk.pairwise(ds, everything.isel(point=chosen)))
    assert np.isfinite(placed.coordinate).all()
