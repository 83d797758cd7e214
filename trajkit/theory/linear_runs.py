"""Softmax regression by full-batch gradient descent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from trajkit.from_arrays import from_arrays
from trajkit.probabilities import normalize
from trajkit.progress_bar import open_bar
from trajkit.renamed import renamed
from trajkit.theory.input_spectrum import checked_inputs
from trajkit.theory.steps import recorded_steps
from trajkit.typing import Array, Labels


@renamed(progress="progress_bar")
def linear_runs(
    x: ArrayLike,
    label: ArrayLike,
    *,
    train: tuple[ArrayLike, ArrayLike] | None = None,
    steps: int | Iterable[int] = 1000,
    scale: float | Sequence[float] = (0.0, 1.0),
    seeds: int = 3,
    rate: float = 1.0,
    bias: bool = True,
    classes: int | Sequence[str] | None = None,
    split: ArrayLike | str | None = None,
    sample: ArrayLike | None = None,
    progress_bar: bool | None = None,
) -> xr.Dataset:
    r"""Train linear networks and record them as a trajectory dataset.

    Softmax regression, p(c | x) proportional to exp(x . w_c + b_c), by full-batch gradient descent on the mean
    cross-entropy over N inputs,

        w(t+1) = w(t) - eta X'(p - y) / N,  eta = rate 2 / max lambda,

    where lambda are the eigenvalues of X'X / N (X with a column of ones for the bias). The loss has no curvature above
    max lambda / 2, so that it falls at every step if rate <= 1. Only the initial weights are random. All runs are
    trained together.

    Parameters
    ----------
    x, label
        The probe: inputs (sample, feature) and the index of the true class of each (sample,). To compare with other
        runs, use their probe in its order.
    train
        Inputs and labels to train on; by default the "train" samples of the probe.
    steps
        The steps to record; or the last step, and 20 steps up to it are recorded, at equal ratios.
    scale
        Size of the initial weights: the root mean square of a logit over the training inputs. One number or several.
        Scale 0 is ignorance and gives one run, since all seeds are equal.
    seeds
        Number of runs for each scale.
    rate
        Learning rate in units of 2 / max lambda.
    bias
        Whether the logits have a bias.
    classes
        Names of the classes, or their number; by default as many as the labels need.
    split, sample
        As for `trajkit.from_arrays`; all samples are "train" by default.
    progress_bar
        Whether to show a progress bar. By default one appears when the work takes more than a few seconds.

    Returns
    -------
    xarray.Dataset
        A trajectory dataset with the run attributes `architecture` ("linear"), `optimizer` ("gradient descent"),
        `scale`, `seed` and `rate`.

    Raises
    ------
    ValueError
        If inputs are not finite numbers (sample, feature), labels do not fit, there are no training samples, or a
        parameter is out of range.

    Examples
    --------
    >>> import trajkit as tk
    >>> x, label = tk.theory.sloppy_inputs(100, 10, decay=0.5, classes=3)
    >>> ds = tk.theory.linear_runs(x, label, steps=100)
    >>> ds.sizes["run"], bool((tk.loss(ds).isel(run=0).diff("checkpoint") < 0).all())
    (4, True)
    """
    inputs, truth = checked_inputs(x), _labels(label, len(np.asarray(x)))
    scales = [float(s) for s in np.atleast_1d(np.asarray(scale, dtype=np.float64))]
    if not scales or not all(0 <= s < np.inf for s in scales) or len(set(scales)) < len(scales):
        raise ValueError(f"scale: wanted different numbers of at least 0, got {scale}")
    if seeds < 1 or not 0 < rate < np.inf:
        raise ValueError(f"wanted seeds >= 1 and rate > 0, got {seeds} and {rate}")
    parts = np.full(len(truth), split or "train") if split is None or isinstance(split, str) else np.asarray(split)
    if train is None:
        own = parts == "train"
        if own.shape != truth.shape or not own.any():
            raise ValueError("the probe has no 'train' samples: pass the inputs and labels to train on as train=")
        train = (inputs[own], truth[own])
    known, target = checked_inputs(train[0]), _labels(train[1], len(np.asarray(train[0])))
    if known.shape[1] != inputs.shape[1]:
        raise ValueError(
            f"wanted the same features in train= and in the probe, got {known.shape[1]} features and {inputs.shape[1]}"
        )
    names = _names(classes, max(truth.max(), target.max()) + 1)
    step = recorded_steps(steps)
    runs = [(s, seed) for s in scales for seed in range(seeds if s else 1)]
    if bias:
        inputs, known = (np.column_stack([a, np.ones(len(a))]) for a in (inputs, known))
    start = np.stack([_start(known, len(names), s, seed, bias) for s, seed in runs], axis=1)
    logits = np.empty((len(runs), len(step), len(inputs), len(names)))
    for k, weight in enumerate(_descend(known, target, start, rate, step, progress_bar)):
        logits[:, k] = np.tensordot(inputs, weight, axes=1).swapaxes(0, 1)
    table = {
        "run": [f"linear-{s:g}-{seed}" for s, seed in runs],
        "architecture": ["linear"] * len(runs),
        "optimizer": ["gradient descent"] * len(runs),
        "scale": [s for s, _ in runs],
        "seed": [seed for _, seed in runs],
        "rate": [float(rate)] * len(runs),
    }
    return from_arrays(
        logits=logits, label=truth, runs=table, step=step, classes=names, split=parts, sample=sample,
        source="trajkit.theory.linear_runs",
        metadata={"trained on": len(known), "features": inputs.shape[1] - bias, "bias": bias},
    )  # fmt: skip


def _labels(label: ArrayLike, length: int) -> Labels:
    out = np.asarray(label)
    if out.shape != (length,) or out.dtype.kind not in "iu" or (out < 0).any():
        raise ValueError(f"label: wanted {length} class indices, one for each input, got {out.dtype} {out.shape}")
    return out.astype(np.int64)


def _names(classes: int | Sequence[str] | None, needed: int) -> list[str]:
    names = range(max(needed, 2)) if classes is None else range(classes) if isinstance(classes, int) else classes
    if len(names) < max(needed, 2):
        raise ValueError(f"classes: wanted at least {max(needed, 2)} for these labels, got {len(names)}")
    return [str(name) for name in names]


def _start(known: Array, classes: int, scale: float, seed: int, bias: bool) -> Array:
    """Draw weights (feature, class) that give logits of root mean square `scale`; the bias starts at 0."""
    weight = np.random.default_rng(seed).standard_normal((known.shape[1], classes))
    if bias:
        weight[-1] = 0.0
    # Scaled afterwards, so that every seed starts at this scale exactly.
    return weight * scale / np.sqrt(np.square(known @ weight).mean())


def _descend(
    known: Array,
    target: Labels,
    weight: Array,
    rate: float,
    step: Labels,
    progress_bar: bool | None,
) -> Iterator[Array]:
    """Yield the weights (feature, run, class) at each recorded step."""
    features, runs, classes = weight.shape
    # The square of the largest singular value is N times the largest eigenvalue.
    eta = 2 * rate / float(np.linalg.norm(known, 2) ** 2 / len(known))
    is_target = np.arange(classes) == target[:, None, None]
    with open_bar(int(step[-1]), "training linear networks", progress_bar) as bar:
        for done in range(int(step[-1]) + 1):
            if done in step:
                yield weight
            if done < step[-1]:
                # One matrix product for all runs.
                error = np.exp(normalize((known @ weight.reshape(features, -1)).reshape(-1, runs, classes)))
                error -= is_target
                descent = (known.T @ error.reshape(len(known), -1)).reshape(weight.shape)
                weight = weight - eta / len(known) * descent
                bar.update(1)
