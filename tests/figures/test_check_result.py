"""Figures refuse what they cannot draw, and say what they want."""

from __future__ import annotations

import pytest
import xarray as xr

import trajkit as tk

OF_THEIR_NAME = (
    *("compare_groups", "compare_metrics", "convergence", "data_map", "dimensionality", "importance", "input_spectrum"),
    *("learning_order", "null_test", "speed_comparison", "stability"),
)
OTHERS = {"dendrogram": "cluster", "manifold": "embed", "pair_plot": "embed", "phase_map": "theory.sweep"}


@pytest.mark.parametrize(
    ("figure", "function"), [*((name, name) for name in OF_THEIR_NAME), *OTHERS.items(), ("spectrum", "inpca")]
)
@pytest.mark.parametrize(
    ("other", "came"),
    [
        (xr.Dataset({"observed": 0.0, "null": 0.0, "estimate": 0.0}), r"got a Dataset without \['"),
        (xr.DataArray(1.0), "got DataArray"),
        (None, "got NoneType"),
    ],
)
def test_figures__refuse_other_things_than_results_and_name_the_function(figure, function, other, came):
    with pytest.raises(ValueError, match=rf"wanted what `tk.{function}\(.*{came}"):
        getattr(tk.figures, figure)(other)
