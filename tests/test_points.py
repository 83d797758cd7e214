"""Laws of points and of putting them back."""

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    datasets,
)

import trajkit as tk


@given(datasets(zeros=True))
def test_points__are_the_recorded_checkpoints_in_order(ds: xr.Dataset) -> None:
    before = ds.copy(deep=True)
    p = tk.points(ds)
    assert ds.identical(before)
    assert p.log_prob.dims == ("point", "sample", "class")
    assert p.log_prob.dtype == ds.log_prob.dtype
    at = [(r, c) for r in range(ds.sizes["run"]) for c in range(ds.sizes["checkpoint"]) if ds.step.values[r, c] >= 0]
    assert p.run.values.tolist() == [str(ds.run.values[r]) for r, _ in at]
    assert p.checkpoint.values.tolist() == [c for _, c in at]
    assert p.step.values.tolist() == [int(ds.step.values[r, c]) for r, c in at]
    for name in ("architecture", "learning_rate", "width", "augmentation"):
        assert p[name].dims == ("point",)
        np.testing.assert_equal(p[name].values, [ds[name].values[r] for r, _ in at])
    assert not p.log_prob.isnull().any()
    # No index with levels, which no file could hold.
    assert set(p.indexes) == {"sample", "class"}


@given(datasets(zeros=True))
def test_unstack__of_points_is_the_dataset(ds: xr.Dataset) -> None:
    p = tk.points(ds)
    before = p.copy(deep=True)
    back = tk.unstack(p)
    assert p.identical(before)
    assert back.identical(ds)
    assert back.log_prob.dtype == ds.log_prob.dtype


@given(datasets(least_points=2), st.randoms(use_true_random=False))
def test_unstack__the_order_of_points_does_not_matter(ds: xr.Dataset, random: Any) -> None:
    order = random.sample(range(ds.sizes["run"]), ds.sizes["run"])
    shuffled = tk.points(ds.isel(run=order))
    back = tk.unstack(shuffled.isel(point=random.sample(range(shuffled.sizes["point"]), shuffled.sizes["point"])))
    assert back.sel(run=ds.run).identical(ds)


def test_unstack__missing_points_are_marked_by_kind() -> None:
    ds = tk.simulate(runs=2, checkpoints=5, ragged=True, samples=3)
    p = tk.points(ds)
    p = p.assign(late=p.step > 2, name=p.run + "!", small=p.step.astype(np.float32)).isel(point=slice(1, None))
    back = tk.unstack(p)
    assert back.step.values.tolist() == [[-1, 1, 2, 3, 4], [0, 1, 2, 3, -1]]
    assert back.late.dtype == bool
    assert back.late.values.tolist() == [[False] * 3 + [True] * 2, [False] * 3 + [True, False]]
    assert back.name.values.tolist() == [["", *["A-0!"] * 4], [*["B-0!"] * 4, ""]]
    assert back.small.dtype == np.float32
    assert np.isnan(back.small[0, 0])


def test_unstack__results_merge_with_their_dataset() -> None:
    ds = tk.simulate(runs=3, ragged=True).assign_coords(weight_decay=("run", [0.1, np.nan, np.nan]))
    nearest = tk.pairwise(ds).where(lambda d: d > 0).min("point2").rename("nearest")
    back = tk.unstack(nearest)
    assert back.dims == ("run", "checkpoint")
    assert back.name == "nearest"
    for merged in (ds.assign(nearest=back), ds.merge(back, compat="no_conflicts")):
        assert (merged.nearest.isnull() == (ds.step < 0)).all()
        assert merged.drop_vars("nearest").identical(ds)
        tk.validate(merged)


def test_unstack__what_varies_within_a_run_stays_per_point() -> None:
    p = tk.points(tk.simulate(runs=2, checkpoints=3))
    p = p.assign_coords(phase=("point", ["early", "late", "late"] * 2), note=(("point", "side"), np.ones((6, 2))))
    back = tk.unstack(p)
    assert back.architecture.dims == ("run",)
    assert back.phase.dims == ("run", "checkpoint")
    assert back.note.dims == ("run", "checkpoint", "side")


def test_unstack__matrices_keep_their_other_side() -> None:
    ds = tk.simulate(runs=2, checkpoints=3)
    back = tk.unstack(tk.pairwise(ds))
    assert back.dims == ("run", "checkpoint", "point2")
    assert back.name == "distance"
    assert tk.unstack(tk.points(ds).step.rename(None)).name is None


def test_points_and_unstack__bad_inputs() -> None:
    ds = tk.simulate(runs=2, checkpoints=3)
    p = tk.points(ds)
    with pytest.raises(ValueError, match=r"wanted 'step' on \(run, checkpoint\).* got variables \['architecture'"):
        tk.points(ds.drop_vars("step"))
    with pytest.raises(ValueError, match=r"got 'step' on \('point',\)"):
        tk.points(p)
    with pytest.raises(ValueError, match=r"wanted a dimension 'point' .* got dimensions \('run', 'checkpoint'"):
        tk.unstack(ds)
    with pytest.raises(ValueError, match=r"wanted a dimension 'point' with coordinates 'run' and 'checkpoint'"):
        tk.unstack(p.drop_vars("run"))
    with pytest.raises(ValueError, match=r"a point \(run, checkpoint\) appears more than once"):
        tk.unstack(p.isel(point=[0, 1, 1]))
    for strange in (p.step.astype(np.uint8), p.step.astype(object), p.step.astype(complex)):
        with pytest.raises(ValueError, match="cannot mark missing points in"):
            tk.unstack(strange)


def test_errors__of_likely_slips_lead_on() -> None:
    ds = tk.simulate(runs=6, groups=3, spread=0.3, checkpoints=8, samples=20)
    with pytest.raises(tk.SchemaError, match=r"write `ds.sel\(checkpoint=\[7\]\)`"):
        tk.progress(ds.isel(checkpoint=-1))
    with pytest.raises(TypeError, match="assign it to its dataset first"):
        tk.points(tk.progress(ds))
    with pytest.raises(ValueError, match=r"tk\.embed"):
        tk.figures.manifold(ds)
    with pytest.raises(ValueError, match="wanted one run attribute or more"):
        tk.mean_trajectory(ds, [])
