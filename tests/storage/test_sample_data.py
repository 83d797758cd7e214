"""Laws of the shipped data: valid, small, and made by the grid they name."""

from __future__ import annotations

import pytest
import xarray as xr

import trajkit as tk


def test_sample_data__names_what_is_shipped_and_loads_it() -> None:
    assert tk.sample_data() == ["digits", "cifar10", "sloppy"]
    ds = tk.sample_data("digits")
    assert isinstance(ds, xr.Dataset)
    tk.validate(ds)
    assert set(ds.split.values.tolist()) == {"train", "test"}


def test_sample_data__unknown_names_are_told_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match=r"no shipped trajectories 'imagenet': wanted one of \['digits', 'cifar10', 'sloppy'\]"
    ):
        tk.sample_data("imagenet")
