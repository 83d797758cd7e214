"""Trajectories resampled at equal progress, or at equal values of another quantity."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from trajkit.curves.geodesic import great_circle
from trajkit.curves.length import arc_length
from trajkit.curves.progress import progress_of
from trajkit.curves.shared_range import REACH, shared_range
from trajkit.curves.start import from_start, since_start
from trajkit.schema import VARIABLES, validated
from trajkit.typing import Array, Indices, Mask

EXTENDS = ("hold", "nan", "shared")


def resample(
    ds: xr.Dataset,
    n: int = 100,
    by: str | xr.DataArray = "progress",
    *,
    extend: str = "hold",
    reach: float = REACH,
) -> xr.Dataset:
    """Resample each run to n points that are equally spaced in progress, length or another quantity.

    Between the two checkpoints that bracket a value, the model is the point of the geodesic between them at the same
    fraction of the way: with s_k <= s < s_{k+1}, geodesic(p_k, p_{k+1}, (s - s_k) / (s_{k+1} - s_k)). The quantity is
    made monotone by its running maximum first.

    Parameters
    ----------
    ds
        A trajectory dataset.
    n
        Number of points of the progress grid. Both ends are included; another quantity has a grid of as many points.
    by
        "progress", from 0 to 1 (also a DataArray of that name, such as progress by another metric); "length", the
        share of the run's own length from 0 to 1; the name of a variable of `ds` on (run, checkpoint), or a DataArray
        on them, from its smallest to its largest value over all runs. Pass a quantity that decreases during
        training, such as a loss, with its sign changed.
    extend
        Beyond a run's own range: "hold" repeats its first or last checkpoint, "nan" leaves missing points. "shared"
        places the n points between the largest first and the smallest last value of all runs, so that every run has
        every point; this is the default of functions that compare runs.
    reach
        With "shared", the share of what the median network reaches that a run must reach. Other runs would shorten the
        interval for all: they are left out, and `attrs["left_out"]` names them.

    Returns
    -------
    xarray.Dataset
        A trajectory dataset whose checkpoints are the n values; the variable named as the quantity holds them, and
        `step` counts them. Other per-point variables are left out. `attrs["extend"]` says which of the three was used;
        with "shared", also `shared_from` and `shared_to`, the ends of the interval, `shared_part`, its share of the
        whole grid, and `left_out`. Trajectories begin at their `start_step` if they have one. A reference that is one
        point, such as ignorance or truth, stands everywhere.

    Raises
    ------
    ValueError
        If `n` is less than 2; if the quantity is unknown, not on (run, checkpoint), missing at a recorded checkpoint,
        constant, or decreasing in every run; with "shared", if the runs have no interval in common, or all but one
        reach too little.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.with_references(tk.simulate(runs=2), n_geodesic=9)
    >>> even = tk.resample(ds, n=5)
    >>> tk.progress(even).sel(run="geodesic").values.round(6)
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])

    References
    ----------
    Mao et al., PNAS 121(12), 2024, arXiv 2305.01604 (interpolation of trajectories).
    """
    ds = validated(ds)
    return resampled(ds, n, by, extend=extend, reach=reach)


def resampled(
    ds: xr.Dataset,
    n: int = 100,
    by: str | xr.DataArray = "progress",
    *,
    extend: str = "hold",
    reach: float = REACH,
) -> xr.Dataset:
    """Compute `resample` of a dataset that is known to be valid.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=2)
    >>> resampled(ds, 5).identical(tk.resample(ds, 5))
    True
    """
    if n < 2:
        raise ValueError(f"n: wanted 2 points or more, got {n}")
    if extend not in EXTENDS:
        raise ValueError(f"extend: wanted one of {list(EXTENDS)}, got {extend!r}")
    quantity = _quantity(ds, by)
    name = str(quantity.name or "value")
    values, on_road = quantity.values.astype(np.float64), since_start(ds)
    shares = name == "progress" or (isinstance(by, str) and by == "length")
    grid = np.linspace(0, 1, n) if shares else _grid(values, on_road, n, name)
    own = [np.maximum.accumulate(row[there]) for row, there in zip(values, on_road, strict=True)]
    shared = shared_range(ds, own, grid, reach, name) if extend == "shared" else None
    if shared is not None:
        ds, on_road, own = ds.isel(run=shared.runs), on_road[shared.runs], [own[r] for r in shared.runs]
        grid = np.linspace(shared.low, shared.high, n)
    log_prob, inside = on_grid(ds["log_prob"].values, on_road, own, grid)
    if extend == "nan":
        log_prob[~inside] = np.nan
    else:
        inside[:] = True
    said: dict[str, str | float] = {"extend": extend, **(shared.attrs if shared is not None else {})}
    return _resampled(ds, log_prob, inside, grid, name).assign_attrs(said)


def said_of(even: xr.Dataset) -> dict[str, str | float]:
    """Take the attributes that say how far runs are compared.

    Examples
    --------
    >>> import trajkit as tk
    >>> said_of(tk.resample(tk.simulate(runs=2), 3))
    {'extend': 'hold'}
    """
    names = ("extend", "shared_from", "shared_to", "shared_part", "left_out")
    return {name: even.attrs[name] for name in names if name in even.attrs}


def on_grid(
    given: NDArray[np.float32], on_road: Mask, own: list[Array], grid: Array
) -> tuple[NDArray[np.float32], Mask]:
    """Interpolate each run (run, checkpoint, sample, class) at the values of the grid, and mark those in its own range.

    `own` is, for each run, the running maximum of the quantity over the checkpoints that `on_road` marks.

    Examples
    --------
    >>> import trajkit as tk
    >>> ds = tk.simulate(runs=1, checkpoints=3)
    >>> own = [tk.progress(ds).values[0]]
    >>> at, inside = on_grid(ds["log_prob"].values, ds["step"].values >= 0, own, np.array([0.5, 1.5]))
    >>> bool(np.allclose(at[0, 0], ds["log_prob"][0, 1], atol=1e-5)), inside.tolist()
    (True, [[True, False]])
    """
    log_prob = np.empty((len(given), len(grid), *given.shape[2:]), dtype=given.dtype)
    inside = np.empty(log_prob.shape[:2], dtype=bool)
    for r, reached in enumerate(own):
        k, fraction = _bracket(reached, grid)
        curve = given[r, on_road[r]]
        log_prob[r] = great_circle(curve[k], curve[np.minimum(k + 1, len(reached) - 1)], fraction)
        inside[r] = (grid >= reached[0]) & (grid <= reached[-1])
    return log_prob, inside


def _quantity(ds: xr.Dataset, by: str | xr.DataArray) -> xr.DataArray:
    if isinstance(by, xr.DataArray):
        if set(by.dims) != {"run", "checkpoint"}:
            raise ValueError(f"by: wanted a DataArray on (run, checkpoint), got {by.name!r} on {by.dims}")
        out = by.transpose("run", "checkpoint").reindex(run=ds["run"].values, checkpoint=ds["checkpoint"].values)
    elif not isinstance(by, str):
        raise ValueError(f"by: wanted a name or a DataArray on (run, checkpoint), got {type(by).__name__}")
    elif by == "progress":
        out = progress_of(ds)
    elif by == "length":
        out = arc_length(from_start(ds))
        total = out.max("checkpoint")
        if still := out["run"].values[(total == 0).values].tolist():
            raise ValueError(
                f"runs {still[:5]} have length 0 (one checkpoint, or all alike): they have no shares of it"
            )
        out = out / total
    elif by in ds and ds[by].dims == ("run", "checkpoint"):
        out = ds[by]
    else:
        known = [str(v) for v in ds.data_vars if ds[v].dims == ("run", "checkpoint")]
        raise ValueError(f"by: wanted 'progress', 'length', a DataArray or one of {known}, got {by!r}")
    if out.dtype.kind not in "fiub":
        raise ValueError(f"by: wanted numbers to space points by, got {out.name!r} of dtype {out.dtype}")
    lacking = np.argwhere(~np.isfinite(out.values) & since_start(ds))
    if len(lacking):
        r, k = lacking[0]
        raise ValueError(
            f"{len(lacking)} recorded checkpoints have no finite value to resample by; "
            f"the first: run {str(ds.run.values[r])!r}, checkpoint {ds.checkpoint.values[k]}"
        )
    return out


def _grid(values: Array, on_road: Mask, n: int, name: str) -> Array:
    low, high = values[on_road].min(), values[on_road].max()
    if low == high:
        raise ValueError(f"{name!r} is {low:g} everywhere: nothing to space points by")
    net = [row[mask][-1] - row[mask][0] for row, mask in zip(values, on_road, strict=True)]
    if max(net) < 0:
        raise ValueError(f"{name!r} falls along every run; resample by what grows, such as its negative")
    return np.linspace(low, high, n)


def _bracket(own: Array, grid: Array) -> tuple[Indices, Array]:
    """Index of the checkpoint before each value, and the fraction of the way to the next one."""
    # The last of several with the same value, so that beyond a run's range its last checkpoint stands.
    k = np.maximum(np.searchsorted(own, grid, side="right") - 1, 0)
    at = np.clip(grid, own[0], own[-1])
    gap = own[np.minimum(k + 1, len(own) - 1)] - own[k]
    return k, np.divide(at - own[k], gap, out=np.zeros_like(at), where=gap > 0)


def _resampled(ds: xr.Dataset, log_prob: NDArray[np.float32], inside: Mask, grid: Array, name: str) -> xr.Dataset:
    runs = inside.any(1)
    if not runs.all():
        raise ValueError(
            f"runs {ds.run.values[~runs][:5].tolist()} reach none of the {len(grid)} values; "
            "use extend='hold' or a larger n"
        )
    coords = {n: c for n, c in ds.coords.items() if "checkpoint" not in c.dims}
    # A quantity named like a required variable (the step) or an attribute cannot stand beside it.
    taken = name in VARIABLES or name in coords
    kept = {} if taken else {name: (("run", "checkpoint"), np.where(inside, grid, np.nan))}
    return xr.Dataset(
        {
            "log_prob": (ds["log_prob"].dims, log_prob, ds["log_prob"].attrs),
            "step": (("run", "checkpoint"), np.where(inside, np.arange(len(grid)), -1)),
            **kept,
        },
        coords={**coords, "checkpoint": np.arange(len(grid))},
        attrs={**ds.attrs, "resampled_by": name},
    )
