"""How far groups of runs lie apart, and which attributes account for it."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit.analysis.permanova import explained, products, span
from trajkit.analysis.run_groups import groups, names_of, own_copies
from trajkit.analysis.runs_matrix import runs_matrix
from trajkit.curves.trajectory_distance import trajectory_distance_of
from trajkit.distances import Metric, as_metric
from trajkit.renamed import renamed
from trajkit.schema import is_network, networks
from trajkit.typing import Array, Indices, Mask


@renamed(n="permutations")
def compare_groups(
    ds: xr.Dataset | xr.DataArray,
    by: str | list[str],
    *,
    metric: str | Metric = "bhattacharyya",
    permutations: int = 999,
    seed: int = 0,
    cap: float | None = None,
) -> xr.Dataset:
    """Compare distances within and between groups of runs, and explain them by run attributes.

    Distance-based analysis of variance: with D the squared distances of N runs, G = -1/2 J D J, J = I - 11'/N, and H
    the projection on what the attributes can explain (each value a category),

        R^2 = tr(H G) / tr G,    F = [tr(H G) / rank H] / [tr((I - H) G) / (N - 1 - rank H)]

    Distances of scale "length" are squared; those of scale "squared length", such as bhattacharyya, are taken as they
    are. For Euclidean distances this is the analysis of variance of the coordinates. A p-value is the share of n
    permutations of the runs, and the data themselves, with an F as large: the attribute's runs are taken to be
    exchangeable if it has no effect.

    Parameters
    ----------
    ds
        A trajectory dataset, or a matrix (run, run2) as `trajectory_distance` returns it. Reference runs are left out.
    by
        The run attribute, or attributes.
    metric
        Of `trajectory_distance`, where `ds` is a dataset.
    permutations
        Permutations for each p-value; none is below 1 / (permutations + 1).
    seed
        Of the permutations.

    Returns
    -------
    xarray.Dataset
        On `attribute`, in the metric's units: `within`, the mean distance of pairs alike in the attribute; `between`,
        of pairs that differ in it; `alone`, of pairs that differ in it and in no other of `by`. `ratio` = between /
        within; `alone_ratio` = alone / replicates. `r_squared` and `p_value` of the attribute by itself;
        `unique_r_squared` and `unique_p_value` of what it adds to all others of `by` (residuals permuted). Without
        dimension: `replicates`, the mean distance of pairs alike in all of `by`; `joint_r_squared` and
        `joint_p_value` of all together. Ratios of a squared length are ratios of squares. NaN where there are no such
        pairs, or as many combinations of values as runs; `attrs["limitations"]` says where.

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
    values = runs_matrix(distance)
    codes = [groups(distance, name)[0] for name in names]
    if single := [name for name, code in zip(names, codes, strict=True) if code.max() + 1 == len(values)]:
        raise ValueError(f"{single} differ for every run: wanted attributes that several runs have in common")
    copies = own_copies(distance)
    inner = products(_as_of_others(_squared(distance, values), codes, copies))
    if np.trace(inner) <= 0:
        raise ValueError("all distances are zero: there is nothing to explain")
    apart = _distances(values, codes, copies)
    tests = _tests(inner, codes, permutations, np.random.default_rng(seed))
    return _labelled(names, apart | tests, distance, _limitations(names, codes, apart, tests), permutations)


def distances_of_networks(ds: xr.Dataset | xr.DataArray, metric: Metric) -> xr.DataArray:
    """Take distances of runs, or the runs to compute them of, without the references.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.with_references(tk.simulate(runs=3), 2)
    >>> distances_of_networks(tk.trajectory_distance(ds, n=2), Metric("hellinger")).sizes["run"]
    3
    """
    distance = trajectory_distance_of(networks(ds, least=2), metric) if isinstance(ds, xr.Dataset) else ds
    runs_matrix(distance)
    at = np.flatnonzero(is_network(distance))
    distance = distance.isel(run=at, run2=at)
    if distance.sizes["run"] < 3:
        raise ValueError(f"wanted distances of three runs of kind 'network' or more, got {distance.sizes['run']}")
    return distance


def _squared(distance: xr.DataArray, values: Array) -> Array:
    scale = distance.attrs.get("scale")
    if scale not in ("length", "squared length"):
        raise ValueError(f"attrs['scale']: wanted 'length' or 'squared length', got {scale!r}; say which it is")
    return values**2 if scale == "length" else values


def _as_of_others(squared: Array, codes: list[Indices], copies: Mask) -> Array:
    """Put a run as far from its copy as runs are on average that are alike in all attributes; NaN if there are none."""
    between = copies & ~np.eye(len(squared), dtype=bool)
    if not between.any():
        return squared
    alike = np.all([code[:, None] == code for code in codes], axis=0) & ~copies
    return np.where(between, squared[alike].mean() if alike.any() else np.nan, squared)


def _distances(values: Array, codes: list[Indices], copies: Mask) -> dict[str, Array]:
    """Mean distances of the kinds of pairs; NaN where there are none."""
    differ = np.array([code[:, None] != code for code in codes])
    pair = np.triu(~copies, k=1)

    def mean(of: Mask) -> float:
        return float(values[of & pair].mean()) if (of & pair).any() else np.nan

    many = differ.sum(0)
    within, between = np.array([[mean(~d), mean(d)] for d in differ]).T
    alone = np.array([mean(d & (many == 1)) for d in differ])
    replicates = np.array(mean(many == 0))
    # Runs that coincide make a group of width 0, from which all others are infinitely far.
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = {"ratio": between / within, "alone_ratio": alone / replicates}
    return {"within": within, "between": between, "alone": alone, "replicates": replicates, **ratios}


def _tests(inner: Array, codes: list[Indices], n: int, random: np.random.Generator) -> dict[str, Array]:
    runs = len(inner)
    nothing, everything = span([], runs), span(codes, runs)
    alone = np.array([explained(inner, span([code], runs), nothing, n, random) for code in codes])
    others = [span(codes[:i] + codes[i + 1 :], runs) for i in range(len(codes))]
    unique = np.array([explained(inner, everything, other, n, random) for other in others])
    joint = np.array(explained(inner, everything, nothing, n, random))
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
            said.append(f"{name}: follows from the other attributes, or no runs are left to tell it from them")
    if np.isnan(apart["replicates"]):
        said.append(f"no two runs are alike in {', '.join(names)}: nothing to measure the distance of replicates by")
    return said


_MEANING = {
    "within": "mean distance of pairs alike in the attribute",
    "between": "mean distance of pairs that differ in the attribute",
    "alone": "mean distance of pairs that differ in this attribute alone",
    "replicates": "mean distance of pairs alike in all attributes",
    "ratio": "between / within",
    "alone_ratio": "alone / replicates",
    "r_squared": "share of the sum of squares that the attribute explains by itself",
    "p_value": "p-value of r_squared",
    "unique_r_squared": "share that it explains beyond the other attributes",
    "unique_p_value": "p-value of unique_r_squared",
    "joint_r_squared": "share that all attributes explain",
    "joint_p_value": "p-value of joint_r_squared",
}


def _labelled(
    names: list[str], values: dict[str, Array], distance: xr.DataArray, limitations: list[str], n: int
) -> xr.Dataset:
    unit = {name: distance.attrs[name] for name in ("metric", "scale", "units") if name in distance.attrs}
    variables = {}
    for name, meaning in _MEANING.items():
        attrs = unit if name in ("within", "between", "alone", "replicates") else {"units": "1"}
        dims = ("attribute",) if values[name].ndim else ()
        variables[name] = (dims, values[name], {"long_name": meaning, **attrs})
    attrs = {"permutations": n, "runs": distance.sizes["run"], "limitations": "; ".join(limitations)}
    return xr.Dataset(variables, {"attribute": names}, attrs)
