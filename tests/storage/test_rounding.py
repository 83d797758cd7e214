"""Laws of rounding: few bits, bounded errors, and zeros, ones and gaps exactly kept."""

from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from strategies import log_probs

import trajkit as tk
from trajkit.storage.rounding import round_mantissa


@given(st.integers(11, 23), st.integers(0, 99))
def test_save__bits_bound_the_relative_rounding(tmp_path_factory: pytest.TempPathFactory, bits: int, seed: int) -> None:
    ds = tk.simulate(runs=2, checkpoints=4, samples=8, spread=0.2, seed=seed)
    path = tk.save(ds, tmp_path_factory.mktemp("bits") / "rounded.nc", bits=bits)
    finite = np.isfinite(ds.log_prob.values)
    rounded, exact = tk.load(path).log_prob.values[finite], ds.log_prob.values[finite]
    assert (np.abs(rounded - exact) <= np.abs(exact) * 2.0 ** -(bits + 1) * (1 + 1e-6)).all()


def test_load__keeps_zero_probabilities_and_certain_ones(tmp_path: Path, ds: xr.Dataset) -> None:
    full = tk.with_references(ds)
    assert np.isneginf(full.log_prob).any()
    back = tk.load(tk.save(full, tmp_path / "full.nc"))
    assert back.identical(full)
    for bits in (11, 12, 23):
        rounded = tk.load(tk.save(full, tmp_path / f"{bits}.nc", bits=bits)).log_prob
        assert (rounded.isnull() == full.log_prob.isnull()).all()
        assert (np.isneginf(rounded) == np.isneginf(full.log_prob)).all()
        assert ((rounded == 0) == (full.log_prob == 0)).all()


@pytest.mark.parametrize("classes", [2, 3, 10, 100, 1000])
def test_save__the_fewest_bits_allowed_make_a_file_that_loads(tmp_path: Path, classes: int) -> None:
    ds = tk.with_references(tk.simulate(runs=1, samples=10, classes=classes))
    with pytest.raises(ValueError, match=rf"bits: wanted \d+ to 23 for {classes} classes, got 0") as error:
        tk.save(ds, tmp_path / "x.nc", bits=0)
    least = int(str(error.value).split()[2])
    tk.load(tk.save(ds, tmp_path / "x.nc", bits=least))
    for bits in (least - 1, 24, -3):
        with pytest.raises(ValueError, match=f"got {bits}"):
            tk.save(ds, tmp_path / "y.nc", bits=bits)
    assert list(tmp_path.iterdir()) == [tmp_path / "x.nc"]


@pytest.mark.parametrize("precision", [1e-5, 1e-4])
@given(log_prob=log_probs(points=6))
def test_save__precision_bounds_the_error_of_distances(
    tmp_path_factory: pytest.TempPathFactory, precision: float, log_prob: np.ndarray
) -> None:
    label = np.zeros(log_prob.shape[1], dtype=int)
    ds = tk.from_arrays(log_prob=log_prob[:, None], label=label, runs={"seed": range(6)})
    path = tk.save(ds, tmp_path_factory.mktemp("precision") / "x.nc", precision=precision)
    exact, packed = (tk.bhattacharyya(d.log_prob, d.log_prob.rename(run="run2")).values for d in (ds, tk.load(path)))
    assert (np.isinf(exact) == np.isinf(packed)).all()
    bound = precision * (1 + exact / (2 * np.log(log_prob.shape[-1])))
    changed = np.abs(np.subtract(packed, exact, out=np.zeros_like(exact), where=np.isfinite(exact)))
    assert (changed <= bound + 1e-9).all()


@pytest.mark.parametrize("precision", [1e-5, 1e-4])
def test_save__errors_of_samples_largely_cancel(tmp_path: Path, precision: float) -> None:
    logits = 3 * np.random.default_rng(0).standard_normal((8, 5, 300, 10))
    ds = tk.from_arrays(logits=logits, label=np.zeros(300, dtype=int), runs={"seed": range(8)})
    packed = tk.load(tk.save(ds, tmp_path / "x.zarr", precision=precision))
    exact, changed = (
        tk.bhattacharyya(d, d[0, 0].drop_vars(["run", "checkpoint"])) for d in (ds.log_prob, packed.log_prob)
    )
    assert 0 < np.abs(changed - exact).max() < precision / 10


@given(st.integers(1, 22), hnp.arrays(np.float32, 50, elements=st.floats(width=32)))
def test_save__rounds_as_netcdf_does(tmp_path_factory: pytest.TempPathFactory, bits: int, values: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("quantize") / "x.nc"
    normal = np.abs(values) >= np.finfo(np.float32).tiny
    values = np.where(normal | ~np.isfinite(values), values, 0)
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("n", 50)
        file.createVariable("x", "f4", "n", quantize_mode="BitRound", significant_digits=bits, fill_value=np.nan)
        file["x"][:] = values
    with netCDF4.Dataset(path) as file:
        file.set_auto_mask(False)
        np.testing.assert_array_equal(round_mantissa(values, bits), file["x"][:])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": 1e-4, "bits": 12}, "wanted precision or bits, got both"),
        ({"precision": 1e-9}, r"precision: wanted 2e-07 to 1 for 5 classes, or None, got 1e-09"),
        ({"precision": 0}, "precision: wanted"),
    ],
)
def test_save__impossible_precisions_are_refused(tmp_path: Path, ds: xr.Dataset, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tk.save(ds, tmp_path / "x.nc", **options)
    assert list(tmp_path.iterdir()) == []
