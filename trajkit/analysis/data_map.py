"""How runs learn each sample."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from trajkit.analysis.rank_correlation import rank_correlation
from trajkit.analysis.run_groups import groups
from trajkit.limitations import with_reasons
from trajkit.points import run_blocks
from trajkit.probabilities import normalize
from trajkit.schema import networks
from trajkit.typing import Array, Labels


def data_map(ds: xr.Dataset, by: str | None = None) -> xr.Dataset:
    """Describe how runs learn each sample: which samples are easy, hard or ambiguous.

    Over the T recorded checkpoints of a run, with p_t the probability of the label and c_t whether it is the most
    probable class:

    | variable      | formula                                                                | units |
    |---------------|------------------------------------------------------------------------|-------|
    | `confidence`  | mean_t p_t                                                             | 1     |
    | `variability` | sqrt(mean_t (p_t - confidence)^2)                                      | 1     |
    | `correctness` | mean_t c_t                                                             | 1     |
    | `forgetting`  | number of t with c_t and not c_{t+1}                                   | 1     |
    | `learned`     | step of the first checkpoint from which c holds until the end, or inf  | steps |

    Parameters
    ----------
    ds
        A trajectory dataset. Reference runs are left out. All checkpoints have the same weight; `resample` gives
        checkpoints at equal progress.
    by
        Run attribute that defines the groups. The result is then the mean over the runs of each group (the median of
        `learned`). By default the result has each run.

    Returns
    -------
    xarray.Dataset
        The five variables on (run, sample), or on (group, sample) with the values of the attribute as `group`; and
        `agreement` (run, run2), or (group, group2): Spearman's correlation of the confidences over samples. It is 1 if
        both learn the samples in the same order, and NaN if all confidences of one are equal
        (`attrs["limitations"]` says so).

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
    return data_map_of(networks(ds), by)


def data_map_of(ds: xr.Dataset, by: str | None = None) -> xr.Dataset:
    """Compute `data_map` of a valid dataset without reference runs.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2)
    >>> data_map_of(ds).identical(tk.data_map(ds))
    True
    """
    label, step = ds["label"].values, ds["step"].values
    log_probs = (log_prob for block in run_blocks(ds) for log_prob in block["log_prob"].values)
    per_run = np.array([_of_run(log_prob, label, own) for log_prob, own in zip(log_probs, step, strict=True)])
    dim, names = "run", ds["run"].values
    if by is not None:
        code, values = groups(ds, by)
        members = [per_run[code == g] for g in range(len(values))]
        # The median of `learned`: the mean is infinite if one run never learns a sample.
        per_run = np.array([np.concatenate([m[:, :4].mean(0), np.median(m[:, 4:], axis=0)]) for m in members])
        dim, names = "group", values.to_numpy()
    variables = {
        name: ((dim, "sample"), per_run[:, k], {"long_name": meaning, "units": "steps" if name == "learned" else "1"})
        for k, (name, meaning) in enumerate(_MEANING.items())
    }
    agreement = ((dim, f"{dim}2"), rank_correlation(per_run[:, 0]), {"long_name": "agreement on samples"})
    probe = {name: ds[name] for name in ("sample", "label", "split")}
    attrs = {} if by is None else {"by": by}
    found = xr.Dataset({**variables, "agreement": agreement}, {dim: names, f"{dim}2": names, **probe}, attrs)
    return with_reasons(found, {"agreement": f"in some {dim} all samples have equal confidence, which has no order"})


_MEANING = {
    "confidence": "mean probability of the label",
    "variability": "standard deviation of the probability of the label",
    "correctness": "share of checkpoints at which the label is the most probable class",
    "forgetting": "number of times that a right prediction becomes wrong",
    "learned": "step from which the prediction stays right",
}


def _of_run(log_prob: NDArray[np.float32], label: Labels, step: Labels) -> Array:
    """Compute the five variables of a run (variable, sample), in the order of `_MEANING`."""
    there = step >= 0
    p = normalize(log_prob[there])
    right = p.argmax(-1) == label
    probability = np.exp(p[:, np.arange(len(label)), label])
    # The first checkpoint after the last one that is wrong.
    first = np.where(right.all(0), 0, len(right) - right[::-1].argmin(0))
    learned = np.append(step[there].astype(np.float64), np.inf)[first]
    forgotten = (right[:-1] & ~right[1:]).sum(0)
    return np.stack([probability.mean(0), probability.std(0), right.mean(0), forgotten, learned])
