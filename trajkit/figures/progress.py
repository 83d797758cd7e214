"""Progress towards truth along training."""

from __future__ import annotations

import plotly.graph_objects as go
import xarray as xr

from trajkit.arranged import as_dataset
from trajkit.curves.start import after_start
from trajkit.figures.learning_curves import learning_curves


def progress(
    ds: xr.Dataset, *, color: str | xr.DataArray | None = None, runs: xr.DataArray | list[str] | None = None
) -> go.Figure:
    """Draw progress against the optimizer step, on a logarithmic axis of 1 + step, which includes step 0.

    Parameters
    ----------
    ds
        A dataset with `step` and `progress` on (run, checkpoint), such as `ds.assign(progress=tk.progress(ds))`.
        Reference runs are not drawn.
    color, runs
        As for `trajkit.figures.manifold`.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    ValueError
        If `ds` has no `progress`, or a colour or run is unknown.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate()
    >>> figure = tk.figures.progress(ds.assign(progress=tk.progress(ds)), color="architecture")
    >>> figure.layout.yaxis.title.text
    'progress'
    """
    if "progress" not in as_dataset(ds):
        raise ValueError("the dataset has no 'progress': add it with ds.assign(progress=tk.progress(ds))")
    on_road = xr.DataArray(after_start(ds), dims=("run", "checkpoint"))
    if lacking := int((on_road & ds["progress"].isnull() & (ds["kind"] == "network")).sum()):
        raise ValueError(f"{lacking} points have no progress: compute it again, ds.assign(progress=tk.progress(ds))")
    figure = learning_curves(ds, "progress", color=color, runs=runs)
    return figure.update_yaxes(title_text="progress", range=[-0.03, 1.03])
