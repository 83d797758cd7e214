"""Laws of all figures."""

from __future__ import annotations

import pytest
import xarray as xr

import trajkit as tk


@pytest.mark.parametrize(
    ("figure", "data", "options"),
    [
        ("manifold", "embedding", {"color": "progress"}),
        ("pair_plot", "embedding", {"color": "progress"}),
        ("pair_plot", "embedding", {"color": "architecture", "components": (1, 2)}),
        ("spectrum", "embedding", {}),
        ("progress", "ds", {}),
        ("tube", "widths", {"color": "architecture"}),
        ("distance_matrix", "distance", {"order": "architecture"}),
        ("dendrogram", "tree", {"color": "architecture"}),
    ],
)
def test_figures__are_json_without_nan_and_leave_their_input_unchanged(figure, data, options, request):
    given = request.getfixturevalue(data)
    given = given.where(given.progress > 0.3) if data == "widths" else given
    before = given.copy(deep=True)
    assert "NaN" not in getattr(tk.figures, figure)(given, **options).to_json()
    xr.testing.assert_identical(given, before)


def test_figures__an_old_name_is_refused_with_the_new_one():
    with pytest.raises(AttributeError, match=r"write trajkit\.figures\.compare_groups"):
        _ = tk.figures.groups
    with pytest.raises(AttributeError, match="has no attribute 'histogram'"):
        _ = tk.figures.histogram
