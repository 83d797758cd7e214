"""Colours, seen in the traces of the figure."""

from __future__ import annotations

from trajkit.figures.coloring import coloring


def test_coloring__missing_text_is_a_category_named_none(ds):
    with_gap = ds.assign_coords(architecture=ds.architecture.where(ds.run != "A-0", ""))
    assert coloring(with_gap, "architecture").categories == ("(none)", "B", "C", "A")
