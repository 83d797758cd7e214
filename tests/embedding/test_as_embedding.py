"""Laws of the door for embeddings: what is no embedding is refused with what was wanted and what to do."""

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

import trajkit as tk
from trajkit.embedding.as_embedding import ON_POINTS, ON_RUNS, as_embedding


@pytest.fixture(scope="module")
def embedding() -> xr.Dataset:
    return tk.embed(tk.simulate(runs=4, spread=0.3))


def test_as_embedding__takes_both_forms_in_any_order_of_dimensions(embedding: xr.Dataset) -> None:
    assert as_embedding(embedding.transpose("component", ...)).identical(embedding)
    stacked = tk.points(embedding)
    assert as_embedding(stacked.transpose(), on=ON_POINTS).identical(stacked)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: None, r"wanted what `tk\.embed\(ds\)` returns, a Dataset, got NoneType"),
        (lambda e: e.coordinate, "got DataArray"),
        (lambda e: e.drop_vars("signature"), r"got a Dataset without \['signature'\]"),
        (lambda e: e.isel(component=0), r"with a list, as in embedding\.isel\(component=\[0\]\)"),
        (lambda e: e.isel(run=0), r"with a list, as in embedding\.isel\(run=\[0\]\)"),
        (tk.points, r"`tk\.unstack\(embedding\)` puts points on"),
        (lambda e: e.assign(coordinate=e.coordinate.astype(str)), "got dtypes <U32 and int64 in place of numbers"),
    ],
)
def test_as_embedding__refuses_what_is_none(
    embedding: xr.Dataset, change: Callable[[xr.Dataset], object], message: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        as_embedding(change(embedding), on=ON_RUNS)


def test_as_embedding__of_points_is_finite_and_along_point(embedding: xr.Dataset) -> None:
    with pytest.raises(ValueError, match=r"`tk\.points\(embedding\)` stacks"):
        as_embedding(embedding, on=ON_POINTS)
    stacked = tk.points(embedding)
    first = xr.DataArray(np.arange(stacked.sizes["point"]) == 0, dims="point")
    stacked["coordinate"] = stacked.coordinate.where(~first)
    with pytest.raises(ValueError, match="holds points whose coordinates are NaN or infinite: drop them"):
        as_embedding(stacked)
