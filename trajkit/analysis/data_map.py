"""Samples by how they are learned."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from trajkit.analysis.run_groups import groups
from trajkit.points import run_blocks
from trajkit.probabilities import normalize
from trajkit.schema import networks
from trajkit.typing import Array, Labels


def data_map(ds: xr.Dataset, by: str | None = None) -> xr.Dataset:
    """Map samples by how runs learn them: easy, hard and ambiguous ones.

    Over the T recorded checkpoints of a run, with p_t the probability of the label and c_t whether it is the most
    probable class:

    | variable      | formula                                                                | units |
    |---------------|------------------------------------------------------------------------|-------|
    | `confidence`  | mean_t p_t                                                             | 1     |
    | `variability` | sqrt(mean_t (p_t - confidence)^2)                                      | 1     |
    | `correctness` | mean_t c_t                                                             | 1     |
    | `forgetting`  | number of t with c_t and not c_{t+1}                                   | 1     |
    | `learned`     | step of the first checkpoint from which on c holds to the end, or inf  | steps |

    Parameters
    ----------
    ds
        A trajectory dataset; reference runs are left out. Checkpoints count alike: those of `resample` are at equal
        progress.
    by
        A run attribute, to take the mean over the runs of each of its values (the median of `learned`); None for every
        run by itself.

    Returns
    -------
    xarray.Dataset
        The five on (run, sample), or on (group, sample) with the attribute's values as `group`; and `agreement` (run,
        run2), or (group, group2): Spearman's correlation of the samples' confidences, 1 where both learn them in the
        same order; NaN where all confidences are alike.

    Raises
    ------
    ValueError
        If the attribute is unknown, missing for some run or the same for all.

    Examples
    --------
    >>> import trajkit as tk
    >>> found = tk.data_map(tk.simulate(spread=0.3), by="architecture")
    >>> dict(found.confidence.sizes), found.group.values.tolist()
    ({'group': 2, 'sample': 50}, ['A', 'B'])

    References
    ----------
    Swayamdipta et al., EMNLP 2020 (confidence, variability, correctness); Toneva et al., ICLR 2019 (forgetting).
    """
    ds = networks(ds)
    label, step = ds["label"].values, ds["step"].values
    per_run = np.array([_of_run(p, label, s) for p, s in zip(_log_probs(ds), step, strict=True)])
    dim, names = "run", ds["run"].values
    if by is not None:
        code, values = groups(ds, by)
        members = [per_run[code == g] for g in range(len(values))]
        # A mean over runs of which one never learns a sample would be inf.
        per_run = np.array([np.concatenate([m[:, :4].mean(0), np.median(m[:, 4:], axis=0)]) for m in members])
        dim, names = "group", values.to_numpy()
    variables = {
        name: ((dim, "sample"), per_run[:, k], {"long_name": meaning, "units": "steps" if name == "learned" else "1"})
        for k, (name, meaning) in enumerate(_MEANING.items())
    }
    agreement = ((dim, f"{dim}2"), _rank_correlation(per_run[:, 0]), {"long_name": "agreement on samples"})
    probe = {name: ds[name] for name in ("sample", "label", "split")}
    own = {"by": by} if by is not None else {}
    return xr.Dataset({**variables, "agreement": agreement}, {dim: names, f"{dim}2": names, **probe}, own)


_MEANING = {
    "confidence": "mean probability of the label",
    "variability": "standard deviation of the probability of the label",
    "correctness": "share of checkpoints at which the label is the most probable class",
    "forgetting": "number of times it is no longer right",
    "learned": "step from which on it is right",
}


def _log_probs(ds: xr.Dataset) -> list[NDArray[np.float32]]:
    return [log_prob for block in run_blocks(ds) for log_prob in block["log_prob"].values]


def _of_run(log_prob: NDArray[np.float32], label: Labels, step: Labels) -> Array:
    """Five rows (sample), as in `_MEANING`."""
    there = step >= 0
    p = normalize(log_prob[there])
    right = p.argmax(-1) == label
    probability = np.exp(p[:, np.arange(len(label)), label])
    # The first checkpoint after the last one that is wrong.
    first = np.where(right.all(0), 0, len(right) - right[::-1].argmin(0))
    learned = np.append(step[there].astype(np.float64), np.inf)[first]
    forgotten = (right[:-1] & ~right[1:]).sum(0)
    return np.stack([probability.mean(0), probability.std(0), right.mean(0), forgotten, learned])


def _rank_correlation(values: Array) -> Array:
    from scipy.stats import rankdata

    rank = rankdata(values, axis=1)
    rank -= rank.mean(1, keepdims=True)
    size = np.linalg.norm(rank, axis=1)
    with np.errstate(invalid="ignore"):
        out: Array = rank @ rank.T / np.outer(size, size)
    return out
