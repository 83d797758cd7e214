"""Samples by the way networks learn them."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import xarray as xr

from trajkit.figures.axes import LEGEND
from trajkit.figures.check_result import check_result
from trajkit.figures.coloring import REFERENCE, SCALE, color_bar
from trajkit.figures.escaped import all_escaped
from trajkit.figures.template import TEMPLATE


def data_map(found: xr.Dataset, *, of: str | int | float | None = None) -> go.Figure:
    """Draw each sample at its variability and confidence, coloured by correctness.

    Easy samples are at the top, hard samples at the bottom and ambiguous samples to the right.

    Parameters
    ----------
    found
        What `trajkit.data_map` returned.
    of
        The run or group to draw; None for the mean over all of them.

    Returns
    -------
    plotly.graph_objects.Figure
        One marker per sample, circles for "train" and diamonds for "test"; hover text names the sample and its class.

    Raises
    ------
    ValueError
        If `found` is no such dataset or has no run or group `of`.

    Examples
    --------
    >>> import trajkit as tk
    >>> figure = tk.figures.data_map(tk.data_map(tk.simulate(spread=0.3)))
    >>> [t.name for t in figure.data], len(figure.data[0].x)
    (['train', 'test'], 25)

    References
    ----------
    Swayamdipta et al., EMNLP 2020.
    """
    check_result(found, {"confidence", "variability", "correctness", "forgetting"}, "data_map(ds)")
    dim = "group" if "group" in found.dims else "run"
    known = found[dim].values.tolist()
    if of is not None and of not in known:
        raise ValueError(f"of: wanted one of {known[:12]}, or None for the mean over all, got {of!r}")
    values = found[["confidence", "variability", "correctness", "forgetting"]]
    values = values.mean(dim) if of is None else values.sel({dim: of})
    figure = go.Figure()
    for split, symbol in (("train", "circle"), ("test", "diamond")):
        at = np.flatnonzero(found["split"].values == split)
        if not len(at):
            continue
        some = values.isel(sample=at)
        figure.add_scatter(
            x=some["variability"].values,
            y=some["confidence"].values,
            mode="markers",
            name=split,
            text=all_escaped(found["sample"].values[at]),
            customdata=np.stack([found["label"].values[at], some["correctness"], some["forgetting"]], axis=1),
            hovertemplate=(
                "<b>sample %{text}</b>, class number %{customdata[0]}<br>confidence %{y:.3f}, variability %{x:.3f}<br>"
                "right at %{customdata[1]:.0%} of checkpoints, forgotten %{customdata[2]:.2g} times<extra></extra>"
            ),
            # In the legend the markers are black; on a dark page only their rim is visible.
            marker={
                "color": some["correctness"].values,
                # One scale for both splits, which have a trace each.
                "coloraxis": "coloraxis",
                "symbol": symbol,
                "size": 6,
                "line": {"color": REFERENCE, "width": 0.7},
            },
        )
    return figure.update_layout(
        template=TEMPLATE,
        margin={"l": 60, "r": 10, "t": 30, "b": 45},
        legend=LEGEND,
        coloraxis={
            "colorscale": SCALE,
            "cmin": 0,
            "cmax": 1,
            "colorbar": color_bar("correctness"),
        },
        xaxis={"title": {"text": "variability"}, "rangemode": "tozero"},
        yaxis={"title": {"text": "confidence: mean probability of the label"}, "range": [-0.02, 1.02]},
    )
