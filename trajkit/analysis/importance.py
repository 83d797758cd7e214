"""Which attributes of two runs tell how far apart they are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from trajkit.analysis.compare_groups import distances_of_networks
from trajkit.analysis.run_groups import groups, names_of, own_copies
from trajkit.analysis.runs_matrix import runs_matrix
from trajkit.distances import Metric, as_metric
from trajkit.typing import Array, Mask

# A made-up attribute: what importance is worth that a random number reaches too?
NOISE = "(random)"


def importance(
    ds: xr.Dataset | xr.DataArray,
    by: str | list[str],
    *,
    metric: str | Metric = "bhattacharyya",
    folds: int = 5,
    repeats: int = 10,
    seed: int = 0,
    cap: float | None = None,
) -> xr.Dataset:
    """Permutation importance of run attributes for predicting the distance of two runs.

    A random forest predicts the distance of two runs from the attributes of both. It learns from pairs of runs that
    are all in the training part and is judged on pairs that are both held out: pairs that share a run across the split
    would let it recognise the run. With R^2 = 1 - sum (d - predicted)^2 / sum (d - mean d)^2 on held-out pairs,

        importance of an attribute = R^2 - R^2 after its values are permuted among the held-out runs

    Parameters
    ----------
    ds
        A trajectory dataset, or a matrix (run, run2) as `trajectory_distance` returns it. Reference runs are left out.
    by
        The run attributes to predict from.
    metric
        Of `trajectory_distance`, where `ds` is a dataset.
    folds
        Parts of the runs, each held out once.
    repeats
        Permutations for each attribute and fold, of which the mean is taken.
    seed
        Of folds, forests and permutations.

    Returns
    -------
    xarray.Dataset
        `importance` (attribute, fold), without units; its last attribute, "(random)", is a random number for each run:
        the null. `r_squared` (fold), of the prediction: where it is not well above 0, importances say nothing. Folds
        share training runs; their spread is no standard error.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    ValueError
        If an attribute is unknown, missing for some run or the same for all; if folds or repeats make no sense: each
        fold needs three runs, and as many to train on.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=24, checkpoints=5, samples=20, groups=2, spread=0.4)
    >>> found = tk.importance(ds, ["architecture", "seed"], folds=2)
    >>> found.importance.mean("fold").idxmax().item()
    'architecture'

    References
    ----------
    Breiman, Machine Learning 45, 2001 (random forests, permutation importance).
    """
    names = names_of(by)
    if repeats < 1:
        raise ValueError(f"repeats: wanted one permutation or more, got {repeats}")
    distance = distances_of_networks(ds, as_metric(metric, cap, symmetric=True))
    runs = distance.sizes["run"]
    if folds < 2 or runs // folds < 3:
        raise ValueError(f"folds: wanted 2 or more with three runs each, got {folds} of {runs} runs")
    if own_copies(distance).sum() > runs:
        raise ValueError("some runs are copies of others, which a fold could know from training: wanted each run once")
    random = np.random.default_rng(seed)
    features = np.stack([*(_numbers(distance, name) for name in names), random.random(runs)], axis=1)
    splits = list(_splits(runs, folds, random))
    found = [_fold(runs_matrix(distance), features, held_out, repeats, random) for held_out in splits]
    return xr.Dataset(
        {
            "importance": (
                ("attribute", "fold"),
                np.array([drops for _, drops in found]).T,
                {"long_name": "fall of R^2 when the attribute is permuted", "units": "1"},
            ),
            "r_squared": ("fold", [score for score, _ in found], {"long_name": "R^2 on held-out runs", "units": "1"}),
        },
        coords={"attribute": [*names, NOISE]},
        attrs={"runs": runs, "repeats": repeats, "metric": distance.attrs.get("metric", "")},
    )


def _numbers(distance: xr.DataArray, name: str) -> Array:
    """Numbers as they are, for their order matters; categories counted."""
    code, _ = groups(distance, name)
    values = distance[name].values if distance[name].dtype.kind in "fi" else code
    return values.astype(np.float64)


def _splits(runs: int, folds: int, random: np.random.Generator) -> Iterator[Mask]:
    fold = random.permutation(np.arange(runs) % folds)
    for k in range(folds):
        yield fold == k


def _fold(
    distance: Array, features: Array, held_out: Mask, repeats: int, random: np.random.Generator
) -> tuple[float, list[float]]:
    """R^2 on pairs of held-out runs, and by how much it falls for each attribute."""
    try:
        from sklearn.ensemble import RandomForestRegressor
    except ImportError as error:
        raise ImportError('importance needs scikit-learn: pip install "trajkit[scikit-learn]"') from error

    forest = RandomForestRegressor(min_samples_leaf=3, random_state=int(random.integers(2**31)))
    forest.fit(_of_pairs(features[~held_out]), _upper(distance[np.ix_(~held_out, ~held_out)]))
    known, own = _upper(distance[np.ix_(held_out, held_out)]), features[held_out]

    def without(attribute: int) -> Array:
        permuted = own.copy()
        permuted[:, attribute] = random.permutation(permuted[:, attribute])
        return permuted

    every = [own, *(without(k) for k in range(own.shape[1]) for _ in range(repeats))]
    # All at once: a forest takes longer to start than to predict.
    predicted = forest.predict(np.concatenate([_of_pairs(some) for some in every])).reshape(len(every), -1)
    missed = np.square(known - predicted).sum(1)
    whole, *rest = (1 - missed / np.square(known - known.mean()).sum()).tolist()
    return whole, (whole - np.reshape(rest, (-1, repeats)).mean(1)).tolist()


def _upper(square: Array) -> Array:
    return square[np.triu_indices(len(square), k=1)]


def _of_pairs(features: Array) -> Array:
    """For each attribute of a pair the smaller value, the larger, and whether they differ: the order is no matter."""
    u, v = np.triu_indices(len(features), k=1)
    low, high = np.minimum(features[u], features[v]), np.maximum(features[u], features[v])
    return np.concatenate([low, high, low != high], axis=1)
