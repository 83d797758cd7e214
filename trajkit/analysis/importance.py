"""Which run attributes predict the distance of two runs."""

from __future__ import annotations

import numpy as np
import xarray as xr

from trajkit.analysis.compare_groups import distances_of_networks
from trajkit.analysis.run_groups import groups, names_of, own_copies
from trajkit.configuration import checked_configurations
from trajkit.distances import Metric, as_metric
from trajkit.typing import Array, Indices, Mask

# The null: a random number for each unit. An attribute that is not more important than this one is of no importance.
NOISE = "(random)"


def importance(
    ds: xr.Dataset | xr.DataArray,
    by: str | list[str],
    *,
    metric: str | Metric = "bhattacharyya",
    cap: float | None = None,
    folds: int = 5,
    repeats: int = 10,
    unit: str = "configuration",
    seed: int = 0,
) -> xr.Dataset:
    """Measure how important each run attribute is for predicting the distance of two runs (permutation importance).

    A random forest predicts the distance of two runs from the attributes of both. It learns from pairs of training
    runs and is tested on pairs of held-out runs. Pairs of a training run and a held-out run are not used: the forest
    could recognise the training run. All runs of a configuration are in the same part: a held-out run whose twins with
    other seeds were in training would be recognised by its settings. With R^2 = 1 - sum (d - predicted)^2 /
    sum (d - mean d)^2 on held-out pairs,

        importance of an attribute = R^2 - R^2 after its values are permuted among the held-out configurations

    Parameters
    ----------
    ds
        A trajectory dataset, or a matrix (run, run2) as `trajectory_distance` returns it. Reference runs are left out.
    by
        Run attribute, or attributes, to predict from.
    metric
        Name of the distance, such as "bhattacharyya"; `trajkit.distances` lists them. It must be symmetric. Not used
        for a matrix.
    cap
        Largest contribution of one sample, in nats, applied before the mean over samples. Only for metrics without an
        upper bound.
    folds
        Number of parts of the configurations (or runs); each part is held out once and has three or more.
    repeats
        Number of permutations for each attribute and fold. The importance is the mean over them.
    unit
        What is held out: "configuration", all runs that share every setting (`configuration`), or "run". An attribute
        that differs within a configuration, such as the seed, is permuted among runs.
    seed
        Seed for the random draws. It determines the folds, the forests and the permutations.

    Returns
    -------
    xarray.Dataset
        `importance` (attribute, fold), without units. The last attribute, "(random)", is the null: a random number for
        each configuration (or run). `r_squared` (fold), of the prediction: if it is not well above 0, the importances
        say nothing. Folds share training runs, so their spread is not a standard error. With too few configurations all
        values are NaN, and `attrs["limitations"]` says why.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    ValueError
        If an attribute is unknown, missing for some run or the same for all; if one may be an unmarked outcome
        (`set_roles`); if `repeats` is below 1, or `unit` is unknown; if there are fewer than two folds, or, with
        unit="run", fewer than three runs in a fold.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=24, checkpoints=5, samples=20, groups=2, spread=0.4)
    >>> ds = ds.assign_coords(width=("run", [8, 8, 16, 16, 32, 32] * 4))
    >>> found = tk.importance(ds, ["architecture", "width"], folds=2)
    >>> found.importance.mean("fold").idxmax().item()
    'architecture'

    References
    ----------
    Breiman, Machine Learning 45, 2001 (random forests, permutation importance).
    """
    names = names_of(by)
    if repeats < 1:
        raise ValueError(f"repeats: wanted one permutation or more, got {repeats}")
    if unit not in ("configuration", "run"):
        raise ValueError(f"unit: wanted 'configuration' or 'run', got {unit!r}")
    distance = distances_of_networks(ds, as_metric(metric, cap, symmetric=True))
    runs = distance.sizes["run"]
    if own_copies(distance).sum() > runs:
        raise ValueError("some runs are copies of others: a run could be in training and held out; pass each run once")
    if folds < 2:
        raise ValueError(f"folds: wanted 2 or more, got {folds}")
    columns = [_numbers(distance, name) for name in names]
    known = checked_configurations(distance) if unit == "configuration" else None
    of_run = np.arange(runs) if known is None else known.code
    units = int(of_run.max()) + 1
    few = units // folds < 3
    if few and known is None:
        raise ValueError(f"folds: wanted 2 or more with three runs each, got {folds} folds of {runs} runs")
    random = np.random.default_rng(seed)
    features = np.stack([*columns, random.random(units)[of_run]], axis=1)
    fold = random.permutation(np.arange(units) % folds)[of_run]
    nothing = (np.nan, [np.nan] * (len(names) + 1))
    found = [
        nothing if few else _fold(distance.values, features, of_run, fold == k, repeats, random) for k in range(folds)
    ]
    limitations = [] if known is None else [*known.limitations, *([_too_few(units, folds)] if few else [])]
    if not few and np.isnan([score for score, _ in found]).any():
        limitations.append("NaN in folds whose held-out runs all have the same distance: there is nothing to predict")
    return xr.Dataset(
        {
            "importance": (
                ("attribute", "fold"),
                np.array([drops for _, drops in found]).T,
                {"long_name": "decrease of R^2 when the attribute is permuted", "units": "1"},
            ),
            "r_squared": ("fold", [score for score, _ in found], {"long_name": "R^2 on held-out runs", "units": "1"}),
        },
        coords={"attribute": [*names, NOISE]},
        attrs={
            "runs": runs,
            "unit": unit,
            "units_held_out": units,
            "repeats": repeats,
            "metric": distance.attrs.get("metric", ""),
            "limitations": "; ".join(limitations),
        },
    )


def _too_few(configurations: int, folds: int) -> str:
    most = configurations // 3
    hint = f": use folds={most}" if most >= 2 else ", of which there must be two or more"
    return f"cannot be told: {configurations} configurations make no {folds} folds with three configurations each{hint}"


def _numbers(distance: xr.DataArray, name: str) -> Array:
    """Give the values of a numeric attribute, and the numbers of the groups of any other."""
    code, _ = groups(distance, name)
    values = distance[name].values if distance[name].dtype.kind in "fi" else code
    return values.astype(np.float64)


def _fold(
    distance: Array, features: Array, of_run: Indices, held_out: Mask, repeats: int, random: np.random.Generator
) -> tuple[float, list[float]]:
    """Compute R^2 on pairs of held-out runs, and its decrease for each attribute."""
    try:
        from sklearn.ensemble import RandomForestRegressor
    except ImportError as error:
        raise ImportError('importance needs scikit-learn: pip install "trajkit[scikit-learn]"') from error

    forest = RandomForestRegressor(min_samples_leaf=3, random_state=int(random.integers(2**31)))
    forest.fit(_of_pairs(features[~held_out]), _upper(distance[np.ix_(~held_out, ~held_out)]))
    apart, own, unit = _upper(distance[np.ix_(held_out, held_out)]), features[held_out], of_run[held_out]

    def without(attribute: int) -> Array:
        permuted = own.copy()
        permuted[:, attribute] = _permuted(own[:, attribute], unit, random)
        return permuted

    every = [own, *(without(k) for k in range(own.shape[1]) for _ in range(repeats))]
    # One call for all permutations: each call of a forest has a fixed cost that is larger than that of the prediction.
    predicted = forest.predict(np.concatenate([_of_pairs(some) for some in every])).reshape(len(every), -1)
    missed = np.square(apart - predicted).sum(1)
    spread = np.square(apart - apart.mean()).sum()
    # Held-out runs whose distances are all equal leave nothing to predict.
    whole, *rest = (1 - missed / spread if spread > 0 else np.full_like(missed, np.nan)).tolist()
    return whole, (whole - np.reshape(rest, (-1, repeats)).mean(1)).tolist()


def _permuted(values: Array, unit: Indices, random: np.random.Generator) -> Array:
    """Permute values among units; among runs if they differ within a unit."""
    _, first, place = np.unique(unit, return_index=True, return_inverse=True)
    if (values[first][place] == values).all():
        return random.permutation(values[first])[place]
    return random.permutation(values)


def _upper(square: Array) -> Array:
    return square[np.triu_indices(len(square), k=1)]


def _of_pairs(features: Array) -> Array:
    """Give the smaller value, the larger, and whether they differ, so that the order of a pair does not matter."""
    u, v = np.triu_indices(len(features), k=1)
    low, high = np.minimum(features[u], features[v]), np.maximum(features[u], features[v])
    return np.concatenate([low, high, low != high], axis=1)
