"""Predictions from the features of networks that were trained on other labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from trajkit.from_arrays import from_arrays
from trajkit.schema import SchemaError
from trajkit.typing import AnyArray, Array, Labels, Mask

METHODS = ("prototype", "cosine", "head")


def imprint(
    features: xr.DataArray | Iterable[Iterable[ArrayLike]],
    label: ArrayLike,
    split: ArrayLike,
    *,
    runs: pd.DataFrame | Mapping[str, Any] | None = None,
    method: str = "prototype",
    scale: float = 10.0,
    l2: float = 1e-3,
    step: ArrayLike | Sequence[ArrayLike] | None = None,
    classes: Sequence[str] | None = None,
    sample: ArrayLike | None = None,
) -> xr.Dataset:
    r"""Place networks that were trained on other labels in the prediction space of a probe.

    Each checkpoint gets a head for the probe's classes, made of its features on the "train" samples of the probe. The
    predictions of this head on all samples are a point. `trajkit.progress` of the result is progress on a task that the
    network was not trained on. With h(x) the features of a sample and mu_c their mean over train samples of class c:

    | method      | logit of class c                                                                             |
    |-------------|----------------------------------------------------------------------------------------------|
    | "prototype" | -abs(h - mu_c)^2, a linear head with weights 2 mu_c: the code published with Ramesh et al.   |
    | "cosine"    | scale cos(h, nu_c), nu_c the mean of h / abs(h): the imprinted weights of Qi et al.          |
    | "head"      | w_c . h / s + b_c, with w that minimise the mean cross-entropy + l2 / 2 abs(w)^2, s the root |
    |             | mean square of centred features: the best linear head, for features in any units             |

    "prototype" and "cosine" fit nothing. "prototype" depends on the scale of the features, as published: features that
    are far apart give certain predictions, right or wrong.

    The heads are made of the train samples: prefer results on the test samples.

    Parameters
    ----------
    features
        Output of a network's last hidden layer on the probe, such as `body(probe.inputs).detach().numpy()` of a torch
        module. A DataArray (run, checkpoint, sample, feature), where a missing checkpoint is all NaN; or an iterable of
        runs, each an iterable of checkpoints (sample, feature), where runs may differ in their number of features.
    label, split
        For each sample the index of its class, and "train" or "test".
    runs
        Run attributes, as for `trajkit.from_arrays`; by default the coordinates along `run` of a DataArray.
    method
        "prototype", "cosine" or "head".
    scale
        Factor of the cosine, for "cosine".
    l2
        Weight of the penalty, for "head", which needs scikit-learn.
    step, classes, sample
        As for `trajkit.from_arrays`.

    Returns
    -------
    xarray.Dataset
        A trajectory dataset.

    Raises
    ------
    ImportError
        If scikit-learn is needed and missing.
    SchemaError
        If features are no finite numbers (sample, feature) or belong to other samples than the labels; and as for
        `trajkit.from_arrays`.
    ValueError
        If the method is unknown, a parameter is not positive, or a class has no train sample.

    Examples
    --------
    >>> import numpy as np, trajkit as tk
    >>> label = np.arange(40) % 2
    >>> random = np.random.default_rng(0)
    >>> noise = random.standard_normal((40, 3))
    >>> grown = [noise + size * label[:, None] for size in (0.0, 2.0, 4.0)]
    >>> ds = tk.imprint([grown], label, np.repeat(["train", "test"], 20))
    >>> progress = tk.progress(tk.select(ds, split="test"))[0]
    >>> bool((progress.diff("checkpoint") > 0).all())
    True

    References
    ----------
    Ramesh et al., ICML 2023, arXiv 2210.17011 (imprinting, to compare tasks); Qi, Brown & Lowe, CVPR 2018 (imprinted
    weights); Snell, Swersky & Zemel, NeurIPS 2017 (distances to class means).
    """
    if method not in METHODS:
        raise ValueError(f"method: wanted one of {list(METHODS)}, got {method!r}")
    if not (0 < scale < np.inf and 0 < l2 < np.inf):
        raise ValueError(f"wanted scale > 0 and l2 > 0, got {scale} and {l2}")
    known, is_train = _probe(label, split, classes)
    heads = {"prototype": _prototype, "cosine": lambda *a: scale * _cosine(*a), "head": lambda *a: _fitted(*a, l2=l2)}
    if isinstance(features, xr.DataArray):
        runs, features = _of_array(features, runs)
    logits = [
        [
            _logits(np.asarray(h), heads[method], known, is_train, f"run number {r}, checkpoint {k}")
            for k, h in enumerate(run)
        ]
        for r, run in enumerate(features)
    ]
    if not logits or not all(logits):
        raise SchemaError(["features: wanted one run or more, each with one checkpoint or more"])
    width = int(known.max()) + 1 if classes is None else len(classes)
    return from_arrays(
        logits=[np.array([np.full((len(known), width), np.nan) if z is None else z for z in run]) for run in logits],
        label=known,
        runs=pd.DataFrame({"run": [str(r) for r in range(len(logits))]}) if runs is None else runs,
        step=step,
        classes=classes,
        split=np.asarray(split),
        sample=sample,
        source="trajkit.imprint",
        metadata={
            "method": method,
            "scale": scale if method == "cosine" else None,
            "l2": l2 if method == "head" else None,
        },
    )


def _probe(label: ArrayLike, split: ArrayLike, classes: Sequence[str] | None) -> tuple[Labels, Mask]:
    known, parts = np.asarray(label), np.asarray(split)
    if known.ndim != 1 or known.dtype.kind not in "iu" or parts.shape != known.shape:
        raise ValueError(
            f"wanted a class index and 'train' or 'test' for each sample, got label {known.dtype} {known.shape} and "
            f"split {parts.shape}"
        )
    is_train = parts == "train"
    wanted = np.arange(int(known.max()) + 1 if classes is None else len(classes))
    if lacking := np.setdiff1d(wanted, known[is_train]).tolist():
        raise ValueError(f"classes {lacking[:5]} have no train sample: wanted one or more of each class")
    return known.astype(np.int64), is_train


def _of_array(features: xr.DataArray, runs: Any) -> tuple[Any, list[AnyArray]]:
    if set(features.dims) != {"run", "checkpoint", "sample", "feature"}:
        raise SchemaError([f"features: wanted dimensions run, checkpoint, sample, feature, got {features.dims}"])
    values = features.transpose("run", "checkpoint", "sample", "feature").values
    if runs is None:
        own = {str(n): c.values for n, c in features.coords.items() if c.dims == ("run",)}
        runs = pd.DataFrame(own) if own else None
    return runs, list(values)


def _logits(h: AnyArray, head: Any, label: Labels, is_train: Mask, where: str) -> Array | None:
    """Logits (sample, class) of one checkpoint; None if all features are missing."""
    if h.ndim != 2 or len(h) != len(label) or h.dtype.kind not in "fiu" or not h.shape[1]:
        raise SchemaError(
            [f"{where}: features are {h.dtype} {h.shape}, wanted numbers ({len(label)} samples, feature)"]
        )
    exact = h.astype(np.float64)
    if np.isnan(exact).all():
        return None
    if bad := int((~np.isfinite(exact)).any(1).sum()):
        raise SchemaError(
            [f"{where}: {bad} samples have NaN or infinite features; all features of a missing checkpoint are NaN"]
        )
    return head(exact, label, is_train)


def _class_means(h: Array, label: Labels, is_train: Mask) -> Array:
    return np.array([h[is_train & (label == c)].mean(0) for c in np.unique(label[is_train])])


def _prototype(h: Array, label: Labels, is_train: Mask) -> Array:
    mean = _class_means(h, label, is_train)
    # The common mean cancels in the softmax; subtracted first, it costs no digits.
    center = mean.mean(0)
    return 2 * (h - center) @ (mean - center).T - np.square(mean - center).sum(1)


def _cosine(h: Array, label: Labels, is_train: Mask) -> Array:
    # Features that are all 0, as of dead units, have no direction: their cosine is 0.
    unit = _unit(h)
    return unit @ _unit(_class_means(unit, label, is_train)).T


def _unit(rows: Array) -> Array:
    size = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, size, out=np.zeros_like(rows), where=size > 0)


def _fitted(h: Array, label: Labels, is_train: Mask, *, l2: float) -> Array:
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise ImportError('method "head" needs scikit-learn: pip install "trajkit[scikit-learn]"') from error

    centered = h - h[is_train].mean(0)
    size = np.sqrt(np.square(centered[is_train]).mean())
    scaled = centered / size if size > 0 else centered
    head = LogisticRegression(C=1 / (l2 * is_train.sum()), tol=1e-8, max_iter=10_000)
    head.fit(scaled[is_train], label[is_train])
    logits = np.asarray(head.decision_function(scaled))
    # For two classes scikit-learn returns only the difference of the logits.
    return logits if logits.ndim == 2 else np.stack([np.zeros_like(logits), logits], axis=1)
