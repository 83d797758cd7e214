"""Runs that are being trained: what a `LiveView` measures of their checkpoints, and the curves that it draws."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from numpy.typing import NDArray

from trajkit import figures
from trajkit.curves import progress
from trajkit.figures.escaped import all_escaped
from trajkit.figures.run_lines import RunLines
from trajkit.typing import Array
from trajkit.widgets.narrow import widen_gap

_CURVES = ("progress", "loss")
# With more runs, colours no longer show which run is which.
_MOST_COLORS = 12


class Checkpoint(NamedTuple):
    """A checkpoint that waits: its run, its number within the run, its step, and predictions (sample, class)."""

    run: str
    number: int
    step: int
    log_prob: NDArray[np.float32]


class Drawn(NamedTuple):
    """What is kept of a checkpoint once it is drawn."""

    step: int
    progress: float
    loss: float
    coordinate: Array


def progress_and_loss(probe: xr.Dataset, log_prob: NDArray[np.float32]) -> tuple[Array, Array]:
    """Progress and mean cross-entropy of predictions (point, sample, class) on a probe, each on point."""
    # `progress` takes a dataset, so the points become the checkpoints of one run.
    one_run = probe.assign(
        log_prob=(("run", "checkpoint", "sample", "class"), log_prob[None]),
        step=(("run", "checkpoint"), np.arange(len(log_prob))[None]),
    ).assign_coords(run=["live"], kind=("run", ["network"]), checkpoint=np.arange(len(log_prob)))
    label = probe["label"].values
    loss: Array = -log_prob[:, np.arange(len(label)), label].mean(1, dtype=np.float64)
    return progress(one_run).values[0], loss


def drawn_runs(rows: dict[str, dict[int, Drawn]], components: NDArray[np.int64]) -> xr.Dataset:
    """Give what was drawn as a dataset: `step`, `progress`, `loss` and `coordinate` on (run, checkpoint)."""
    shape = (len(rows), max((max(of_run) + 1 for of_run in rows.values()), default=0))
    step = np.full(shape, -1)
    values = np.full((2, *shape), np.nan)
    coordinate = np.full((*shape, len(components)), np.nan)
    for i, of_run in enumerate(rows.values()):
        for k, row in of_run.items():
            step[i, k], values[:, i, k], coordinate[i, k] = row.step, (row.progress, row.loss), row.coordinate
    dims = ("run", "checkpoint")
    return xr.Dataset(
        {
            "step": (dims, step),
            "progress": (dims, values[0], {"long_name": "progress", "units": "1"}),
            "loss": (dims, values[1], {"long_name": "mean cross-entropy", "units": "nat"}),
            "coordinate": ((*dims, "component"), coordinate),
        },
        coords={
            "run": list(rows),
            "kind": ("run", ["network"] * len(rows)),
            "checkpoint": np.arange(shape[1]),
            "component": components,
        },
    )


def colored_runs(runs: list[str]) -> tuple[str, ...]:
    """Names of the runs that get a colour and traces of their own; none if there is one run or too many."""
    return tuple(sorted(runs)) if 1 < len(runs) <= _MOST_COLORS else ()


def curves(runs: xr.Dataset) -> go.Figure:
    """Progress and loss against step."""
    color = runs["run"] if colored_runs(runs["run"].values.tolist()) else None
    figure = widen_gap(figures.learning_curves(runs, _CURVES, color=color))
    return figure.update_traces(line_width=2, opacity=1, mode="lines+markers", marker_size=4)


def extend(figure: go.Figure, runs: xr.Dataset) -> None:
    """Update a figure that `curves` made of the same runs. Making a new one is the slowest part of drawing."""
    along = 1.0 + runs["step"].values
    groups, names = len(figure.data) // len(_CURVES), all_escaped(runs["run"].values)
    # With colours, each run has a trace per curve; without, one trace per curve holds all runs.
    for k, trace in enumerate(figure.data):
        shown = names == trace.name if groups > 1 else np.ones(runs.sizes["run"], dtype=bool)
        lines = RunLines(runs, shown)
        trace.x, trace.text = lines.take(along), lines.names()
        trace.y = lines.take(runs[_CURVES[k // groups]].values)
    for axis in (figure.layout.xaxis, figure.layout.xaxis2):
        axis.range = [-0.05, np.log10(along.max()) + 0.05]
