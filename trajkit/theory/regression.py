"""Linear regression by gradient descent, in closed form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist, squareform

from trajkit.theory.steps import recorded_steps
from trajkit.typing import Array, Labels


def regression_distance(
    eigenvalue: ArrayLike,
    steps: int | Iterable[int],
    *,
    runs: int = 10,
    scale: float = 1.0,
    teacher: ArrayLike | None = None,
    rate: float = 0.5,
    noise: float = 1.0,
    seed: int = 0,
) -> xr.DataArray:
    r"""Distances between linear regressions during training, by the closed form of gradient descent.

    Full-batch gradient descent on the loss |X w - X w*|^2 / 2N moves each coordinate of w separately, in the eigenbasis
    of the correlation matrix X'X / N with eigenvalues lambda_i:

        w_i(t) = w*_i + (1 - eta lambda_i)^t (w_i(0) - w*_i),  eta = rate / max lambda,

    In the limit of small steps the factor is exp(-eta lambda_i t), and the loss falls with its square. w_i(0) is
    Gaussian with standard deviation `scale`, and predictions are Gaussian with variance noise^2 on each sample. Then
    the mean Bhattacharyya distance of two models over the samples is a squared Euclidean length,

        D(a, b) = sum_i lambda_i (w_i(a) - w_i(b))^2 / (8 noise^2)

    so that InPCA is principal component analysis, without time-like components.

    Parameters
    ----------
    eigenvalue
        lambda_i, positive; such as `exponential_spectrum(50, decay)`.
    steps
        The steps to record; or the last step, and 20 steps up to it are recorded, at equal ratios.
    runs
        Number of initial weights, each trained.
    scale
        Size of the initial weights, relative to the teacher's.
    teacher
        w*_i, in the eigenbasis; by default 1 for all (signs do not matter).
    rate
        Learning rate in units of 1 / max lambda, below 2: training diverges above.
    noise
        Standard deviation of a prediction.
    seed
        Seed for the random draws.

    Returns
    -------
    xarray.DataArray
        (point, point2) in nats, with `run`, `checkpoint` and `step`, for `trajkit.inpca`.

    Raises
    ------
    ValueError
        If an eigenvalue is not positive, the rate is not between 0 and 2, or a size is out of range.

    Examples
    --------
    >>> import trajkit as tk
    >>> distance = tk.theory.regression_distance(tk.theory.exponential_spectrum(50, 0.5), 1000, runs=4)
    >>> tk.inpca(distance).signature.values
    array([1, 1, 1])

    References
    ----------
    Mao et al., Phys. Rev. E 113, 015306, 2026, arXiv 2505.08915, on the role of decay, scale and steps. The formulas
    are those of gradient descent in textbooks.
    """
    model = _model(eigenvalue, steps, scale, teacher, rate, noise)
    if runs < 1:
        raise ValueError(f"runs: wanted 1 or more, got {runs}")
    start = scale * np.random.default_rng(seed).standard_normal((runs, len(model.eigenvalue)))
    weight = model.teacher + model.left[None] * (start - model.teacher)[:, None]
    # In these coordinates the distance is a squared Euclidean length.
    x = (weight * np.sqrt(model.eigenvalue / 8) / noise).reshape(-1, len(model.eigenvalue))
    run = np.repeat([f"regression-{r}" for r in range(runs)], len(model.step))
    checkpoint = np.tile(np.arange(len(model.step)), runs)
    rows = {"run": run, "checkpoint": checkpoint, "step": np.tile(model.step, runs)}
    columns = {"run2": run, "checkpoint2": checkpoint}
    return xr.DataArray(
        squareform(pdist(x, "sqeuclidean")),
        dims=("point", "point2"),
        coords={n: ("point", v) for n, v in rows.items()} | {n: ("point2", v) for n, v in columns.items()},
        name="regression_distance",
        attrs={"metric": "bhattacharyya of Gaussians", "scale": "squared length", "units": "nat"},
    )


def regression_spectrum(
    eigenvalue: ArrayLike,
    steps: int | Iterable[int],
    *,
    scale: float = 1.0,
    teacher: ArrayLike | None = None,
    rate: float = 0.5,
    noise: float = 1.0,
) -> xr.Dataset:
    r"""InPCA of infinitely many linear regressions, in closed form.

    Over all initial weights, the models of `regression_distance` at the recorded steps have the covariance

        C_ij = sqrt(lambda_i lambda_j) [w*_i w*_j cov_t(a_i, a_j) + delta_ij scale^2 mean_t a_i^2] / (8 noise^2),

    where a_i(t) = (1 - eta lambda_i)^t, and mean and covariance are over the recorded steps. InPCA of m points has
    m times the eigenvalues mu_k of C, and

        explained_stress_k = 1 - sqrt(1 - sum_{l<=k} mu_l^2 / sum mu_l^2),
        explained_distance_k = sum_{l<=k} mu_l / sum mu_l

    Parameters
    ----------
    eigenvalue, steps, scale, teacher, rate, noise
        As for `regression_distance`.

    Returns
    -------
    xarray.Dataset
        On component, counted from 1: `eigenvalue` mu_k, in nats, and the cumulative `explained_stress` and
        `explained_distance`. `progress` (step) of the mean prediction from 0 to the teacher's,
        sum_i lambda_i w*_i^2 (1 - a_i) / sum_i lambda_i w*_i^2.

    Raises
    ------
    ValueError
        As for `regression_distance`.

    Examples
    --------
    >>> import trajkit as tk
    >>> for decay in (0.1, 1.0):
    ...     found = tk.theory.regression_spectrum(tk.theory.exponential_spectrum(50, decay), 1000)
    ...     print(round(float(found.explained_distance.sel(component=3)), 2))
    0.45
    0.87

    References
    ----------
    Mao et al., arXiv 2505.08915, on the role of decay, scale and steps; the formulas are trajkit's own.
    """
    model = _model(eigenvalue, steps, scale, teacher, rate, noise)
    left = model.left - model.left.mean(0)
    moved = left * model.teacher
    covariance = moved.T @ moved / len(left) + np.diag(scale**2 * np.square(model.left).mean(0))
    # Of the predictions, not of the weights: each direction counts by its eigenvalue.
    root = np.sqrt(model.eigenvalue / 8) / noise
    # Rounding makes zero eigenvalues slightly negative.
    value = np.maximum(np.linalg.eigvalsh(root[:, None] * covariance * root)[::-1], 0.0)
    if not value[0] > 0:
        raise ValueError("all models coincide: wanted more steps, or scale > 0")
    square = np.cumsum(value**2)
    power = model.eigenvalue * np.square(model.teacher)
    reached = (1 - model.left) @ power / power.sum()
    stress = 1 - np.sqrt(np.maximum(1 - square / square[-1], 0.0))
    return xr.Dataset(
        {
            "eigenvalue": ("component", value, {"long_name": "eigenvalue for each point", "units": "nat"}),
            "explained_stress": ("component", stress, {"long_name": "explained stress up to this component"}),
            "explained_distance": (
                "component",
                np.cumsum(value) / value.sum(),
                {"long_name": "explained distance up to this component"},
            ),
            "progress": ("step", reached, {"long_name": "progress of the mean prediction", "units": "1"}),
        },
        coords={"component": np.arange(1, len(value) + 1), "step": model.step},
    )


class _Model(NamedTuple):
    eigenvalue: Array
    teacher: Array
    step: Labels
    left: Array  # (step, feature): (1 - eta lambda_i)^t, the share left to learn


def _model(
    eigenvalue: ArrayLike,
    steps: int | Iterable[int],
    scale: float,
    teacher: ArrayLike | None,
    rate: float,
    noise: float,
) -> _Model:
    value = np.asarray(eigenvalue, dtype=np.float64)
    if value.ndim != 1 or not value.size or not (np.isfinite(value) & (value > 0)).all():
        raise ValueError("eigenvalue: wanted positive numbers, one for each direction of the inputs")
    goal = np.ones(len(value)) if teacher is None else np.asarray(teacher, dtype=np.float64)
    if goal.shape != value.shape or not np.isfinite(goal).all() or not goal.any():
        raise ValueError(f"teacher: wanted {len(value)} numbers, one for each eigenvalue, not all 0; got {goal.shape}")
    if not (0 < rate < 2):
        raise ValueError(f"rate: wanted a number between 0 and 2, in units of 1 / max lambda, got {rate}")
    if not (0 <= scale < np.inf and 0 < noise < np.inf):
        raise ValueError(f"wanted scale >= 0 and noise > 0, got {scale} and {noise}")
    step = recorded_steps(steps)
    return _Model(value, goal, step, (1 - rate * value / value.max()) ** step[:, None])
