"""A selection, without controls and shared by several."""

from __future__ import annotations

import numpy as np

import trajkit as tk
from trajkit.widgets.slicer_selection import Selection


def test_selection__points_are_those_that_select_keeps(ds) -> None:
    selection = Selection(tk.with_references(ds, n_geodesic=3))
    selection.conditions = {"architecture": ["A", "C"], "where": "width < 40", "step": (2, 5)}
    kept = tk.select(ds, **selection.conditions)
    points = selection.points.sel(run=kept.run, checkpoint=kept.checkpoint)
    np.testing.assert_array_equal(points, kept.step >= 0)
    assert int(selection.points.sum()) == int((kept.step >= 0).sum())


def test_selection__moves_all_slicers_that_share_it_and_each_can_undo(ds) -> None:
    selection = Selection(ds)
    one, other = (tk.widgets.Slicer(ds, selection=selection) for _ in range(2))
    one.conditions = {"architecture": ["A"]}
    assert other.conditions == selection.conditions == {"architecture": ["A"]}
    assert other.board.state == one.board.state
    assert other.code == one.code
    selection.conditions = {"seed": [1]}
    assert one.conditions == {"seed": [1]}
    other.undo()
    assert one.conditions == other.conditions == selection.conditions == {"architecture": ["A"]}
