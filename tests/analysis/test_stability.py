"""Embeddings of fewer samples, runs and groups."""

import numpy as np
import pytest
import xarray as xr

import trajkit as tk


@pytest.fixture(scope="module")
def stable() -> xr.Dataset:
    ds = tk.simulate(runs=6, samples=80, checkpoints=5, groups=2, spread=0.3)
    return tk.stability(ds, shares=[0.5, 0.1], repeats=3)


def test_stability__the_whole_is_itself_and_less_is_further(stable):
    assert float(stable.misfit.sel(change="all")[0]) < 1e-6
    misfit = stable.misfit.mean("repeat")
    assert misfit.sel(change="10 % of samples") > misfit.sel(change="50 % of samples") > 0
    assert stable.explained_distance.sel(change="50 % of runs").notnull().all()
    assert stable.limitations == ""


def test_stability__leaving_out_a_group_is_what_embed_gives_without_it():
    ds = tk.simulate(runs=6, samples=30, checkpoints=5, groups=3, spread=0.3)
    found = tk.stability(ds, shares=[0.5], repeats=2)
    without = tk.embed(ds.isel(run=ds.architecture.values != "B"))
    at = found.sel(change="without architecture B")
    assert float(at.explained_distance[0]) == pytest.approx(float(without.explained_distance[-1]))
    assert np.isnan(at.misfit[1])
    expected = tk.align(tk.embed(ds), without).attrs["misfit"]
    assert float(at.misfit[0]) == pytest.approx(expected, rel=1e-6)
    assert float(at.kept) == pytest.approx(2 / 3)
