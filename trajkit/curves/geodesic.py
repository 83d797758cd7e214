"""Great circles between predictions."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from trajkit.curves.ends import End, end_of, labelled
from trajkit.distances.divergences import as_log_prob
from trajkit.distances.formulas import angle, half_chord
from trajkit.probabilities import normalize
from trajkit.schema import validated
from trajkit.typing import AnyArray, Array


def geodesic(a: End, b: End, t: ArrayLike, *, ds: xr.Dataset | None = None) -> xr.DataArray:
    """Points of the geodesic from `a` to `b`: for each sample a great circle of square roots of probabilities.

    With theta = arccos sum_c sqrt(p_c q_c) for each sample,

        sqrt p_t = [sin((1 - t) theta) sqrt p + sin(t theta) sqrt q] / sin theta.

    Parameters
    ----------
    a, b
        Log-probabilities with dimensions `sample` and `class`, broadcast against each other over all others. With `ds`
        also "ignorance", "truth" or the name of a reference run of one point (`add_references`).
    t
        Position on the geodesic, from 0 (`a`) to 1 (`b`); one number or several.
    ds
        A trajectory dataset. Only for ends that are given by their names.

    Returns
    -------
    xarray.DataArray
        Log-probabilities with dimension `t` first (a coordinate without dimension for one number).

    Raises
    ------
    ValueError
        If `t` is outside [0, 1], where square roots of probabilities would become negative; if a name is unknown, or
        given without `ds`.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(samples=1, classes=2)
    >>> half = tk.geodesic(tk.ignorance(ds), tk.truth(ds), 0.5)
    >>> np.exp(half.sel(sample=0)).values.round(4)  # cos(pi/8)^2
    array([0.8536, 0.1464])
    >>> bool((half == tk.geodesic("ignorance", "truth", 0.5, ds=ds)).all())
    True

    References
    ----------
    Mao et al., PNAS 121(12), 2024, arXiv 2305.01604 (geodesic between ignorance and truth).
    """
    if ds is not None:
        ds = validated(ds)
    a, b = as_log_prob(_named(ds, a, "a")), as_log_prob(_named(ds, b, "b"))
    if "t" in (*a.dims, *b.dims):
        raise ValueError("a or b has a dimension 't', the name of the result's own; rename it first")
    values = np.asarray(t, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"t: wanted numbers from 0 to 1, got {values.min():g} to {values.max():g}")
    position = xr.DataArray(values, dims=("t",) if values.ndim else (), coords={"t": values} if values.ndim else None)
    out: xr.DataArray = xr.apply_ufunc(
        great_circle,
        a,
        b,
        position,
        input_core_dims=[["sample", "class"], ["sample", "class"], []],
        output_core_dims=[["sample", "class"]],
        join="exact",
    )
    first = ("t",) if values.ndim else ()
    return out.assign_coords(t=position).transpose(*first, ...).rename("log_prob").assign_attrs(units="nat")


def _named(ds: xr.Dataset | None, end: End, what: str) -> xr.DataArray:
    if not isinstance(end, str):
        return end
    if ds is None:
        raise ValueError(f"{what}={end!r} is a name: pass ds=, the dataset whose probe or reference run it is")
    return labelled(ds, end_of(ds, end, what), end)


def great_circle(p: AnyArray, q: AnyArray, t: Array) -> Array:
    """Compute `geodesic` for arrays (..., sample, class) and t (...)."""
    p, q, t = normalize(p), normalize(q), t[..., None]
    theta = angle(half_chord(p, q))
    apart = theta > 0
    sine = np.where(apart, np.sin(theta), 1.0)
    # In logarithms, because the amplitudes of confident predictions lie below the smallest float64.
    # log 0 = -inf is meant, and a missing point stays NaN.
    with np.errstate(divide="ignore", invalid="ignore"):
        from_p = np.log(np.where(apart, np.sin((1 - t) * theta) / sine, 1 - t))
        from_q = np.log(np.where(apart, np.sin(t * theta) / sine, t))
        out: Array = 2 * np.logaddexp(from_p[..., None] + 0.5 * p, from_q[..., None] + 0.5 * q)
    return out


def tangent(a: xr.DataArray, b: xr.DataArray) -> xr.DataArray:
    """Give the initial velocity of the geodesic from `a` to `b`, as a vector of square roots of probabilities.

        theta / sin theta (sqrt q - cos theta sqrt p),  theta = arccos sum_c sqrt(p_c q_c), for each sample

    It is orthogonal to sqrt p, its length is theta, and it is d(sqrt p_t)/dt at t = 0.

    Parameters
    ----------
    a, b
        Log-probabilities with dimensions `sample` and `class`, broadcast against each other over all others.

    Returns
    -------
    xarray.DataArray
        With dimensions `sample` and `class` last; in radians per unit of t.

    Raises
    ------
    ValueError
        If a dimension is missing or the two have different samples or classes.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(samples=1, classes=4)
    >>> velocity = tk.tangent(tk.ignorance(ds), tk.truth(ds))
    >>> round(float(np.square(velocity).sum()) ** 0.5, 6)  # pi / 3
    1.047198
    """
    a, b = as_log_prob(a), as_log_prob(b)
    core = ["sample", "class"]
    out: xr.DataArray = xr.apply_ufunc(
        _velocity, a, b, input_core_dims=[core, core], output_core_dims=[core], join="exact"
    )
    return out.rename("tangent").assign_attrs(long_name="initial velocity of the geodesic", units="rad")


def _velocity(p: AnyArray, q: AnyArray) -> Array:
    p, q = normalize(p), normalize(q)
    from_p, from_q, h = np.exp(0.5 * p), np.exp(0.5 * q), half_chord(p, q)[..., None]
    theta = angle(h)
    # sqrt q - cos theta sqrt p = (sqrt q - sqrt p) + h sqrt p: no cancellation close by.
    return (from_q - from_p + h * from_p) / np.sinc(theta / np.pi)
