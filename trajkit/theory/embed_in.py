"""Networks in the embedding of linear models."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit.concat import concat
from trajkit.curves import with_references
from trajkit.distances import Metric, as_metric, pairwise
from trajkit.embedding import explained_distance, inpca, project
from trajkit.points import points, unstack
from trajkit.schema import run_attributes


def embed_in(
    linear: xr.Dataset,
    networks: xr.Dataset,
    n_components: int = 3,
    *,
    metric: str | Metric = "bhattacharyya",
    cap: float | None = None,
) -> xr.Dataset:
    """Embed linear models by InPCA and project networks on the components.

    In short, `project(inpca(pairwise(linear)), pairwise(networks, linear))`, with references; and how much of the
    distances between the networks the components of the linear models explain.

    Parameters
    ----------
    linear
        The runs to embed, such as `linear_runs` on the networks' probe.
    networks
        The runs to project: same probe, other names.
    n_components
        Number of components.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.

    Returns
    -------
    xarray.Dataset
        `coordinate` (run, checkpoint, component) of references, linear models and networks, for `trajkit.figures`;
        `eigenvalue`, `signature` and `explained_stress` of the InPCA of the linear models; run attributes, `step`, and
        `placed` (run), whether a run was projected. `explained_distance` (which, component), cumulative: of the
        "linear" models, of the "networks" in the components of the linear models, and of the "networks by themselves"
        in their own InPCA.

    Raises
    ------
    SchemaError
        If the probes differ or runs share a name.
    ValueError
        As for `trajkit.pairwise`, `trajkit.inpca` and `trajkit.project`.

    Examples
    --------
    >>> import trajkit as tk
    >>> x, label = tk.theory.sloppy_inputs(60, 10, decay=0.5, classes=3)
    >>> linear = tk.theory.linear_runs(x, label, steps=200, scale=[0.0, 1.0])
    >>> others = tk.theory.linear_runs(x, label, steps=200, scale=[2.0])
    >>> found = tk.theory.embed_in(linear, others)
    >>> found.explained_distance.dims, int(found.placed.sum())
    (('which', 'component'), 3)

    References
    ----------
    Mao et al., Phys. Rev. E 113, 015306, 2026, arXiv 2505.08915; figure 1 shows the explained stress of such an
    embedding.
    """
    chosen = as_metric(metric, cap)
    # Together first: `concat` refuses another probe or a repeated name before anything is computed.
    everything = concat([with_references(linear), networks])
    placed = np.isin(everything["run"].values, networks["run"].values)
    base, new = (points(everything.isel(run=at)) for at in (~placed, placed))
    own = pairwise(new, metric=chosen)
    embedded = inpca(pairwise(base, metric=chosen), n_components)
    projected = project(embedded, pairwise(new, base, metric=chosen))
    explained = {
        "linear": embedded["explained_distance"],
        "networks": explained_distance(projected, own),
        "networks by themselves": inpca(own, n_components)["explained_distance"],
    }
    shares = xr.DataArray(
        np.array([values.values for values in explained.values()]),
        {"which": list(explained), "component": embedded["component"].values},
        ("which", "component"),
        attrs={"long_name": "explained distance up to this component", "units": "1"},
    )
    coordinate = unstack(xr.concat([embedded[["coordinate"]], projected[["coordinate"]]], dim="point"))
    attributes = {name: everything[name] for name in run_attributes(everything)}
    measures = {name: embedded[name] for name in ("eigenvalue", "signature", "explained_stress")}
    return (
        coordinate.reindex(run=everything["run"])
        .assign_coords({**attributes, "placed": ("run", placed)})
        .assign({**measures, "step": everything["step"], "explained_distance": shares})
        .assign_attrs(embedded.attrs)
    )
