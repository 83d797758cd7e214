"""The Explorer as an HTML page that needs neither a kernel nor a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from trajkit.schema import is_network
from trajkit.widgets.explorer.state import ExplorerState
from trajkit.widgets.html_export import write_page
from trajkit.widgets.manifold_view import ManifoldView

# What the two views of a page share.
_TOGETHER = (
    "selection",
    "highlighted",
    "hovered",
    "time_axis",
    "time",
    "playing",
    "duration",
    "color",
    "hidden",
    "filters",
)
# How the second view is seen at first: progress upwards, steps to the right.
_FROM_ABOVE = {"yaw": -90.0, "pitch": 90.0, "projection": "orthographic", "zoom": 1.9}
# The axes of the second view. The loss is left out: the loss of a perfect prediction is 0, which has no place on a
# logarithmic axis.
_AXES = {1: "log10(1 + step)", 2: "progress", 3: "classification error"}


def write_explorer(
    path: str | Path,
    state: ExplorerState,
    embedding: xr.Dataset,
    components: tuple[int, ...],
    looks: Mapping[str, Any],
    *,
    title: str,
) -> Path:
    """Write the manifold as it is drawn now, and progress and error against step, as two linked views."""
    shown: dict[str, Any] = {"color": state.color_name, "runs": state.runs}
    manifold = ManifoldView(embedding, components=components, **shown, **looks)  # type: ignore[arg-type]
    course = ManifoldView(training_course(embedding), titles=_AXES, height=380, camera=_FROM_ABOVE, **shown)
    course.highlighted = state.highlighted
    try:
        return write_page(path, [manifold, course], title=title, links=[(0, 1, _TOGETHER)])
    finally:
        for view in (manifold, course):
            view.close()


def training_course(embedding: xr.Dataset) -> xr.Dataset:
    """Put step, progress and error of the networks' points in the place of components."""
    # The steps of references do not count updates.
    networks = embedding.isel(run=is_network(embedding))
    steps = networks["step"].where(networks["step"] >= 0)
    along: list[Any] = [np.log10(1.0 + steps), networks["progress"], networks["error"]]
    coordinate = xr.concat([x.reset_coords(drop=True) for x in along], "component")
    bare = networks.drop_vars([n for n, v in networks.variables.items() if "component" in v.dims])
    course: xr.Dataset = bare.assign(
        coordinate=coordinate.transpose("run", "checkpoint", "component"), signature=("component", [1, 1, 1])
    )
    return course.assign_coords(component=list(_AXES))
