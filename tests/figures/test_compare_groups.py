"""What attributes explain, seen in the traces of the figure."""

from __future__ import annotations

import numpy as np
import xarray as xr

import trajkit as tk


def test_compare_groups__has_the_largest_on_top_and_the_joint_test_above(small: xr.Dataset) -> None:
    found = tk.compare_groups(small, ["seed", "architecture"], permutations=99)
    figure = tk.figures.compare_groups(found)
    alone = dict(zip(figure.data[1].y, figure.data[1].x, strict=True))
    assert figure.data[1].y[-1] == max(alone, key=lambda name: alone[name])
    assert alone["architecture"] == float(found.r_squared.sel(attribute="architecture"))
    # No joint test is possible where each run has its own architecture and seed.
    joint = float(found.joint_r_squared)
    assert (f"{joint:.2f}" in figure.layout.title.text) == np.isfinite(joint)
