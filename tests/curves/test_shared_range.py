"""Laws of the interval of progress that all compared runs reach."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from strategies import datasets

import trajkit as tk


@given(datasets(zeros=True), st.integers(2, 8), st.sampled_from([0.0, 0.5, 0.8, 1.0]))
def test_shared__is_what_all_compared_runs_reach_and_all_have_every_point(ds: xr.Dataset, n: int, reach: float) -> None:
    progress = tk.progress(ds).values
    first, last = progress[:, 0], np.nanmax(progress, 1)
    stays = last >= reach * np.median(last)
    low, high = first[stays].max(), last[stays].min()
    if stays.sum() < min(2, len(stays)):
        with pytest.raises(ValueError, match=r"no two runs reach .* of the progress that the median network reaches"):
            tk.resample(ds, n, extend="shared", reach=reach)
        return
    if not low < high:
        with pytest.raises(ValueError, match=r"no interval of 'progress' in common: run .* starts at .* ends at"):
            tk.resample(ds, n, extend="shared", reach=reach)
        return
    even = tk.resample(ds, n, extend="shared", reach=reach)
    tk.validate(even)
    assert even.run.values.tolist() == ds.run.values[stays].tolist()
    assert even.attrs["left_out"] == ", ".join(ds.run.values[~stays])
    assert (even.step >= 0).all()
    np.testing.assert_allclose(even.progress, np.broadcast_to(np.linspace(low, high, n), even.progress.shape))
    assert (even.attrs["shared_from"], even.attrs["shared_to"]) == (low, high)
    assert even.attrs["shared_part"] == pytest.approx(high - low)


@given(datasets(), st.integers(2, 6))
def test_shared__of_runs_of_one_range_is_hold_on_that_range(ds: xr.Dataset, n: int) -> None:
    """One run has nobody to share with: its own range is divided, and nothing is held."""
    one = ds.isel(run=[0])
    progress = tk.progress(one).values[0]
    if not progress[0] < np.nanmax(progress):
        return
    even = tk.resample(one, n, extend="shared")
    np.testing.assert_allclose(even.progress[0, [0, -1]], [progress[0], np.nanmax(progress)])
    assert even.attrs["left_out"] == ""


def test_shared__references_reach_everything_and_never_leave_a_run_out() -> None:
    ds = tk.simulate(runs=3, checkpoints=11, spread=0.3).isel(checkpoint=slice(0, 6))
    own, beside = (tk.resample(x, 7, extend="shared") for x in (ds, tk.with_references(ds)))
    assert beside.sizes["run"] == 6
    for name in ("shared_from", "shared_to", "left_out"):
        assert own.attrs[name] == beside.attrs[name]
    np.testing.assert_array_equal(own.log_prob, beside.log_prob.isel(run=slice(0, 3)))
    # One point each, these stand; the geodesic moves along.
    for name in ("ignorance", "truth"):
        assert (beside.log_prob.sel(run=name) == beside.log_prob.sel(run=name)[0]).all()
    np.testing.assert_allclose(tk.progress(beside).sel(run="geodesic"), beside.progress.sel(run="geodesic"), atol=1e-6)
    assert tk.resample(tk.curves.references(ds), 3, extend="shared").attrs["shared_part"] == pytest.approx(1)


def test_shared__a_reference_that_covers_a_part_only_shortens_the_interval() -> None:
    ds = tk.simulate(runs=3, checkpoints=11, spread=0.3)
    mean = tk.mean_trajectory(ds, "kind", n=11).isel(checkpoint=slice(2, 10)).drop_vars("progress")
    even = tk.resample(tk.concat([ds.drop_vars("known_progress"), mean]), 5, extend="shared")
    assert even.sizes["run"] == 4
    assert (even.attrs["shared_from"], even.attrs["shared_to"]) == pytest.approx((0.2, 0.9), abs=0.01)


def test_shared__of_several_runs_at_least_two_are_compared_or_it_is_refused() -> None:
    ds = tk.simulate(runs=2, checkpoints=11)
    far_apart = tk.concat([ds.isel(run=[0]), ds.isel(run=[1], checkpoint=slice(0, 3))])
    for call in (tk.null_test, tk.compare_metrics, tk.trajectory_distance, lambda x: tk.resample(x, extend="shared")):
        with pytest.raises(ValueError, match=r"no two runs reach 0\.8 of the progress .* pass a smaller reach="):
            call(far_apart)
    assert tk.resample(ds.isel(run=[0]), 3, extend="shared").sizes["run"] == 1


def test_shared__by_another_quantity_is_counted_from_the_start_of_its_grid() -> None:
    ds = tk.simulate(runs=3, checkpoints=9)
    stopped = ds.isel(run=[2], checkpoint=slice(0, 5))
    ds = tk.concat([ds.isel(run=[0, 1]), stopped])
    ds = ds.assign(step=ds.step.where(ds.step < 0, ds.step + 100))
    even = tk.resample(ds, 3, "step", extend="shared")
    assert even.attrs["left_out"] == stopped.run.values[0]
    every = tk.resample(ds, 3, "step", extend="shared", reach=0.5)
    assert (every.attrs["shared_from"], every.attrs["shared_to"], every.attrs["shared_part"]) == (100, 104, 0.5)
