"""Explained stress over decay of the inputs, scale of the initial weights and number of steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from trajkit.curves import progress as progress_of
from trajkit.distances import pairwise
from trajkit.embedding import inpca
from trajkit.points import points
from trajkit.progress_bar import open_bar
from trajkit.renamed import renamed
from trajkit.theory.linear_runs import linear_runs
from trajkit.theory.regression import regression_spectrum
from trajkit.theory.sloppy_inputs import exponential_spectrum, sloppy_inputs
from trajkit.theory.steps import even_steps
from trajkit.typing import Array, Indices, Labels


@renamed(progress="progress_bar")
def sweep(
    decay: Sequence[float] | Array,
    scale: Sequence[float] | Array,
    steps: Sequence[int] | Indices,
    *,
    model: str = "regression",
    n_components: int = 5,
    features: int = 50,
    samples: int = 300,
    classes: int = 5,
    runs: int = 5,
    checkpoints: int = 20,
    rate: float = 0.5,
    seed: int = 0,
    progress_bar: bool | None = None,
) -> xr.Dataset:
    """Explained stress of linear models over decay of the inputs' eigenvalues, initial scale and number of steps.

    Trajectories form a hyper-ribbon where a few components explain most; `trajkit.figures.phase_map` draws the result.

    Parameters
    ----------
    decay
        Values of c: the inputs have eigenvalues proportional to exp(-c i).
    scale
        Sizes of the initial weights, as for `regression_distance` (relative to the teacher's) or `linear_runs` (of a
        logit).
    steps
        Numbers of steps of gradient descent.
    model
        "regression": squared loss, infinitely many runs, in closed form (`regression_spectrum`). "softmax":
        cross-entropy, trained step by step (`linear_runs`) on `samples` inputs of `sloppy_inputs`, with `runs` runs
        for each scale, embedded without references.
    n_components
        Number of components.
    features
        Dimension of the inputs.
    samples, classes, runs
        Sizes for "softmax".
    checkpoints
        Number of checkpoints of each training, at equal ratios.
    rate
        Learning rate in units of 1 / the largest curvature of the loss: 1 / max lambda, for "softmax" 2 / max
        lambda.
    seed
        Seed for the random draws. Only "softmax" makes any.
    progress_bar
        Whether to show a progress bar. By default one appears when the work takes more than a few seconds.

    Returns
    -------
    xarray.Dataset
        `explained_stress` and `explained_distance` (decay, scale, steps, component), cumulative, and `progress` (decay,
        scale, steps) after all steps: that of `regression_spectrum`, or the mean over runs of `trajkit.progress`.

    Raises
    ------
    ValueError
        If the model is unknown or a parameter is out of range.

    Examples
    --------
    >>> import trajkit as tk
    >>> found = tk.theory.sweep(decay=[0.0, 0.5, 1.0], scale=[0.1, 1.0], steps=[100, 10000])
    >>> found.explained_stress.sel(component=3, scale=1.0, steps=10000).values.round(2)
    array([0.85, 0.75, 0.88])

    References
    ----------
    Mao et al., Phys. Rev. E 113, 015306, 2026, arXiv 2505.08915, find that hyper-ribbons depend on these three. The
    grid and the models are trajkit's own.
    """
    axes = {"decay": _axis("decay", decay, 0), "scale": _axis("scale", scale, 0), "steps": _axis("steps", steps, 1)}
    if model not in ("regression", "softmax"):
        raise ValueError(f"model: wanted 'regression' or 'softmax', got {model!r}")
    if not 1 <= n_components <= features:
        raise ValueError(f"n_components: wanted 1 to {features}, the number of features, got {n_components}")
    # Each number of steps has its own checkpoints: a long training is not recorded late only.
    planned = [even_steps(int(t), checkpoints) for t in axes["steps"]]
    found = []
    with open_bar(len(axes["decay"]), "sweep", progress_bar) as bar:
        for c in axes["decay"].tolist():
            if model == "regression":
                eigenvalue = exponential_spectrum(features, c)
                found.append(_regression(eigenvalue, axes["scale"], planned, n_components, rate))
            else:
                x, label = sloppy_inputs(samples, features, decay=c, classes=classes, seed=seed)
                # One training to the last step serves all numbers of steps. Without bias, as in the
                # regression: the inputs alone give the directions.
                trained = linear_runs(
                    x, label, steps=np.unique(np.concatenate(planned)), scale=axes["scale"].tolist(), seeds=runs,
                    rate=rate, bias=False, classes=classes, progress_bar=False,
                )  # fmt: skip
                found.append(_softmax(trained, axes["scale"], planned, n_components))
            bar.update(1)
    dims = ("decay", "scale", "steps", "component")
    stress, distance, reached = (np.array([[[cell[k] for cell in row] for row in c] for c in found]) for k in range(3))
    return xr.Dataset(
        {
            "explained_stress": (dims, stress, {"long_name": "explained stress up to this component"}),
            "explained_distance": (dims, distance, {"long_name": "explained distance up to this component"}),
            "progress": (dims[:3], reached, {"long_name": "progress after all steps", "units": "1"}),
        },
        coords={**axes, "component": np.arange(1, n_components + 1)},
        attrs={"model": model, "features": features, "checkpoints": checkpoints, "rate": rate}
        | ({"samples": samples, "classes": classes, "runs": runs, "seed": seed} if model == "softmax" else {}),
    )


def _axis(name: str, values: Sequence[float] | Array | Indices, least: float) -> Array:
    axis = np.asarray(list(values))
    if not axis.size or not np.isfinite(axis).all() or (axis < least).any() or (np.diff(axis) <= 0).any():
        raise ValueError(f"{name}: wanted increasing numbers of at least {least}, got {list(values)}")
    return axis


# Explained stress and distance (component), and progress, of each number of steps (inner) and scale (outer).
_Cells = list[list[tuple[Array, Array, float]]]


def _regression(eigenvalue: Array, scale: Array, planned: list[Labels], n: int, rate: float) -> _Cells:
    def cell(s: float, steps: Labels) -> tuple[Array, Array, float]:
        found = regression_spectrum(eigenvalue, steps, scale=s, rate=rate)
        stress, distance = (found[name].values[:n] for name in ("explained_stress", "explained_distance"))
        return stress, distance, float(found["progress"][-1])

    return [[cell(s, steps) for steps in planned] for s in scale.tolist()]


def _softmax(ds: xr.Dataset, scale: Array, planned: list[Labels], n: int) -> _Cells:
    step, rows = ds["step"].values[0], []
    for s in scale:
        own = ds.isel(run=ds["scale"].values == s)
        # Once for each scale: every number of steps embeds a part of these points.
        distance, reached = pairwise(points(own), progress_bar=False), progress_of(own).values
        cells = []
        for steps in planned:
            wanted = np.flatnonzero(np.isin(step, steps))
            at = np.flatnonzero(np.isin(distance["checkpoint"].values, wanted))
            found = inpca(distance.isel(point=at, point2=at), n)
            progress = float(reached[:, wanted[-1]].mean())
            cells.append((found["explained_stress"].values, found["explained_distance"].values, progress))
        rows.append(cells)
    return rows
