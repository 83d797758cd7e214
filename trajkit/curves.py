"""Curves in prediction space: the ends every training shares, the geodesic between them, progress along it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from trajkit.distances import half_chord
from trajkit.points import concat
from trajkit.schema import SchemaError, normalize, run_attributes, validate

# Bytes of temporaries that `progress` works on at a time.
_WORKSPACE = 64e6
# Halvings of [0, 1]: progress is exact to 2^-41.
_HALVINGS = 40


def ignorance(ds: xr.Dataset) -> xr.DataArray:
    """Log-probabilities of ignorance: every class has probability 1/C.

    Parameters
    ----------
    ds
        Anything with the probe of a trajectory dataset.

    Returns
    -------
    xarray.DataArray
        (sample, class)

    Examples
    --------
    >>> import trajkit as tk
    >>> tk.ignorance(tk.simulate(samples=1, classes=2)).values.round(4)
    array([[-0.6931, -0.6931]])
    """
    shape = (ds.sizes["sample"], ds.sizes["class"])
    return _on_probe(ds, np.full(shape, -np.log(shape[1])), "ignorance")


def truth(ds: xr.Dataset) -> xr.DataArray:
    """Log-probabilities of truth: 0 for the label, -inf for every other class.

    Parameters
    ----------
    ds
        Anything with the probe of a trajectory dataset.

    Returns
    -------
    xarray.DataArray
        (sample, class)

    Raises
    ------
    ValueError
        If a label is no index of a class.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(samples=4)
    >>> bool((tk.truth(ds).argmax("class") == ds.label).all())
    True
    """
    is_label = np.arange(ds.sizes["class"]) == ds["label"].values[:, None]
    if not is_label.any(-1).all():
        outside = np.unique(ds["label"].values[~is_label.any(-1)]).tolist()
        raise ValueError(f"'label' holds {outside[:5]}: wanted class indices from 0 to {ds.sizes['class'] - 1}")
    return _on_probe(ds, np.where(is_label, 0.0, -np.inf), "truth")


def _on_probe(ds: xr.Dataset, values: NDArray[np.float64], name: str) -> xr.DataArray:
    coords = {n: c for n, c in ds.coords.items() if c.dims in (("sample",), ("class",))}
    return xr.DataArray(values, dims=("sample", "class"), coords=coords, name=name, attrs={"units": "nat"})


def geodesic(a: xr.DataArray, b: xr.DataArray, t: ArrayLike) -> xr.DataArray:
    """Points of the geodesic from `a` to `b`: great circles of square roots of probabilities, sample by sample.

    With theta = arccos sum_c sqrt(p_c q_c) for each sample,

        sqrt p_t = [sin((1 - t) theta) sqrt p + sin(t theta) sqrt q] / sin theta.

    Parameters
    ----------
    a, b
        Log-probabilities with dimensions `sample` and `class`, broadcast against each other over all others.
    t
        Where along the way: 0 gives `a`, 1 gives `b`; one number or several, from 0 to 1.

    Returns
    -------
    xarray.DataArray
        Log-probabilities with dimension `t` first (a coordinate without dimension for one number).

    Raises
    ------
    ValueError
        If `t` leaves [0, 1], where square roots of probabilities would turn negative.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(samples=1, classes=2)
    >>> half = tk.geodesic(tk.ignorance(ds), tk.truth(ds), 0.5)
    >>> np.exp(half.sel(sample=0)).values.round(4)  # cos(pi/8)^2
    array([0.8536, 0.1464])

    References
    ----------
    Mao et al., PNAS 121(12), 2024, arXiv 2305.01604 (geodesic between ignorance and truth).
    """
    values = np.asarray(t, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"t: wanted numbers from 0 to 1, got {values.min():g} to {values.max():g}")
    position = xr.DataArray(values, dims=("t",) if values.ndim else (), coords={"t": values} if values.ndim else None)
    out: xr.DataArray = xr.apply_ufunc(
        _great_circle,
        a,
        b,
        position,
        input_core_dims=[["sample", "class"], ["sample", "class"], []],
        output_core_dims=[["sample", "class"]],
        join="exact",
    )
    first = ("t",) if values.ndim else ()
    return out.assign_coords(t=position).transpose(*first, ...).rename("log_prob").assign_attrs(units="nat")


def _great_circle(p: NDArray[Any], q: NDArray[Any], t: NDArray[np.float64]) -> NDArray[np.float64]:
    p, q, t = normalize(p), normalize(q), t[..., None]
    h = half_chord(p, q)
    # Disjoint distributions have h = 1, which rounding may pass by 1e-16.
    theta = 2 * np.arcsin(np.sqrt(0.5 * np.minimum(h, 1.0)))
    apart = theta > 0
    sine = np.where(apart, np.sin(theta), 1.0)
    # In logarithms, because the amplitudes of confident predictions lie below the smallest float64.
    # log 0 = -inf is meant, and a missing point stays NaN.
    with np.errstate(divide="ignore", invalid="ignore"):
        from_p = np.log(np.where(apart, np.sin((1 - t) * theta) / sine, 1 - t))
        from_q = np.log(np.where(apart, np.sin(t * theta) / sine, t))
        out: NDArray[np.float64] = 2 * np.logaddexp(from_p[..., None] + 0.5 * p, from_q[..., None] + 0.5 * q)
    return out


def references(ds: xr.Dataset, n_geodesic: int = 50) -> xr.Dataset:
    """Make the reference runs of a probe: "ignorance", "truth" and "geodesic", the way between them.

    Their `kind` is "reference", their other attributes are empty, and their `step` counts checkpoints.

    Parameters
    ----------
    ds
        A trajectory dataset.
    n_geodesic
        Points of the geodesic, both ends included; 0 leaves it out.

    Returns
    -------
    xarray.Dataset
        A trajectory dataset of the reference runs alone.

    Raises
    ------
    ValueError
        If `n_geodesic` is 1 or negative.

    Examples
    --------
    >>> import trajkit as tk
    >>> tk.curves.references(tk.simulate()).run.values
    array(['ignorance', 'truth', 'geodesic'], dtype='<U9')
    """
    if n_geodesic < 0 or n_geodesic == 1:
        raise ValueError(f"n_geodesic: wanted 0, or 2 and more points, got {n_geodesic}")
    start, end = ignorance(ds), truth(ds)
    curves = {"ignorance": start.expand_dims("t"), "truth": end.expand_dims("t")}
    if n_geodesic:
        curves["geodesic"] = geodesic(start, end, np.linspace(0, 1, n_geodesic))
    longest = max(c.sizes["t"] for c in curves.values())
    log_prob = np.full((len(curves), longest, *start.shape), np.nan, dtype=np.float32)
    step = np.full(log_prob.shape[:2], -1, dtype=np.int64)
    for row, curve in enumerate(curves.values()):
        log_prob[row, : curve.sizes["t"]] = curve.values
        step[row, : curve.sizes["t"]] = np.arange(curve.sizes["t"])
    return xr.Dataset(
        {"log_prob": (ds["log_prob"].dims, log_prob, ds["log_prob"].attrs), "step": (ds["step"].dims, step)},
        coords={
            "run": ("run", list(curves)),
            "kind": ("run", ["reference"] * len(curves)),
            "checkpoint": np.arange(longest),
            **{n: c for n, c in start.coords.items()},
        },
        attrs=ds.attrs,
    )


def with_references(ds: xr.Dataset, n_geodesic: int = 50) -> xr.Dataset:
    """Append the runs "ignorance", "truth" and "geodesic" to a trajectory dataset.

    References are runs too: they are sliced, measured and drawn like networks, and told apart by
    `kind == "reference"`. Their other attributes are empty ("" or NaN), so integer and boolean attributes become
    floats.

    Parameters
    ----------
    ds
        A trajectory dataset without such runs.
    n_geodesic
        Points of the geodesic, both ends included; 0 leaves it out.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    SchemaError
        If `ds` has runs of these names already.

    Examples
    --------
    >>> import trajkit as tk
    >>> tk.with_references(tk.simulate(runs=2)).kind.values
    array(['network', 'network', 'reference', 'reference', 'reference'], dtype='<U9')
    """
    validate(ds)
    added = references(ds, n_geodesic)
    if present := sorted(set(ds["run"].values.tolist()) & set(added["run"].values.tolist())):
        raise SchemaError([f"runs {present} are there already: select the networks with kind='network' first"])
    return concat([ds, added])


def progress(ds: xr.Dataset, metric: str = "fisher_rao") -> xr.DataArray:
    """Progress of each point: where on the geodesic from ignorance to truth its nearest point lies.

        progress(p) = argmin over t in [0, 1] of metric(p, geodesic(ignorance, truth, t))

    Within one sample the geodesic lies in a plane. A point has there the length R and the angle psi from the truth, so
    its overlap with geodesic(t) is R cos((1 - t) theta_0 - psi), theta_0 = arccos(1 / sqrt C). Both objectives are
    convex in t; the zero of the derivative is bisected for all points at once, to 2^-41. Where the minimum is an
    interval (possible under "fisher_rao"), its midpoint is taken.

    Parameters
    ----------
    ds
        A trajectory dataset.
    metric
        "fisher_rao", the published definition; or "bhattacharyya".

    Returns
    -------
    xarray.DataArray
        (run, checkpoint), between 0 and 1; NaN where missing.

    Raises
    ------
    ValueError
        If the metric is neither.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.with_references(tk.simulate(), n_geodesic=5)
    >>> tk.progress(ds).sel(run="geodesic").values[:5].round(6)
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])

    References
    ----------
    Mao et al., PNAS 121(12), 2024, arXiv 2305.01604 (progress).
    """
    if metric not in _SLOPES:
        raise ValueError(f"progress is defined by {list(_SLOPES)}, not by metric {metric!r}")
    validate(ds)
    recorded = ds["step"].values >= 0
    run, checkpoint = np.nonzero(recorded)
    log_prob, label = ds["log_prob"].values, ds["label"].values
    block = max(1, int(_WORKSPACE / (8 * ds.sizes["sample"] * ds.sizes["class"])))
    out = np.full(recorded.shape, np.nan)
    for start in range(0, len(run), block):
        at = run[start : start + block], checkpoint[start : start + block]
        out[at] = _nearest(*_in_plane(log_prob[at], label), ds.sizes["class"], _SLOPES[metric])
    # A shallow copy shares its coordinates with `ds`, and xarray merges what is shared without comparing or warning.
    like = ds["step"].copy(deep=False, data=out).rename("progress")
    like.attrs = {"long_name": "progress", "metric": metric, "units": "1"}
    return like


def _in_plane(
    log_prob: NDArray[Any], label: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Length and angle from truth of the part in the geodesic's plane, squared length of the part off it."""
    amplitude = np.exp(0.5 * normalize(log_prob))
    is_label = np.arange(amplitude.shape[-1]) == label[:, None]
    wrong = np.where(is_label, 0.0, amplitude)
    mean_wrong = wrong.sum(-1) / (amplitude.shape[-1] - 1)
    on_label = np.where(is_label, amplitude, 0.0).sum(-1)
    on_uniform = mean_wrong * np.sqrt(amplitude.shape[-1] - 1)
    off_plane = np.where(is_label, 0.0, wrong - mean_wrong[..., None])
    return np.hypot(on_label, on_uniform), np.arctan2(on_uniform, on_label), np.square(off_plane).sum(-1)


_Slope = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


def _fisher_rao_slope(
    x: NDArray[np.float64], length: NDArray[np.float64], off: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return d arccos(R cos x) / dx = R sin x / sqrt(off + (R sin x)^2); 0 on the point itself, where it jumps."""
    along = length * np.sin(x)
    away = np.sqrt(off + along * along)
    out: NDArray[np.float64] = np.divide(along, away, out=np.zeros_like(x), where=away > 0)
    return out


def _bhattacharyya_slope(
    x: NDArray[np.float64], length: NDArray[np.float64], off: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return d -log(R cos x) / dx = tan x."""
    return np.tan(x)


_SLOPES: dict[str, _Slope] = {"fisher_rao": _fisher_rao_slope, "bhattacharyya": _bhattacharyya_slope}


def _nearest(
    length: NDArray[np.float64],
    angle: NDArray[np.float64],
    off: NDArray[np.float64],
    classes: int,
    slope: _Slope,
) -> NDArray[np.float64]:
    """Midpoint of the minimisers t for each point; the arrays are (point, sample)."""
    theta_0 = np.arccos(1 / np.sqrt(classes))

    def descent(t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return -d objective / dt, up to a positive factor: positive while the minimum lies ahead."""
        total: NDArray[np.float64] = slope((1 - t[:, None]) * theta_0 - angle, length, off).sum(-1)
        return total

    first = _boundary(lambda t: descent(t) > 0, len(length))
    # Where the objective is level from `first` on, the minimiser is an interval: find its other end.
    step_on = np.minimum(first + 2.0 ** (2 - _HALVINGS), 1.0)
    level = descent(step_on) == 0
    if not level.any():
        return first
    length, angle, off = length[level], angle[level], off[level]
    last = first.copy()
    last[level] = _boundary(lambda t: descent(t) >= 0, int(level.sum()))
    return 0.5 * (first + last)


def _boundary(ahead: Callable[[NDArray[np.float64]], NDArray[np.bool_]], n: int) -> NDArray[np.float64]:
    """Bisect for where `ahead` turns false on [0, 1]: exactly 0 or 1 where it is false or true throughout."""
    low, high = np.zeros(n), np.ones(n)
    at_start, at_end = ahead(low), ahead(high)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        further = ahead(middle)
        low, high = np.where(further, middle, low), np.where(further, high, middle)
    return np.where(at_end, 1.0, np.where(at_start, 0.5 * (low + high), 0.0))


def loss(ds: xr.Dataset) -> xr.DataArray:
    """Mean cross-entropy -(1/N) sum_n log p_n(label_n) of each point, in nats.

    Parameters
    ----------
    ds
        A trajectory dataset.

    Returns
    -------
    xarray.DataArray
        (run, checkpoint); NaN where missing, inf where a label has probability 0.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(classes=4)
    >>> round(float(tk.loss(ds)[0, 0]), 4)  # ln 4
    1.3863
    """
    on_label = ds["log_prob"].isel({"class": ds["label"].drop_vars("label")})
    out = 0.0 - on_label.astype(np.float64).mean("sample", skipna=False)  # no minus sign before a loss of zero
    return _per_point(out, ds, "loss", "mean cross-entropy", "nat")


def error(ds: xr.Dataset) -> xr.DataArray:
    """Share of samples whose most probable class is not the label; the first class wins a tie.

    Parameters
    ----------
    ds
        A trajectory dataset.

    Returns
    -------
    xarray.DataArray
        (run, checkpoint), from 0 to 1; NaN where missing.

    Examples
    --------
    >>> import trajkit as tk
    >>> float(tk.error(tk.simulate())[0, -1])
    0.0
    """
    wrong = (ds["log_prob"].fillna(-np.inf).argmax("class") != ds["label"]).mean("sample")
    return _per_point(wrong.where(ds["step"] >= 0), ds, "error", "classification error", "1")


def _per_point(values: xr.DataArray, ds: xr.Dataset, name: str, long_name: str, units: str) -> xr.DataArray:
    values = values.drop_vars([n for n in values.coords if n not in (*run_attributes(ds), "run", "checkpoint")])
    return values.rename(name).assign_attrs(long_name=long_name, units=units)
