"""A trajectory begins at the step `start_step` of its run."""

import numpy as np
import pytest

import trajkit as tk


def started(*start: float, **options: int) -> tuple:
    """Runs that start late, and the same runs without the checkpoints before."""
    ds = tk.simulate(runs=len(start), checkpoints=8, spread=0.3, **options)
    cut = tk.concat(
        [ds.isel(run=[r], checkpoint=slice(int(max(s, 0)), None)) for r, s in enumerate(np.nan_to_num(start))]
    )
    return ds.assign_coords(start_step=("run", np.array(start))), cut


@pytest.mark.parametrize("extend", ["hold", "nan", "shared"])
@pytest.mark.parametrize("by", ["progress", "length", "step"])
def test_start__resample_and_progress_are_those_of_runs_without_what_is_before(by: str, extend: str) -> None:
    ds, cut = started(2, 0, np.nan)
    np.testing.assert_array_equal(tk.progress(ds), tk.progress(cut))
    np.testing.assert_array_equal(tk.distance_to_geodesic(ds), tk.distance_to_geodesic(cut))
    got, wanted = (tk.resample(x, 5, by, extend=extend) for x in (ds, cut))
    assert got.drop_vars("start_step").identical(wanted)


def test_start__at_the_first_step_changes_nothing() -> None:
    ds, _ = started(0, 0)
    plain = ds.drop_vars("start_step")
    assert tk.progress(ds).drop_vars("start_step").identical(tk.progress(plain))
    assert tk.trajectory_distance(ds, n=5).drop_vars("start_step").identical(tk.trajectory_distance(plain, n=5))


def test_start__between_two_checkpoints_is_at_the_later_one() -> None:
    ds, cut = started(3, 3)
    ds = ds.assign_coords(start_step=("run", [2.5, 2.001]))
    np.testing.assert_array_equal(tk.progress(ds)[:, 3:], tk.progress(cut))
    assert tk.progress(ds)[:, :3].isnull().all()


def test_start__is_kept_by_references_and_selection() -> None:
    ds, _ = started(2, 0)
    both = tk.with_references(ds)
    assert np.isnan(tk.progress(both).values[0, :2]).all()
    assert tk.progress(both).sel(run="geodesic").notnull().all()
    late = tk.select(ds, progress=(0.0, None))
    assert int((late.step[0] >= 0).sum()) == 6


def test_start__a_start_that_no_run_can_have_is_refused() -> None:
    ds = started(2, 0)[0].assign_coords(start_step=("run", [2, 9]))
    with pytest.raises(ValueError, match=r"runs \['B-0'\] have no checkpoint at or after their 'start_step'"):
        tk.resample(ds)
    # Alone, its points have no progress.
    assert tk.progress(ds)[1].isnull().all()
    with pytest.raises(ValueError, match="'start_step': wanted a number of steps for each run, got <U1"):
        tk.resample(ds.assign_coords(start_step=("run", ["2", "0"])))
