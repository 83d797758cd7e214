"""Views that are linked."""

from __future__ import annotations

import pytest
import xarray as xr

from trajkit.widgets.manifold_view import ManifoldView


@pytest.fixture
def embedding(ragged_embedding: xr.Dataset) -> xr.Dataset:
    return ragged_embedding


def test_link__joins_views_until_it_is_undone(embedding):
    a, b = ManifoldView(embedding), ManifoldView(embedding, components=(2, 3, 4))
    unlink = a.link(b)
    b.camera = {"yaw": 33}
    a.selection = [["A-0", 1]]
    a.time = 0.5
    assert (a.camera["yaw"], b.selection, b.time) == (33.0, [["A-0", 1]], 0.5)
    a.tool = "lasso"
    assert b.tool == "orbit"
    unlink()
    a.camera = {"yaw": -1}
    assert b.camera["yaw"] == 33.0
    with pytest.raises(ValueError, match="cannot link \\['zoom'\\]: wanted some of"):
        a.link(b, ["zoom"])


def test_link__passes_on_runs_that_a_view_does_not_have(embedding):
    a = ManifoldView(embedding)
    b = ManifoldView(embedding.isel(run=embedding.run.values != "A-0"))
    a.link(b, ["selection", "highlighted"])
    a.selection, a.highlighted = [["A-0", 1]], ["A-0"]
    assert (b.selection, b.highlighted) == ([["A-0", 1]], ["A-0"])
    assert not b.selected.any()
