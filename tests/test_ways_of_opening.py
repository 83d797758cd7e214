"""Whatever way xarray opened or turned a dataset, public functions give what they give for the dataset itself."""

import base64
import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
import xarray as xr
from public_calls import NO_TRAJECTORIES, TAKING, arguments, call, small

NAMES = sorted(set(TAKING) - NO_TRAJECTORIES)
# Reports and widgets measure the dataset with functions that stand beside them here.
SLOW = {"trajkit.report", "trajkit.explore", "trajkit.widgets.Explorer", "trajkit.widgets.explore", "trajkit.claims"}
SLOW |= {"trajkit.theory.embed_in", "trajkit.stability", "trajkit.dimensionality"}
Given = xr.Dataset | xr.DataArray
Way = Callable[[Given, Path], Given]


def _of_dataset(way: Callable[[xr.Dataset, Path], xr.Dataset]) -> Way:
    def of_either(x: Given, folder: Path) -> Given:
        if isinstance(x, xr.Dataset):
            return way(x, folder)
        name = x.name or "value"
        return way(x.to_dataset(name=name), folder)[name].rename(x.name)

    return of_either


def _path(folder: Path, ending: str) -> Path:
    return folder / f"opened-{len(list(folder.iterdir()))}{ending}"


@_of_dataset
def zarr_in_pieces(x: xr.Dataset, folder: Path) -> xr.Dataset:
    """`xr.open_zarr` of a folder whose pieces are cut along every dimension."""
    path = _path(folder, ".zarr")
    x.chunk(dict.fromkeys(x.dims, 3)).to_zarr(path, zarr_format=2)
    return xr.open_zarr(path)


@_of_dataset
def old_file_turned(x: xr.Dataset, folder: Path) -> xr.Dataset:
    """A file of netCDF 3, read lazily, with the dimensions the other way round."""
    path = _path(folder, ".nc")
    x.to_netcdf(path, format="NETCDF3_64BIT")
    opened = xr.open_dataset(path)
    for name, variable in opened.variables.items():
        if variable.dtype == object and variable.ndim > 1:
            opened[name].load()  # xarray itself fails to turn text of two dimensions that it has not read
    return opened.transpose(*reversed(list(x.dims)))


@_of_dataset
def several_files(x: xr.Dataset, folder: Path) -> xr.Dataset:
    """`xr.open_mfdataset` of a classic file; two of them where there are runs to share out."""
    parts = [x.isel(run=slice(0, 2)), x.isel(run=slice(2, None))] if "run" in x.dims and "run2" not in x.dims else [x]
    paths = [_path(folder, f"-{i}.nc") for i in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        part.to_netcdf(path, format="NETCDF4_CLASSIC")
    how: dict[str, Any] = {"concat_dim": "run", "combine": "nested"} if len(parts) > 1 else {}
    return xr.open_mfdataset(paths, data_vars="minimal", coords="minimal", compat="override", **how)


WAYS: dict[str, Way] = {
    "zarr_in_pieces": zarr_in_pieces,
    "old_file_turned": old_file_turned,
    "several_files": several_files,
}


def each(way: Way, value: Any, folder: Path) -> Any:
    """Open an argument in this way, also the datasets of a list."""
    if isinstance(value, list) and value and isinstance(value[0], xr.Dataset):
        return [way(own, folder) for own in value]
    return way(value, folder) if isinstance(value, Given) else value


def plain(part: Any) -> Any:
    """Write a part of a figure as lists and numbers: the dtype of an array is no part of the picture."""
    if isinstance(part, dict) and "bdata" in part:
        shape = [int(n) for n in str(part.get("shape", "-1")).split(",")]
        return plain(np.frombuffer(base64.b64decode(part["bdata"]), part["dtype"]).reshape(shape))
    if isinstance(part, dict):
        return {key: plain(value) for key, value in part.items()}
    if isinstance(part, list | tuple | np.ndarray):
        return [plain(value) for value in part]
    return round(float(part), 9) if isinstance(part, int | float | np.number) else part


def assert_same(got: Any, wanted: Any) -> None:
    """The order of dimensions is no part of a labelled result."""
    if isinstance(wanted, xr.Dataset):
        got = got.assign({name: got[name].transpose(*wanted[name].dims) for name in wanted.data_vars})
        xr.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-12)
    elif isinstance(wanted, xr.DataArray):
        xr.testing.assert_allclose(got.transpose(*wanted.dims), wanted, rtol=1e-9, atol=1e-12)
    elif isinstance(wanted, pd.DataFrame):
        pd.testing.assert_frame_equal(got, wanted, check_like=True)
    elif isinstance(wanted, go.Figure):
        np.testing.assert_equal(plain(got.to_plotly_json()), plain(wanted.to_plotly_json()))
    else:
        assert type(got) is type(wanted)


@functools.cache
def results(name: str) -> Any:
    """What a public name gives for the dataset itself."""
    with tempfile.TemporaryDirectory() as folder:
        return call(name, arguments(name, small(), Path(folder)))


# Each name in one way by default, in all ways when slow tests run.
_SHORT = {(name, list(WAYS)[place % len(WAYS)]) for place, name in enumerate(NAMES) if name not in SLOW}
PAIRS = [
    (name, way) if (name, way) in _SHORT else pytest.param(name, way, marks=pytest.mark.slow)
    for name in NAMES
    for way in WAYS
]


@pytest.mark.parametrize(("name", "way"), PAIRS)
def test_way__of_opening_changes_no_result(name: str, way: str, tmp_path: Path) -> None:
    given = arguments(name, small(), tmp_path)
    got = call(name, {key: each(WAYS[way], value, tmp_path) for key, value in given.items()})
    assert_same(got, results(name))
