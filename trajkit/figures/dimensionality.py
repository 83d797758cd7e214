"""What few components explain, beside the same for nulls."""

from __future__ import annotations

import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from trajkit.figures.axes import DOTTED, LEGEND
from trajkit.figures.check_result import check_result
from trajkit.figures.coloring import PALETTE, REFERENCE, SPACE_LIKE
from trajkit.figures.escaped import escaped
from trajkit.figures.intervals import add_band, add_curve
from trajkit.figures.template import TEMPLATE

_NULL = "samples shuffled"


def dimensionality(found: xr.Dataset) -> go.Figure:
    """Draw explained stress and explained distance against the number of components, beside every null.

    Parameters
    ----------
    found
        What `trajkit.dimensionality` returned.

    Returns
    -------
    plotly.graph_objects.Figure
        A panel for each measure: the estimate with its interval, and the range and mean of the draws of the null in
        grey, of other nulls in colours. A dotted line marks the share that components should explain; the titles say
        how many components explain it.

    Raises
    ------
    ValueError
        If `found` is no such dataset.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=4, samples=20, checkpoints=5, groups=1, spread=0.3)
    >>> figure = tk.figures.dimensionality(tk.dimensionality(ds, 3, null_draws=2))
    >>> [t.name for t in figure.data if t.showlegend is None]
    ['samples shuffled', 'observed']
    """
    check_result(found, {"estimate", "null", "needed"}, "dimensionality(ds)")
    measures = found["measure"].values.tolist()
    titles = [f"{m}<br><sup>{_needed(found.sel(measure=m))}</sup>" for m in measures]
    figure = make_subplots(cols=len(measures), horizontal_spacing=0.09, subplot_titles=titles)
    x = found["component"].values
    nulls = [(_NULL, REFERENCE, found["null"])]
    if "other_null" in found:
        others = found["other"].values.tolist()
        nulls += [(escaped(o), PALETTE[k + 1], found["other_null"].sel(other=o)) for k, o in enumerate(others)]
    lowest = float(found.attrs["share"])
    for column, measure in enumerate(measures, start=1):
        # plotly cuts names in hover text after 15 characters unless told otherwise.
        where = {"row": 1, "col": column, "hoverlabel": {"namelength": -1}}
        # Both panels show the same curves; one legend entry is enough.
        hidden = {"showlegend": False} if column > 1 else {}
        for name, paint, null in nulls:
            draws = null.sel(measure=measure).dropna("draw", how="all")
            add_band(figure, x, draws.min("draw").values, draws.max("draw").values, name, paint, row=1, col=column)
            figure.add_scatter(
                x=x,
                y=draws.mean("draw").values,
                name=name,
                legendgroup=name,
                mode="lines",
                line={"color": paint, "dash": "dash", "width": 1.5},
                hovertemplate=f"{name}, %{{x}} components: %{{y:.3f}}<extra></extra>",
                **where,
                **hidden,
            )
            lowest = min(lowest, float(draws.min()))
        add_curve(figure, found.sel(measure=measure), x, "observed", SPACE_LIKE, row=1, col=column)
        figure.data[-1].showlegend = None if column == 1 else False
        figure.add_hline(y=found.attrs["share"], line=DOTTED, row=1, col=column)
        lowest = min(lowest, float(found["lower"].sel(measure=measure).min()))
    figure.update_layout(template=TEMPLATE, margin={"l": 55, "r": 10, "t": 85, "b": 45}, legend=LEGEND | {"y": 1.17})
    figure.update_xaxes(title={"text": "components"}, dtick=1 if len(x) <= 15 else None)
    room = 0.05 * (1 - lowest)
    # The range ends at 1, so that distances from a perfect embedding can be compared between the panels.
    figure.update_yaxes(range=[lowest - room, 1 + room])
    figure.update_yaxes(title={"text": "explained, cumulative"}, col=1)
    return figure


def _needed(found: xr.Dataset) -> str:
    """Write how many components explain the share, for the runs and for the null."""
    most, share = found.sizes["component"], found.attrs["share"]
    own, null = int(found["needed"]), list(set(found["null_needed"].values.tolist()))

    def number(count: int) -> str:
        return f"more than {most}" if count < 0 else str(count)

    # -1, more than were looked at, sorts last.
    null.sort(key=lambda count: count if count >= 0 else most + 1)
    several = number(null[0]) if len(null) == 1 else f"{number(null[0])} to {number(null[-1])}"
    return f"components for {share:.0%}: {number(own)}, of the null {several}"
