"""Networks in the picture that linear models make."""

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
    """Embed linear models by InPCA and place other networks in their picture.

    In short, `project(inpca(pairwise(linear)), pairwise(networks, linear))`, with references; and how much of the
    networks' distances from each other is seen in the directions that linear models take.

    Parameters
    ----------
    linear
        The runs that make the picture, such as `linear_runs` on the networks' probe.
    networks
        The runs to place in it: same probe, other names.
    n_components
        How many components.
    metric
        Of `pairwise`.

    Returns
    -------
    xarray.Dataset
        `coordinate` (run, checkpoint, component) of references, linear models and networks, which `trajkit.figures`
        draws; `eigenvalue`, `signature` and `explained_stress` of the picture; run attributes, `step`, and
        `placed` (run), whether a run was placed afterwards. `explained_distance` (which, component), cumulative:
        of the "linear" models, of the "networks" in the linear picture, and of the "networks by themselves", an
        InPCA of their own, which nothing but its components limits.

    Raises
    ------
    SchemaError
        If the probes differ or runs share a name.
    ValueError
        As `pairwise`, `inpca` and `project` do.

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
    Mao et al., Phys. Rev. E 113, 015306, 2026, arXiv 2505.08915, figure 1, where the explained stress of such a picture
    is shown.
    """
    chosen = as_metric(metric, cap)
    everything = concat([with_references(linear), networks])
    placed = np.isin(everything["run"].values, networks["run"].values)
    base, new = (points(everything.isel(run=at)) for at in (~placed, placed))
    distance, own = pairwise(base, metric=chosen), pairwise(new, metric=chosen)
    picture = inpca(distance, n_components)
    seen = project(picture, pairwise(new, base, metric=chosen))
    kept = [
        picture["explained_distance"],
        explained_distance(seen, own),
        inpca(own, n_components)["explained_distance"],
    ]
    coordinate = unstack(xr.concat([picture[["coordinate"]], seen[["coordinate"]]], dim="point"))
    out: xr.Dataset = coordinate.reindex(run=everything["run"]).assign_coords(
        {name: everything[name] for name in run_attributes(everything)} | {"placed": ("run", placed)}
    )
    names = ["linear", "networks", "networks by themselves"]
    measures = xr.DataArray(
        np.array([k.values for k in kept]),
        {"which": names, "component": picture["component"].values},
        ("which", "component"),
        attrs={"long_name": "explained distance up to this component", "units": "1"},
    )
    measured = {name: picture[name] for name in ("eigenvalue", "signature", "explained_stress")}
    measured |= {"step": everything["step"], "explained_distance": measures}
    return out.assign(measured).assign_attrs(picture.attrs)
