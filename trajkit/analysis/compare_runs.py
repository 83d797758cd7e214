"""Comparison of groups of runs, in which each run counts by itself."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit.analysis.permanova import explained, products, span
from trajkit.analysis.run_groups import groups, own_copies
from trajkit.embedding.squared_distances import squared_lengths
from trajkit.typing import Array, Indices, Mask


def compare_runs(distance: xr.DataArray, names: list[str], permutations: int, seed: int) -> xr.Dataset:
    """Compute `compare_groups` with unit="run" from distances of networks.

    Examples
    --------
    >>> import trajkit as tk
    >>> distance = tk.trajectory_distance(tk.simulate(runs=8, groups=2, spread=0.3), n=5)
    >>> compare_runs(distance, ["architecture"], 99, seed=0).p_value.item() < 0.1
    True
    """
    codes = [groups(distance, name)[0] for name in names]
    if single := [name for name, code in zip(names, codes, strict=True) if code.max() + 1 == len(code)]:
        raise ValueError(f"{single} differ for every run: wanted attributes that several runs have in common")
    copies = own_copies(distance)
    inner = products(copies_as_replicates(squared_lengths(distance), codes, copies))
    apart = _mean_distances(distance.values, codes, copies)
    tests = _tests(inner, codes, permutations, np.random.default_rng(seed))
    return _labelled(names, apart | tests, distance, permutations, _limitations(names, codes, apart, tests))


def copies_as_replicates(squared: Array, codes: list[Indices], copies: Mask) -> Array:
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
        ratio = between / within
    return {"within": within, "between": between, "alone": alone, "replicates": replicates, "ratio": ratio}


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
    limited = "; ".join(limitations)
    attrs = {"permutations": permutations, "unit": "run", "runs": distance.sizes["run"], "limitations": limited}
    return xr.Dataset(variables, {"attribute": names}, attrs)
