"""An embedding of all points from four named points."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit.analysis.tangent_angles import STEPS
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
    """Embed all points with four: ignorance, truth and the mean predictions near two values of progress.

    How much of the embedding that InPCA finds in thousands of points do four named points give? `inpca` embeds the
    four in as many dimensions as they span, and `project` places all other points. The result has what this embedding
    explains of all distances, and what InPCA of all points explains with as many components.

    Parameters
    ----------
    ds
        A trajectory dataset. Reference runs are left out.
    at
        Values of progress of the mean predictions, rounded to multiples of 1/20. The mean is the arithmetic mean over
        networks at equal progress (`resample`). One value, or three, give a basis of three points, or five.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them. The distance of truth to the
        networks must be finite.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.
    n_components
        Number of components. By default one less than the number of points in the basis.

    Returns
    -------
    xarray.Dataset
        `coordinate` (run, checkpoint, component); on `basis` ("few points", "inpca") and `component`:
        `explained_stress` and `explained_distance`, both cumulative, and `signature`. `basis_coordinate` (basis_point,
        component) holds the coordinates of the points of the basis. Coordinates are in the square root of the metric's
        units.

    Raises
    ------
    ValueError
        If `at` has equal values or values that are not between 0 and 1, if points of the basis coincide, or as `inpca`
        and `pairwise` do.

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
    This follows the four-point analysis of Mao et al., PNAS 121(12), 2024, arXiv 2305.01604 (supplementary
    information), with two differences: the means here are over all networks at equal progress, and points are placed by
    their distances, not by inner products of amplitudes. With the same four points, numbers can differ from theirs.
    """
    wanted = [round(value * STEPS) for value in at]
    if not wanted or not all(0 < step < STEPS for step in wanted) or len(set(wanted)) < len(wanted):
        raise ValueError(f"at: wanted different multiples of 1/{STEPS} between 0 and 1, got {at}")
    chosen = as_metric(metric, cap)
    ds = networks(ds, least=2)
    basis = _basis(ds, sorted(wanted))
    most = len(wanted) + 1
    number = most if n_components is None else n_components
    if not 1 <= number <= most:
        raise ValueError(f"n_components: wanted 1 to {most} for a basis of {most + 1} points, got {n_components}")
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
        attrs={**chosen.identity, "at": [step / STEPS for step in sorted(wanted)]},
    )


def _basis(ds: xr.Dataset, steps: list[int]) -> xr.Dataset:
    """Join ignorance, the mean predictions at these steps of progress, and truth, as runs of one point."""
    even = resampled(ds, STEPS + 1)
    mean = np.exp(normalize(even["log_prob"].values[:, steps])).mean(0)
    ends = references(ds, 0)
    # Where all runs give probability 0, the mean is 0 and its logarithm -inf, which is allowed.
    with np.errstate(divide="ignore"):
        log_prob = np.log(mean).astype(np.float32)[:, None]
    middle = ends.isel(run=[0] * len(steps)).assign_coords(run=[f"mean at {step / STEPS:g}" for step in steps])
    middle = middle.assign(log_prob=middle["log_prob"].copy(data=log_prob))
    return concatenated([ends.isel(run=[0]), middle, ends.isel(run=[1])])
