"""The Python that a state of the Explorer stands for, with the dataset as `ds`. No widgets here.

Every line refers to names that `picture_code` defines: `part`, `selected`, `frame` and, in some states, `own`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import xarray as xr

from trajkit.widgets.explorer.measurements import (
    N_COMPONENTS,
    OF_AXES,
    QUANTITIES,
    fitting,
    only,
    partner_components,
)
from trajkit.widgets.explorer.state import ExplorerState
from trajkit.widgets.python_text import as_python


def picture_code(state: ExplorerState, looks: Mapping[str, Any]) -> str:
    """Write the lines that make the picture from `ds`; `looks` are the view's traits that differ from the defaults."""
    return "\n".join(_picture_lines(state, looks))


def part_code(state: ExplorerState) -> str:
    """Write `state.shown_part`."""
    if not state.selection.has_window:
        return "part"
    # Only networks are selected; references keep their points.
    networks = ".where(part.kind == 'network', part.step)" if state.has_references else ""
    return f"part.assign(step=selected.step.reindex_like(part.step, fill_value=-1){networks})"


def color_code(state: ExplorerState) -> str:
    """Write the colour as a keyword argument, with a comma behind it."""
    return f"color={state.color!r}, " if state.color else ""


def distance_code(state: ExplorerState) -> str:
    """Write `state.distance()`, as the variable `distance`."""
    part = "tk.select(part, kind='network')" if state.has_references else "part"
    return (
        f"distance = tk.trajectory_distance({part}{metric_code(state)})\n"
        "there = distance.run.isin(selected.run).values\n"
        "distance = distance.isel(run=there, run2=there)"
    )


def metric_code(state: ExplorerState) -> str:
    """Write `state.metric_options` as further keyword arguments, each with a comma before it."""
    return _further(state.metric_options)


def _further(options: Mapping[str, Any]) -> str:
    return "".join(f", {name}={value!r}" for name, value in options.items())


def _picture_lines(state: ExplorerState, looks: Mapping[str, Any]) -> Iterator[str]:
    source = "ds"
    if state.split is not None:
        yield f"part = tk.select(ds, split={state.split!r})"
        source = "part"
    # Before the selection: a condition on progress then uses these values and does not measure them again.
    values = ", ".join(f"{name}=tk.{name}({source})" for name in QUANTITIES)
    yield f"part = {source}.assign({values})"
    yield f"selected = {state.selection.code_on('part', without=('split',))}"
    yield f"frame = {_embed_code(state, 'part', state.part)}"
    drawn = "frame"
    if state.frame == "selection":
        yield from _slice_lines(state)
        drawn = "embedding"
    elif state.selection.has_window:
        yield "step = selected.step.reindex_like(frame.step, fill_value=-1)"
        yield "embedding = frame.assign(step=step.where(frame.kind == 'network', frame.step))"
        drawn = "embedding"
    components = "" if state.components == (1, 2, 3) else f"components={state.components}, "
    seen = "".join(f", {name}={as_python(_rounded(value))}" for name, value in looks.items())
    yield f"tk.widgets.ManifoldView({drawn}, {color_code(state)}{components}runs=selected.run{seen})"


def _slice_lines(state: ExplorerState) -> Iterator[str]:
    """Write the embedding of the selection and its alignment with the embedding of all runs."""
    shown = "selected"
    if state.has_references:
        shown = "together"
        yield "together = tk.concat([selected, tk.select(part, kind='reference')])"
    yield f"own = {_embed_code(state, shown, only(state.part, state.selection.points))}"
    frame = state.measured.embedding(state.split, state.metric)
    wanted = list(state.components)
    # Components are paired by signature, so their numbers can differ between the two embeddings.
    own = partner_components(frame, state.own, wanted)
    yield f"moved = tk.align(frame.sel(component={wanted}), own.sel(component={own}))"
    yield f"embedding = frame.sel(component={wanted}).drop_vars({list(OF_AXES)})"
    yield (
        "embedding = embedding.assign(coordinate=moved.coordinate, "
        "step=moved.step.reindex_like(frame.step, fill_value=-1))"
    )


def _embed_code(state: ExplorerState, name: str, ds: xr.Dataset) -> str:
    options = state.metric_options
    if state.measured.landmarks is not None and (landmarks := fitting(state.measured.landmarks, ds)) is not None:
        options["landmarks"] = landmarks
    return f"tk.embed({name}, n_components={N_COMPONENTS}{_further(options)})"


def _rounded(value: Any) -> Any:
    """Round the numbers of a camera to what can be seen."""
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    # An angle of 1e-4 degrees moves no point by a pixel.
    return round(value, 4) if isinstance(value, float) else value
