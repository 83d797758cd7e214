"""The decay of the eigenvalues of inputs."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from trajkit.typing import Array

# By default the fit takes the leading eigenvalues that add up to this share of their sum.
_SHARE = 0.99
_LAWS = ("exponential", "power")


def input_spectrum(
    x: ArrayLike,
    *,
    components: tuple[int, int] | None = None,
    centered: bool = True,
    level: float = 0.95,
) -> xr.Dataset:
    r"""Fit an exponential and a power law to the eigenvalues of the inputs' covariance.

        log lambda_i = a - c i  (exponential),  log lambda_i = a - b log i  (power),  i = 1, 2, ...

    by least squares on the logarithms over a range of components. Sloppy inputs have eigenvalues that fall
    exponentially over many decades; they are proposed as the reason why trajectories lie on hyper-ribbons.

    The standard error is that of sampling the inputs. It uses the influence of a sample x_s on an eigenvalue to first
    order, (u_i . x_s)^2 / lambda_i - 1, and holds for any distribution of the inputs. It does not say whether the law
    holds: compare `r_squared` of both laws. Eigenvalues of few samples fall faster than those of the distribution.

    Parameters
    ----------
    x
        Inputs (sample, feature); images as `x.reshape(len(x), -1)`.
    components
        First and last component of the range, counted from 1; by default the leading components that add up to 99 % of
        the sum of eigenvalues.
    centered
        Whether to take the covariance; otherwise the correlation matrix X'X / N about 0.
    level
        Confidence level of the intervals, between 0 and 1.

    Returns
    -------
    xarray.Dataset
        `eigenvalue` (component), largest first, in squared units of x, and `fitted` (law, component), NaN outside the
        range. On `law` ("exponential", "power"): `decay`, c or b, with `standard_error`, `lower` and `upper`, and
        `r_squared` of the logarithms. `attrs["components"]` is the range.

    Raises
    ------
    ValueError
        If the inputs are not finite numbers (sample, feature), a feature is constant, or the range holds fewer than
        three eigenvalues that are not rounding noise.

    Examples
    --------
    >>> import numpy as np, trajkit as tk
    >>> x = np.random.default_rng(0).standard_normal((2000, 10)) * np.exp(-0.25 * np.arange(10))
    >>> fit = tk.input_spectrum(x)
    >>> fit.decay.sel(law="exponential").item().__round__(1), fit.attrs["components"]
    (0.5, [1, 9])

    References
    ----------
    Decay of eigenvalues and hyper-ribbons: Mao et al., Phys. Rev. E 113, 015306, 2026, arXiv 2505.08915; perturbation
    of eigenvalues: Critchley, Biometrika 72, 1985.
    """
    values = checked_inputs(x)
    if not 0 < level < 1:
        raise ValueError(f"level: wanted a number between 0 and 1, got {level}")
    if len(values) < 4:
        raise ValueError(f"wanted four samples or more, got {len(values)}")
    constant = np.flatnonzero(np.ptp(values, axis=0) == 0)
    if constant.size:
        raise ValueError(
            f"{constant.size} features are the same for all samples, the first is number {constant[0]}: leave them out "
            "with x[:, np.ptp(x, axis=0) > 0]"
        )
    values = values - values.mean(0) if centered else values
    eigenvalue, vector = _eigenpairs(values)
    first, last = _range(eigenvalue, components)
    index = np.arange(first, last + 1, dtype=np.float64)
    own = slice(first - 1, last)
    influence = np.square(values @ vector[:, own]) / eigenvalue[own] - 1
    fits = [_fit(np.log(eigenvalue[own]), at, influence) for at in (index, np.log(index))]
    decay, error, goodness = np.array([(slope, sd, r) for slope, sd, r, _ in fits]).T
    fitted = np.full((2, len(eigenvalue)), np.nan)
    fitted[:, own] = [line for *_, line in fits]
    wide = NormalDist().inv_cdf((1 + level) / 2) * error
    unit = {"units": "1"}
    return xr.Dataset(
        {
            "eigenvalue": ("component", eigenvalue, {"long_name": "eigenvalue of the inputs"}),
            "fitted": (("law", "component"), fitted, {"long_name": "eigenvalue by the law"}),
            "decay": ("law", decay, {"long_name": "decay of log eigenvalues", **unit}),
            "standard_error": ("law", error, unit),
            "lower": ("law", decay - wide, unit),
            "upper": ("law", decay + wide, unit),
            "r_squared": ("law", goodness, {"long_name": "R^2 of log eigenvalues", **unit}),
        },
        coords={"law": list(_LAWS), "component": np.arange(1, len(eigenvalue) + 1)},
        attrs={
            "components": [first, last],
            "samples": len(values),
            "features": values.shape[1],
            "level": level,
            "centered": int(centered),
        },
    )


def checked_inputs(x: ArrayLike) -> Array:
    """Check a table of finite numbers (sample, feature) and return it as float64.

    Raises
    ------
    ValueError
        If it is no such table.

    Examples
    --------
    >>> checked_inputs([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    values = np.asarray(x)
    if values.ndim != 2 or 0 in values.shape or values.dtype.kind not in "uif":
        raise ValueError(
            f"wanted numbers (sample, feature), got {values.dtype} {values.shape}; for images use x.reshape(len(x), -1)"
        )
    values = values.astype(np.float64)
    if bad := int((~np.isfinite(values)).any(1).sum()):
        raise ValueError(f"{bad} of {len(values)} samples hold NaN or infinite values: leave them out")
    return values


def _eigenpairs(values: Array) -> tuple[Array, Array]:
    """Find the eigenvalues above rounding noise, largest first, with their vectors (feature, component)."""
    # By the smaller of the two Gram matrices: an SVD takes 14 times as long for 5000 x 784 inputs.
    n, d = values.shape
    if d <= n:
        value, vector = np.linalg.eigh(values.T @ values / n)
    else:
        value, dual = np.linalg.eigh(values @ values.T / n)
        vector = values.T @ dual / np.sqrt(n * np.maximum(value, np.finfo(float).tiny))
    # The tolerance of `numpy.linalg.matrix_rank`, for eigenvalues.
    keep = value > max(n, d) * np.finfo(float).eps * value[-1]
    return value[keep][::-1], vector[:, keep][:, ::-1]


def _range(eigenvalue: Array, components: tuple[int, int] | None) -> tuple[int, int]:
    if components is None:
        share = np.cumsum(eigenvalue) / eigenvalue.sum()
        components = (1, int(np.searchsorted(share, _SHARE)) + 1)
    first, last = components
    if first < 1 or not first + 2 <= last <= len(eigenvalue):
        raise ValueError(
            f"components: wanted a range of three or more from 1 to {len(eigenvalue)}, since further eigenvalues are "
            f"rounding noise, got {first} to {last}; pass components=(first, last)"
        )
    return int(first), int(last)


def _fit(y: Array, at: Array, influence: Array) -> tuple[float, float, float, Array]:
    """Fit a line to y and return -slope, its standard error, R^2 and the exponential of the line."""
    centered = at - at.mean()
    share = centered / np.square(centered).sum()
    slope = float(share @ y)
    line = y.mean() + slope * centered
    # On logarithms, as the fit.
    total = float(np.square(y - y.mean()).sum())
    # Equal eigenvalues leave nothing to explain.
    goodness = 1 - float(np.square(y - line).sum()) / total if total > 0 else np.nan
    effect = influence @ share
    return -slope, float(effect.std(ddof=1) / np.sqrt(len(effect))), goodness, np.exp(line)
