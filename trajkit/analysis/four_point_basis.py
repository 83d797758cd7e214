"""A basis of prediction space from four points."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit.analysis.tangent_angles import _STEPS
from trajkit.concat import concatenated
from trajkit.curves import references
from trajkit.curves.resample import resampled
from trajkit.distances import Metric, as_metric, pairwise
from trajkit.embedding import explained_distance, explained_stress, inpca, project
from trajkit.points import unstack
from trajkit.probabilities import normalize
from trajkit.schema import networks


def four_point_basis(
    ds: xr.Dataset,
    *,
    at: tuple[float, ...] = (0.3, 0.7),
    metric: str | Metric = "bhattacharyya",
    cap: float | None = None,
    n_components: int | None = None,
) -> xr.Dataset:
    """Embed all points by four: ignorance, truth and the mean predictions near two values of progress.

    How much of a picture that InPCA finds in thousands of points is there in four that can be named? The four are
    embedded by `inpca`, in as many dimensions as they span, all others placed by `project`, and what these coordinates
    explain of all distances is set beside what InPCA of all points explains in as many components.

    Parameters
    ----------
    ds
        A trajectory dataset; reference runs are left out.
    at
        Progress of the mean predictions, in twentieths: the arithmetic mean over networks, brought to this progress by
        `resample`. Other numbers of values give other numbers of points.
    metric
        Of the distances; one that is finite from truth to the networks.
    n_components
        Of these as many; None for one less than there are points.

    Returns
    -------
    xarray.Dataset
        `coordinate` (run, checkpoint, component), and on `basis` ("few points", "inpca") and `component`, cumulative:
        `explained_stress`, `explained_distance` and `signature`. Coordinates of the points of the basis themselves are
        `basis_coordinate` (basis_point, component).

    Raises
    ------
    ValueError
        If `at` is no progress between 0 and 1, or the points of the basis coincide, or as `inpca` and `pairwise` do.

    Examples
    --------
    >>> import trajkit as tk
    >>> found = tk.four_point_basis(tk.simulate(groups=1, spread=0.3))
    >>> found.basis_point.values.tolist()
    ['ignorance', 'mean at 0.3', 'mean at 0.7', 'truth']
    >>> bool((found.explained_distance[0, 2] > 0.9).item())
    True

    Notes
    -----
    After the four-point analysis of Mao et al., PNAS 121(12), 2024, arXiv 2305.01604 (supplementary information). Means
    are taken here at equal progress over all networks alike, and others are placed by their distances, not by inner
    products of amplitudes; with the same four points numbers may differ from theirs.
    """
    wanted = [round(value * _STEPS) for value in at]
    if not wanted or not all(0 < step < _STEPS for step in wanted) or len(set(wanted)) < len(wanted):
        raise ValueError(f"at: wanted different values of progress between 0 and 1, in twentieths, got {at}")
    chosen = as_metric(metric, cap)
    ds = networks(ds, least=2)
    basis = _basis(ds, sorted(wanted))
    most = len(wanted) + 1
    number = most if n_components is None else n_components
    if not 1 <= number <= most:
        raise ValueError(f"n_components: wanted 1 to {most}, as {most + 1} points span, got {n_components}")
    few = inpca(pairwise(basis, metric=chosen), number)
    distance = pairwise(ds, metric=chosen)
    placed = project(few, pairwise(ds, basis, metric=chosen))
    whole = inpca(distance, number)
    both = xr.Variable("basis", ["few points", "inpca"])
    explained = {
        measure.__name__: xr.concat([measure(placed, distance), measure(whole, distance)], dim=both)
        for measure in (explained_stress, explained_distance)
    }
    signature = xr.concat([few["signature"], whole["signature"]], dim=both)
    own = few["coordinate"].drop_vars([c for c in few["coordinate"].coords if c != "component"])
    names = basis["run"].values
    return xr.Dataset(
        {
            "coordinate": unstack(placed["coordinate"]),
            **explained,
            "signature": signature,
            "basis_coordinate": own.rename(point="basis_point").assign_coords(basis_point=names),
        },
        attrs={**chosen.identity, "at": [step / _STEPS for step in sorted(wanted)]},
    )


def _basis(ds: xr.Dataset, steps: list[int]) -> xr.Dataset:
    """Ignorance, means at so many steps of progress, and truth, as runs of one point."""
    even = resampled(ds, _STEPS + 1)
    mean = np.exp(normalize(even["log_prob"].values[:, steps])).mean(0)
    ends = references(ds, 0)
    # A class that all runs rule out is ruled out, log 0 = -inf.
    with np.errstate(divide="ignore"):
        log_prob = np.log(mean).astype(np.float32)[:, None]
    middle = ends.isel(run=[0] * len(steps)).assign_coords(run=[f"mean at {step / _STEPS:g}" for step in steps])
    middle = middle.assign(log_prob=middle["log_prob"].copy(data=log_prob))
    return concatenated([ends.isel(run=[0]), middle, ends.isel(run=[1])])
