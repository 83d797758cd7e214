"""Where trajectories are thin: explained stress over decay of the inputs, scale of initial weights and steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from trajkit.curves import progress as progress_of
from trajkit.distances import pairwise
from trajkit.embedding import inpca
from trajkit.points import points
from trajkit.progress_bar import open_bar
from trajkit.renamed import renamed
from trajkit.theory.linear_runs import linear_runs, sloppy_inputs
from trajkit.theory.regression import exponential_spectrum, regression_spectrum
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

    Where a few components explain most, trajectories form a hyper-ribbon; `trajkit.figures.phase_map` draws where.

    Parameters
    ----------
    decay
        c of inputs with eigenvalues proportional to exp(-c i).
    scale
        Size of initial weights: of `regression_distance` in units of the teacher's, of `linear_runs` that of a logit.
    steps
        Numbers of steps of gradient descent; of each training, `checkpoints` at equal ratios are looked at.
    model
        "regression": squared loss, infinitely many runs, in closed form (`regression_spectrum`). "softmax":
        cross-entropy, trained step by step (`linear_runs`) on `samples` inputs of `sloppy_inputs`, `runs` runs for
        each scale, embedded without references.
    n_components
        How many components to look at.
    features
        Dimension of the inputs.
    samples, classes, runs, seed
        For "softmax" alone.
    checkpoints
        Of each training.
    rate
        Learning rate in units of 1 / the largest curvature of the loss: 1 / max lambda, 2 / max lambda for "softmax".
    progress_bar
        Whether to show a progress bar; None shows one when the work takes more than a few seconds.

    Returns
    -------
    xarray.Dataset
        `explained_stress` and `explained_distance` (decay, scale, steps, component; cumulative) and `progress` (decay,
        scale, steps): how far training has come after all steps, as `regression_spectrum` and `trajkit.progress`
        say (the mean over runs).

    Raises
    ------
    ValueError
        If the model is unknown or a parameter makes no sense.

    Examples
    --------
    >>> import trajkit as tk
    >>> found = tk.theory.sweep(decay=[0.0, 0.5, 1.0], scale=[0.1, 1.0], steps=[100, 10000])
    >>> found.explained_stress.sel(component=3, scale=1.0, steps=10000).values.round(2)
    array([0.85, 0.75, 0.88])

    References
    ----------
    Mao et al., Phys. Rev. E 113, 015306, 2026, arXiv 2505.08915, name these three as what hyper-ribbons depend on; grid
    and models are trajkit's own.
    """
    axes = {"decay": _axis("decay", decay, 0), "scale": _axis("scale", scale, 0), "steps": _axis("steps", steps, 1)}
    if model not in ("regression", "softmax"):
        raise ValueError(f"model: wanted 'regression' or 'softmax', got {model!r}")
    if not 1 <= n_components <= features:
        raise ValueError(f"n_components: wanted 1 to {features}, the number of features, got {n_components}")
    planned = [even_steps(int(t), checkpoints) for t in axes["steps"]]

    def cells(c: float) -> _Cells:
        if model == "regression":
            return _regression(exponential_spectrum(features, c), axes["scale"], planned, n_components, rate)
        x, label = sloppy_inputs(samples, features, decay=c, classes=classes, seed=seed)
        trained = linear_runs(
            x, label, steps=np.unique(np.concatenate(planned)), scale=axes["scale"].tolist(), seeds=runs, rate=rate,
            bias=False, classes=classes, progress_bar=False,
        )  # fmt: skip
        return _softmax(trained, axes["scale"], planned, n_components)

    found = []
    with open_bar(len(axes["decay"]), "sweep", progress_bar) as bar:
        for c in axes["decay"]:
            found.append(cells(float(c)))
            bar.update(1)
    dims = ("decay", "scale", "steps", "component")
    stress, distance, reached = (np.stack(part) for part in zip(*found, strict=True))
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


class _Cells(NamedTuple):
    """Of one decay: measures (scale, steps, component) and progress (scale, steps)."""

    stress: Array
    distance: Array
    progress: Array


def _axis(name: str, values: Sequence[float] | Array | Indices, least: float) -> Array:
    out = np.asarray(list(values))
    if not out.size or not np.isfinite(out).all() or (out < least).any() or (np.diff(out) <= 0).any():
        raise ValueError(f"{name}: wanted increasing numbers of at least {least}, got {list(values)}")
    return out


def _regression(eigenvalue: Array, scale: Array, planned: list[Labels], n: int, rate: float) -> _Cells:
    each = [[regression_spectrum(eigenvalue, steps, scale=float(s), rate=rate) for steps in planned] for s in scale]
    first = slice(None, n)
    return _Cells(
        np.array([[e["explained_stress"].values[first] for e in row] for row in each]),
        np.array([[e["explained_distance"].values[first] for e in row] for row in each]),
        np.array([[e["progress"].values[-1] for e in row] for row in each]),
    )


def _softmax(ds: xr.Dataset, scale: Array, planned: list[Labels], n: int) -> _Cells:
    step = ds["step"].values[0]
    rows = []
    for s in scale:
        own = ds.isel(run=ds["scale"].values == s)
        distance, reached = pairwise(points(own), progress_bar=False), progress_of(own).values
        cells = []
        for steps in planned:
            wanted = np.flatnonzero(np.isin(step, steps))
            at = np.flatnonzero(np.isin(distance["checkpoint"].values, wanted))
            found = inpca(distance.isel(point=at, point2=at), n)
            ends = float(reached[:, wanted[-1]].mean())
            cells.append((found["explained_stress"].values, found["explained_distance"].values, ends))
        rows.append(cells)
    return _Cells(*(np.array([[c[k] for c in row] for row in rows]) for k in range(3)))
