"""Distances within and between groups of runs, and how much of them run attributes explain."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit.analysis.permanova import explained, products, span
from trajkit.analysis.run_groups import groups, names_of, own_copies
from trajkit.analysis.runs_matrix import runs_matrix
from trajkit.curves.trajectory_distance import trajectory_distance_of
from trajkit.distances import Metric, as_metric
from trajkit.embedding.squared_distances import squared_lengths
from trajkit.renamed import renamed
from trajkit.schema import is_network, networks
from trajkit.typing import Array, Indices, Mask


@renamed(n="permutations")
def compare_groups(
    ds: xr.Dataset | xr.DataArray,
    by: str | list[str],
    *,
    metric: str | Metric = "bhattacharyya",
    cap: float | None = None,
    permutations: int = 999,
    seed: int = 0,
) -> xr.Dataset:
    """Compare distances within and between groups of runs, and measure how much of them run attributes explain.

    This is distance-based analysis of variance. With D the squared distances of N runs, G = -1/2 J D J,
    J = I - 11'/N, and H the projection on the functions of the attributes (each value is a category),

        R^2 = tr(H G) / tr G,    F = [tr(H G) / rank H] / [tr((I - H) G) / (N - 1 - rank H)]

    Distances of scale "length" are squared. Those of scale "squared length", such as bhattacharyya, are used as they
    are. For Euclidean distances the result is the analysis of variance of the coordinates. A p-value is the share of
    the permutations, the observed order among them, whose F is at least the observed F. It assumes that runs are
    exchangeable if the attribute has no effect.

    Parameters
    ----------
    ds
        A trajectory dataset, or a matrix (run, run2) as `trajectory_distance` returns it. Reference runs are left out.
    by
        Run attribute, or attributes, that define the groups.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them. It must be symmetric. Not used
        for a matrix.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.
    permutations
        Number of permutations. The smallest possible p-value is 1 / (permutations + 1).
    seed
        Seed for the random draws.

    Returns
    -------
    xarray.Dataset
        On `attribute`, in the metric's units: `within`, the mean distance of pairs with the same value of the
        attribute; `between`, of pairs with different values; `alone`, of pairs that differ in this attribute and in no
        other of `by`. `ratio` = between / within; `alone_ratio` = alone / replicates. `r_squared` and `p_value` of the
        attribute by itself; `unique_r_squared` and `unique_p_value` of what it adds to all others of `by` (residuals
        are permuted). Without dimension: `replicates`, the mean distance of pairs that agree in all of `by`;
        `joint_r_squared` and `joint_p_value` of all attributes together. Ratios of squared lengths are ratios of
        squares. An entry is NaN if no pair is of its kind, or if there are as many combinations of values as runs;
        `attrs["limitations"]` names these cases.

    Raises
    ------
    ValueError
        If an attribute is unknown, missing for some run, or the same or different for all; if all distances are zero;
        if a matrix is not symmetric or has no scale.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=8, groups=2, spread=0.3)
    >>> groups = tk.compare_groups(ds, "architecture")
    >>> bool(groups.ratio.item() > 2), bool(groups.p_value.item() < 0.05)
    (True, True)

    References
    ----------
    McArdle & Anderson, Ecology 82, 2001; Anderson, Austral Ecology 26, 2001; permuting residuals: Freedman & Lane,
    J. Bus. Econ. Stat. 1, 1983.
    """
    names = names_of(by)
    if permutations < 1:
        raise ValueError(f"permutations: wanted one permutation or more, got {permutations}")
    distance = distances_of_networks(ds, as_metric(metric, cap, symmetric=True))
    codes = [groups(distance, name)[0] for name in names]
    if single := [name for name, code in zip(names, codes, strict=True) if code.max() + 1 == len(code)]:
        raise ValueError(f"{single} differ for every run: wanted attributes that several runs have in common")
    copies = own_copies(distance)
    inner = products(_copies_as_replicates(squared_lengths(distance), codes, copies))
    if np.trace(inner) <= 0:
        raise ValueError("all distances are zero: there is nothing to explain")
    apart = _mean_distances(distance.values, codes, copies)
    tests = _tests(inner, codes, permutations, np.random.default_rng(seed))
    return _labelled(names, apart | tests, distance, permutations, _limitations(names, codes, apart, tests))


def distances_of_networks(ds: xr.Dataset | xr.DataArray, metric: Metric) -> xr.DataArray:
    """Compute the distances of runs, or check the matrix that is given, and leave out reference runs.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.with_references(tk.simulate(runs=3), 2)
    >>> distances_of_networks(tk.trajectory_distance(ds, n=2), Metric("hellinger")).sizes["run"]
    3
    """
    distance = trajectory_distance_of(networks(ds, least=2), metric) if isinstance(ds, xr.Dataset) else ds
    values, at = runs_matrix(distance), np.flatnonzero(is_network(distance))
    distance = distance.copy(data=values).isel(run=at, run2=at)
    if len(at) < 3:
        raise ValueError(f"wanted distances of three runs of kind 'network' or more, got {len(at)}")
    return distance


def _copies_as_replicates(squared: Array, codes: list[Indices], copies: Mask) -> Array:
    """Set the distance of a run to its copy to the mean distance of replicates; NaN if there are none."""
    # At distance 0, copies would make groups tighter than any new runs are, and R^2 too large.
    pairs_of_copies = copies & ~np.eye(len(squared), dtype=bool)
    if not pairs_of_copies.any():
        return squared
    replicates = np.all([code[:, None] == code for code in codes], axis=0) & ~copies
    return np.where(pairs_of_copies, squared[replicates].mean() if replicates.any() else np.nan, squared)


def _mean_distances(values: Array, codes: list[Indices], copies: Mask) -> dict[str, Array]:
    """Mean distances of each kind of pairs, and their ratios; NaN for kinds without pairs."""
    differ = np.array([code[:, None] != code for code in codes])
    pair = np.triu(~copies, k=1)

    def mean(of: Mask) -> float:
        return float(values[of & pair].mean()) if (of & pair).any() else np.nan

    differences = differ.sum(0)
    within, between = np.array([[mean(~d), mean(d)] for d in differ]).T
    alone = np.array([mean(d & (differences == 1)) for d in differ])
    replicates = np.array(mean(differences == 0))
    # Runs with equal predictions are at distance 0: the ratio is then infinite.
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = {"ratio": between / within, "alone_ratio": alone / replicates}
    return {"within": within, "between": between, "alone": alone, "replicates": replicates, **ratios}


def _tests(inner: Array, codes: list[Indices], permutations: int, random: np.random.Generator) -> dict[str, Array]:
    runs = len(inner)
    nothing, everything = span([], runs), span(codes, runs)
    alone = np.array([explained(inner, span([code], runs), nothing, permutations, random) for code in codes])
    others = [span(codes[:i] + codes[i + 1 :], runs) for i in range(len(codes))]
    unique = np.array([explained(inner, everything, other, permutations, random) for other in others])
    joint = np.array(explained(inner, everything, nothing, permutations, random))
    return {
        "r_squared": alone[:, 0],
        "p_value": alone[:, 1],
        "unique_r_squared": unique[:, 0],
        "unique_p_value": unique[:, 1],
        "joint_r_squared": joint[0],
        "joint_p_value": joint[1],
    }


def _limitations(names: list[str], codes: list[Indices], apart: dict[str, Array], tests: dict[str, Array]) -> list[str]:
    said = []
    for i, (name, code) in enumerate(zip(names, codes, strict=True)):
        if ones := int((np.bincount(code) == 1).sum()):
            said.append(f"{name}: {ones} of its {code.max() + 1} values have one run and no distances within")
        if np.isnan(apart["alone"][i]):
            said.append(f"{name}: no two runs differ in it alone")
        if np.isnan(tests["unique_r_squared"][i]):
            said.append(f"{name}: the other attributes determine it, or there are too few runs to separate them")
    if np.isnan(apart["replicates"]):
        said.append(f"no two runs agree in {', '.join(names)}: there is no distance of replicates to compare with")
    return said


_MEANING = {
    "within": "mean distance of pairs with the same value of the attribute",
    "between": "mean distance of pairs with different values of the attribute",
    "alone": "mean distance of pairs that differ in this attribute alone",
    "replicates": "mean distance of pairs that agree in all attributes",
    "ratio": "between / within",
    "alone_ratio": "alone / replicates",
    "r_squared": "share of the sum of squares that the attribute explains by itself",
    "p_value": "p-value of r_squared",
    "unique_r_squared": "share that the attribute explains beyond the other attributes",
    "unique_p_value": "p-value of unique_r_squared",
    "joint_r_squared": "share that all attributes explain",
    "joint_p_value": "p-value of joint_r_squared",
}


def _labelled(
    names: list[str], values: dict[str, Array], distance: xr.DataArray, permutations: int, limitations: list[str]
) -> xr.Dataset:
    unit = {name: distance.attrs[name] for name in ("metric", "scale", "units") if name in distance.attrs}
    variables = {}
    for name, meaning in _MEANING.items():
        attrs = unit if name in ("within", "between", "alone", "replicates") else {"units": "1"}
        dims = ("attribute",) if values[name].ndim else ()
        variables[name] = (dims, values[name], {"long_name": meaning, **attrs})
    attrs = {"permutations": permutations, "runs": distance.sizes["run"], "limitations": "; ".join(limitations)}
    return xr.Dataset(variables, {"attribute": names}, attrs)
